//! Records and enumerations: their way to Python and back, and peers that declare different types
//! under one name.

use serde_json::{Value, json};

use crate::harness::{Framing, Network, Raises, request, returned};

const INIT: &str = r#"
network:
  servers:
    server1: { ip: 127.0.0.1, port: 1 }
  clients:
    client1: { ip: 127.0.0.1 }
types:
  Level: [low, high, and]
  Tally: { candidate: str, votes: int, trust: "Optional[Level]" }
  Poll: { tallies: "Dict[str, Tally]", best: "Tuple[Tally, Level]" }
services:
  svc1:
    provider: server1
    tenants: [client1]
    rpcs:
      - { name: count, arguments: { tally: Tally, more: int }, returns: Tally }
      - { name: raise_level, arguments: { level: Level }, returns: Level }
      - { name: poll, arguments: { tallies: "List[Tally]" }, returns: Poll }
      - { name: give, arguments: { code: str }, returns: Tally }
      - { name: show, arguments: { tally: Tally }, returns: str }
"#;

/// The type text that a stub sends for a `Tally`.
const TALLY: &str = "Tally{candidate: str, votes: int, trust: Optional[Level{low, high, and}]}";

fn serving() -> Network {
    let network = Network::new(INIT);
    for (name, source) in [
        (
            "count",
            "from rpc_types import Tally\n\n\
             def count(tally: Tally, more: int) -> Tally:\n    \
             return Tally(candidate=tally.candidate, votes=tally.votes + more, trust=tally.trust)\n",
        ),
        (
            "raise_level",
            "from rpc_types import Level\n\n\
             def raise_level(level: Level) -> Level:\n    return Level.high if level == 'low' else level\n",
        ),
        (
            "poll",
            "import rpc_types\n\n\
             def poll(tallies):\n    by_name = {t.candidate: t for t in tallies}\n    \
             return rpc_types.Poll(tallies=by_name, best=(max(tallies, key=lambda t: t.votes), 'and'))\n",
        ),
        (
            "give",
            "import types\nfrom rpc_types import *\n\ndef give(code):\n    return eval(code)\n",
        ),
        ("show", "def show(tally):\n    return repr(tally)\n"),
    ] {
        network.write(&format!("services/svc1/{name}.py"), source);
    }
    network.served(&[])
}

#[test]
fn records_go_to_python_and_back() {
    let network = serving();
    for framing in Framing::BOTH {
        let mut peer = network.peer(framing);
        let tally = json!({ "votes": 3, "candidate": "ann", "trust": "low" });
        for ty in ["Tally", TALLY, " Tally "] {
            let request = request("svc1", "count")
                .arg(ty, tally.clone())
                .arg("int", 2)
                .id(1);
            let expected = json!([{ "candidate": "ann", "votes": 5, "trust": "low" }]);
            assert_eq!(
                *returned(&peer.call(request.returns(&["Tally"]))),
                expected,
                "{ty}"
            );
        }
        let raised = peer.call(request("svc1", "raise_level").arg("Level", "low").id(2));
        assert_eq!(*returned(&raised), json!(["high"]));
        let shown = peer.call(
            request("svc1", "show")
                .arg("Tally", json!({ "candidate": "é", "votes": 0 }))
                .id(3),
        );
        assert_eq!(
            *returned(&shown),
            json!(["Tally(candidate='é', votes=0, trust=None)"])
        );
        let ann = json!({ "candidate": "ann", "votes": 1 });
        let bob = json!({ "candidate": "bob", "votes": 2 });
        let poll = peer.call(
            request("svc1", "poll")
                .arg("List[Tally]", json!([ann, bob]))
                .id(4),
        );
        let with_trust =
            |name: &str, votes: i64| json!({ "candidate": name, "votes": votes, "trust": null });
        let expected = json!([{
            "tallies": { "ann": with_trust("ann", 1), "bob": with_trust("bob", 2) },
            "best": [with_trust("bob", 2), "and"],
        }]);
        assert_eq!(*returned(&poll), expected);
    }
}

#[test]
fn a_procedure_may_return_any_value_with_the_right_fields() {
    let network = serving();
    let mut peer = network.peer(Framing::Lines);
    for (code, votes) in [
        ("Tally(candidate='a', votes=1)", 1),
        ("{'votes': 2, 'candidate': 'a'}", 2),
        ("types.SimpleNamespace(candidate='a', votes=3, other=1)", 3),
        (
            "Tally(candidate=''.join(Level), votes=len(Level), trust=Level('low' if 'low' in Level else 'x'))",
            3,
        ),
    ] {
        let answer = peer.call(request("svc1", "give").arg("str", code).id(code));
        assert_eq!(returned(&answer)[0]["votes"], json!(votes), "{code}");
    }
    for (code, words) in [
        ("None", "NoneType where `Tally` is declared"),
        (
            "{'candidate': 'a'}",
            "a dict without `votes` where `Tally` is declared",
        ),
        (
            "{'candidate': 'a', 'votes': 1, 'x': 1}",
            "a dict with the unknown field 'x'",
        ),
        (
            "Tally(candidate='a', votes='1')",
            "str where `int` is declared at .votes",
        ),
        (
            "Tally(candidate='a', votes=1, trust='top')",
            "'top' where `Level` is declared at .trust",
        ),
        (
            "types.SimpleNamespace(candidate='a')",
            "SimpleNamespace without an attribute `votes`",
        ),
    ] {
        let answer = peer.call(request("svc1", "give").arg("str", code).id(code));
        Raises(
            "Execution Exception",
            "yes",
            &["`svc1.give(str)` returned", words],
        )
        .check(&answer);
    }
    let answer = peer.call(request("svc1", "give").arg("str", "Level('top')").id(1));
    Raises(
        "Execution Exception",
        "yes",
        &["'top' is not an item of Level, which has low, high, and"],
    )
    .check(&answer);
    let answer = peer.call(
        request("svc1", "give")
            .arg("str", "Tally(candidate='a', vote=1)")
            .id(1),
    );
    Raises(
        "Execution Exception",
        "yes",
        &["unexpected keyword argument 'vote'"],
    )
    .check(&answer);
}

#[test]
fn a_record_that_the_caller_declares_differently_is_refused_with_the_difference() {
    let network = serving();
    let mut peer = network.peer(Framing::Framed);
    let level = "Level{low, high, and}";
    for (ty, words) in [
        (
            format!("Tally{{candidate: str, votes: float, trust: Optional[{level}]}}"),
            "argument 1 of `svc1.show(Tally)`: the field `votes` of `Tally` is `int` at the server and `float` at the caller",
        ),
        (
            format!("Tally{{candidate: str, trust: Optional[{level}]}}"),
            "the field `votes` of `Tally` is `int` at the server and missing at the caller",
        ),
        (
            format!("Tally{{votes: int, candidate: str, trust: Optional[{level}]}}"),
            "the order of the fields of `Tally` is `candidate, votes, trust` at the server and",
        ),
        (
            "Tally{candidate: str, votes: int, trust: Optional[Level{low, high}]}".to_owned(),
            "the item `and` of `Level` is `and` at the server and missing at the caller",
        ),
        (
            format!("Talley{{candidate: str, votes: int, trust: Optional[{level}]}}"),
            "`svc1.show` has no overload (Talley)",
        ),
        ("Talley".to_owned(), "unknown type `Talley`"),
        (
            "Tally{candidate: str".to_owned(),
            "`,` or `}` is missing here",
        ),
    ] {
        let answer = peer.call(request("svc1", "show").arg(&ty, json!({})).id(ty.clone()));
        Raises(
            "Invalid Arguments",
            "no",
            &[words, "valid: svc1.show(Tally) -> (str)"],
        )
        .check(&answer);
    }
    let tally = json!({ "candidate": "a", "votes": 1 });
    let wanted = request("svc1", "count")
        .arg("Tally", tally)
        .arg("int", 1)
        .id(9);
    let answer = peer.call(wanted.returns(&["Tally{candidate: str}"]));
    let words = "the return types of `svc1.count(Tally, int)`: the field `votes` of `Tally` is `int` at the server and missing at the caller";
    Raises("Invalid Arguments", "no", &[words]).check(&answer);
}

#[test]
fn a_value_that_does_not_match_the_record_is_refused() {
    let network = serving();
    let mut peer = network.peer(Framing::Lines);
    for (value, words) in [
        (
            json!({ "candidate": "a" }),
            "the field `votes` of `Tally` is missing",
        ),
        (
            json!({ "candidate": "a", "votes": 1, "vote": 2 }),
            "`Tally` has no field `vote`; its fields are candidate, votes, trust",
        ),
        (
            json!({ "candidate": "a", "votes": 1, "trust": "top" }),
            "`top` is not an item of `Level`; its items are low, high, and",
        ),
        (json!(["a", 1]), "expected `Tally`"),
    ] {
        let answer = peer.call(request("svc1", "show").arg("Tally", value).id(1));
        Raises(
            "Invalid Arguments",
            "no",
            &["argument 1 of `svc1.show(Tally)`", words],
        )
        .check(&answer);
    }
    let doubled = r#"{"header": "RPC-REQ", "value": {"service": "svc1", "rpc": "show", "id": 2, "arguments":
        [{"votes": 1, "votes": 2, "candidate": "a"}], "argument-types": ["Tally"]}}"#;
    let answer = peer.call(doubled.replace('\n', " "));
    Raises(
        "Invalid Arguments",
        "no",
        &["duplicate field `votes` of `Tally`"],
    )
    .check(&answer);
}

#[test]
fn a_changed_record_is_deployed_and_callers_with_the_old_one_are_refused() {
    let network = serving();
    let file = network.path().join("init.yaml");
    let init = std::fs::read_to_string(&file).expect("init.yaml");
    std::fs::write(
        &file,
        init.replace("votes: int", "votes: int, at: \"Optional[str]\""),
    )
    .expect("written");
    network.apply().succeeds();
    let tally = json!({ "candidate": "a", "votes": 1, "at": "noon" });
    let mut peer = network.peer(Framing::Lines);
    let shown: Value = peer.call(request("svc1", "show").arg("Tally", tally.clone()).id(1));
    assert_eq!(
        *returned(&shown),
        json!(["Tally(candidate='a', votes=1, at='noon', trust=None)"])
    );
    let answer = peer.call(request("svc1", "show").arg(TALLY, tally).id(2));
    let words =
        "the field `at` of `Tally` is `Optional[str]` at the server and missing at the caller";
    Raises("Invalid Arguments", "no", &[words]).check(&answer);
}

#[test]
fn rpc_client_accepts_records_as_json_and_items_as_plain_words() {
    let network = serving();
    let call =
        |arguments: &[&str]| network.client(&[&["--as", "client1", "call"], arguments].concat());
    assert_eq!(
        call(&["svc1.raise_level", "low"]).succeeds().stdout,
        "\"high\"\n"
    );
    assert_eq!(
        call(&["svc1.raise_level", "\"and\""]).succeeds().stdout,
        "\"and\"\n"
    );
    let tally = r#"{"candidate": "a", "votes": 1}"#;
    let counted = call(&["svc1.count", tally, "4", "--types", "Tally,int"])
        .succeeds()
        .stdout;
    assert_eq!(
        counted,
        "{\"candidate\":\"a\",\"votes\":5,\"trust\":null}\n"
    );
    let no_overload = "no overload takes these values";
    for (arguments, why) in [
        (
            ["svc1.raise_level", "top"],
            "argument 1: `top` is not an item of `Level`; its items are low, high, and; valid: svc1.raise_level(Level)",
        ),
        (["svc1.raise_level", "7"], "argument 1: `7` is not an item"),
    ] {
        call(&arguments)
            .ends(2)
            .says(&format!("{no_overload}: {why}"));
    }
    call(&["svc1.count", r#"{"candidate": "a"}"#, "4"])
        .ends(2)
        .says("argument 1: the field");
}
