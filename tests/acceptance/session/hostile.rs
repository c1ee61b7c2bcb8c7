//! Hostile JSON: too deep, too long, too many members, invalid text.

use serde_json::Value;

use super::add;
use crate::harness::{ADD, Framing, Network, Raises, number};

/// Returns a request for `add` with these members, as raw text.
fn with(members: &str) -> String {
    format!(
        "{{\"header\":\"RPC-REQ\",\"value\":{{\"service\":\"svc1\",\"rpc\":\"add\",{members}}}}}"
    )
}

const TYPES: &str = "\"argument-types\":[\"int\",\"int\"]";

/// Asserts, over both framings, that each text gets one short answer, and that the session goes on.
/// The answer is an exception of the given type, or 5 for `None`.
fn check(cases: &[(String, Option<&str>)]) {
    let network = Network::serving(&[ADD]);
    for framing in Framing::BOTH {
        let mut peer = network.peer(framing);
        assert_eq!(number(&peer.call(add().id(0))), 5);
        for (text, expected) in cases {
            let answer: Value = peer.call(text);
            match expected {
                None => assert_eq!(number(&answer), 5, "{text:.100}"),
                Some(kind) => Raises(kind, "no", &[]).check(&answer),
            }
            assert!(
                answer.to_string().len() < 2000,
                "the answer is too long: {text:.100}"
            );
            assert_eq!(number(&peer.call(add().id(1))), 5, "{text:.100}");
        }
        assert_eq!(number(&network.peer(framing).call(add())), 5);
    }
}

#[test]
fn json_that_nests_a_hundred_thousand_deep_is_harmless() {
    let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
    let objects = format!("{}1{}", "{\"a\":".repeat(100_000), "}".repeat(100_000));
    let malformed = Some("Malformed Message");
    check(&[
        ("[".repeat(100_000), malformed),
        ("{\"header\":".repeat(100_000), malformed),
        (deep.clone(), malformed),
        (format!("{{\"header\":{deep},\"value\":{{}}}}"), malformed),
        (
            format!("{{\"header\":\"RPC-REQ\",\"value\":{deep}}}"),
            malformed,
        ),
        (with(&format!("\"id\":{deep}")), malformed),
        (
            with(&format!("\"arguments\":{deep},{TYPES},\"id\":1")),
            Some("Invalid Arguments"),
        ),
        (
            with(&format!("\"arguments\":[{deep},1],{TYPES},\"id\":1")),
            Some("Invalid Arguments"),
        ),
        (
            with(&format!("\"arguments\":[{objects},1],{TYPES},\"id\":1")),
            Some("Invalid Arguments"),
        ),
        (
            with(&format!(
                "\"arguments\":[2,3],{TYPES},\"id\":1,\"unknown\":{deep}"
            )),
            None,
        ),
        (
            with(&format!(
                "\"arguments\":[2,3],{TYPES},\"id\":1,\"unknown\":{objects}"
            )),
            None,
        ),
    ]);
}

#[test]
fn numbers_and_texts_of_a_megabyte_get_short_answers() {
    let digits = "7".repeat(1_000_000);
    let letters = "a".repeat(1_000_000);
    let malformed = Some("Malformed Message");
    let invalid = Some("Invalid Arguments");
    check(&[
        (
            with(&format!("\"arguments\":[{digits},1],{TYPES},\"id\":1")),
            invalid,
        ),
        (
            with(&format!("\"arguments\":[1e{digits},1],{TYPES},\"id\":1")),
            invalid,
        ),
        (
            with(&format!("\"arguments\":[\"{letters}\",1],{TYPES},\"id\":1")),
            invalid,
        ),
        (
            with(&format!(
                "\"arguments\":[2,3],\"argument-types\":[\"{letters}\",\"int\"],\"id\":1"
            )),
            invalid,
        ),
        (
            with(&format!(
                "\"arguments\":[2,3],{TYPES},\"return-types\":[\"{letters}\"],\"id\":1"
            )),
            invalid,
        ),
        (with(&format!("\"id\":{digits}")), malformed),
        (
            with(&format!(
                "\"arguments\":[2,3],{TYPES},\"id\":1,\"client\":\"{letters}\""
            )),
            Some("Client Not Registered"),
        ),
        (with(&format!("\"{letters}\":1,\"{letters}\":2")), malformed),
        (
            format!("{{\"header\":\"{letters}\",\"value\":{{}}}}"),
            malformed,
        ),
        (letters.clone(), malformed),
        (
            format!(
                "{{\"header\":\"RPC-REQ\",\"value\":{{\"id\":1,\"service\":\"{letters}\",\"rpc\":\"add\",\"arguments\":[],\
                 \"argument-types\":[]}}}}"
            ),
            Some("Service Not Found"),
        ),
        (
            format!(
                "{{\"header\":\"RPC-REQ\",\"value\":{{\"id\":1,\"service\":\"svc1\",\"rpc\":\"{letters}\",\"arguments\":[],\
                 \"argument-types\":[]}}}}"
            ),
            Some("RPC Not Found"),
        ),
    ]);
}

#[test]
fn lists_and_objects_with_too_many_members_are_refused() {
    let many = |item: &str| vec![item; 100_000].join(",");
    let members: Vec<_> = (0..20_000).map(|index| format!("\"m{index}\":0")).collect();
    let malformed = Some("Malformed Message");
    let ones = many("1");
    check(&[
        (with(&format!("\"id\":1,{}", members.join(","))), malformed),
        (
            with(&format!("\"arguments\":[{ones}],{TYPES},\"id\":1")),
            malformed,
        ),
        (
            with(&format!(
                "\"arguments\":[2,3],\"argument-types\":[{}],\"id\":1",
                many("\"int\"")
            )),
            malformed,
        ),
        (
            with(&format!("\"arguments\":[[{ones}],1],{TYPES},\"id\":1")),
            Some("Invalid Arguments"),
        ),
    ]);
}

#[test]
fn a_lone_surrogate_is_refused_except_in_ignored_members() {
    let lone = "\"\\ud800\"";
    let malformed = Some("Malformed Message");
    let request = |service: &str, rpc: &str, rest: &str| {
        format!(
            "{{\"header\":\"RPC-REQ\",\"value\":{{\"service\":{service},\"rpc\":{rpc},{rest}}}}}"
        )
    };
    let good = format!("\"arguments\":[2,3],{TYPES}");
    check(&[
        (
            format!("{{\"header\":{lone},\"value\":{{\"id\":1}}}}"),
            malformed,
        ),
        (
            request(lone, "\"add\"", &format!("{good},\"id\":1")),
            malformed,
        ),
        (
            request("\"svc1\"", lone, &format!("{good},\"id\":1")),
            malformed,
        ),
        (with(&format!("{good},\"id\":{lone}")), malformed),
        (
            with(&format!("{good},\"id\":1,\"client\":{lone}")),
            malformed,
        ),
        (
            with(&format!(
                "\"arguments\":[2,3],\"argument-types\":[{lone},\"int\"],\"id\":1"
            )),
            malformed,
        ),
        (
            with(&format!("\"arguments\":[{lone},3],{TYPES},\"id\":1")),
            Some("Invalid Arguments"),
        ),
        (with(&format!("{good},\"id\":1,{lone}:1")), malformed),
        (
            with(&format!("{good},\"id\":1,\"unknown\":\"\\udc00\\ud800\"")),
            None,
        ),
    ]);
}
