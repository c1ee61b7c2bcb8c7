//! `Malformed Message`: the message names the error and the byte. The session stays open, unless
//! its framing is lost.

use serde_json::{Value, json};

use super::add;
use crate::harness::{ADD, Framing, Network, Raises, number};

fn text_of(value: &Value) -> String {
    json!({ "header": "RPC-REQ", "value": value }).to_string()
}

/// Returns a good request with one member changed, or removed.
fn with(member: &str, value: Option<Value>) -> String {
    let mut request = json!({ "id": 7, "service": "svc1", "rpc": "add", "arguments": [2, 3], "argument-types": ["int", "int"] });
    match value {
        Some(value) => request[member] = value,
        None => drop(request.as_object_mut().expect("an object").remove(member)),
    }
    text_of(&request)
}

/// Sends each text over one session of each framing. Checks the answer's id and words, and that the
/// next request is served.
fn check(cases: &[(&[u8], Value, &[&str])]) {
    let network = Network::serving(&[ADD]);
    for framing in Framing::BOTH {
        let mut peer = network.peer(framing);
        assert_eq!(number(&peer.call(add("svc1").id(0))), 5);
        for (text, id, words) in cases {
            let bytes = peer.framed_bytes(text);
            peer.send_bytes(&bytes);
            let answer = peer.receive();
            Raises("Malformed Message", "no", words).check(&answer);
            let shown = String::from_utf8_lossy(text);
            assert_eq!(
                answer["value"].get("id"),
                Some(id),
                "{framing:?} {shown:.200}"
            );
            assert_eq!(
                number(&peer.call(add("svc1").id(1))),
                5,
                "{framing:?} after {shown:.200}"
            );
        }
        assert_eq!(number(&network.peer(framing).call(add("svc1"))), 5);
    }
}

#[test]
fn text_that_is_not_a_json_object_is_refused_with_its_place() {
    let null = Value::Null;
    check(&[
        (
            b"hello, is anybody there?",
            null.clone(),
            &["not JSON", "byte 1"],
        ),
        (b"{\"header\":", null.clone(), &["not JSON", "byte 10"]),
        (
            b"{\"header\": RPC-REQ}",
            null.clone(),
            &["not JSON", "byte 12"],
        ),
        (
            b"{'header': 'RPC-REQ'}",
            null.clone(),
            &["not JSON", "byte 2"],
        ),
        (
            b"{\"header\":\"RPC-REQ\",\"value\":{},}",
            null.clone(),
            &["not JSON", "byte 32"],
        ),
        (b"{} {}", null.clone(), &["not JSON", "byte 4"]),
        (
            b"{\"header\":\"RPC-REQ\",\"value\":{\"id\":1,}}",
            null.clone(),
            &["not JSON"],
        ),
        (
            b"{\"header\":\"RPC-REQ\",\"value\":{\"id\":NaN}}",
            null.clone(),
            &["not JSON"],
        ),
        (b"[]", null.clone(), &["object"]),
        (b"[1, 2]", null.clone(), &["object"]),
        (b"7", null.clone(), &["object"]),
        (b"\"RPC-REQ\"", null.clone(), &["object"]),
        (b"null", null.clone(), &["object"]),
        (
            b"{\"header\":\"\xff\"}",
            null.clone(),
            &["UTF-8", "byte 12"],
        ),
        (b"{\"header\":\"\xc3", null.clone(), &["UTF-8", "byte 12"]),
        (
            b"{\"header\":\"\xed\xa0\x80\"}",
            null.clone(),
            &["UTF-8", "byte 12"],
        ),
        (
            b"{\"header\":\"\x01\"}",
            null,
            &["not JSON", "control character"],
        ),
    ]);
}

#[test]
fn a_header_that_is_missing_wrong_or_unknown_is_refused() {
    let null = Value::Null;
    let id = json!("h");
    check(&[
        (b"{}", null.clone(), &["`header`"]),
        (b"{\"value\":{\"id\":\"h\"}}", id.clone(), &["`header`"]),
        (
            b"{\"header\":7,\"value\":{\"id\":\"h\"}}",
            id.clone(),
            &["`header`", "string"],
        ),
        (
            b"{\"header\":null,\"value\":{\"id\":\"h\"}}",
            id.clone(),
            &["`header`", "string"],
        ),
        (b"{\"header\":\"RPC-REQ\"}", null.clone(), &["`value`"]),
        (
            b"{\"header\":\"RPC-REQ\",\"value\":null}",
            null.clone(),
            &["`value`", "object"],
        ),
        (
            b"{\"header\":\"RPC-REQ\",\"value\":[]}",
            null.clone(),
            &["`value`", "object"],
        ),
        (
            b"{\"header\":\"RPC-REQ\",\"value\":\"{}\"}",
            null.clone(),
            &["`value`", "object"],
        ),
        (
            b"{\"header\":\"RPC-FOO\",\"value\":{\"id\":\"h\"}}",
            id.clone(),
            &["`RPC-FOO`"],
        ),
        (
            b"{\"header\":\"rpc-req\",\"value\":{\"id\":\"h\"}}",
            id.clone(),
            &["`rpc-req`"],
        ),
        (
            b"{\"header\":\"\",\"value\":{\"id\":\"h\"}}",
            id.clone(),
            &["``"],
        ),
        (
            b"{\"header\":\"RPC-RES\",\"value\":{\"id\":\"h\",\"return-values\":[]}}",
            id,
            &["`RPC-RES`"],
        ),
        (
            b"{\"header\":\"RPC-FOO\",\"value\":{}}",
            null,
            &["`RPC-FOO`"],
        ),
    ]);
}

#[test]
fn a_member_that_is_missing_or_of_a_wrong_type_is_named() {
    let cases = [
        ("service", None, "`service`"),
        ("rpc", None, "`rpc`"),
        ("arguments", None, "`arguments`"),
        ("argument-types", None, "`argument-types`"),
        ("service", Some(json!(7)), "`service` is not a string"),
        ("service", Some(json!(null)), "`service` is not a string"),
        ("rpc", Some(json!(["add"])), "`rpc` is not a string"),
        ("client", Some(json!(1)), "`client` is not a string"),
        ("arguments", Some(json!({})), "`arguments` is not a list"),
        (
            "arguments",
            Some(json!("[2, 3]")),
            "`arguments` is not a list",
        ),
        (
            "argument-types",
            Some(json!("int")),
            "`argument-types` is not a list",
        ),
        (
            "argument-types",
            Some(json!(["int", 3])),
            "`argument-types`",
        ),
        (
            "return-types",
            Some(json!("int")),
            "`return-types` is not a list",
        ),
        ("return-types", Some(json!([null])), "`return-types`"),
        ("deadline-ms", Some(json!(-1)), "`deadline-ms`"),
        ("deadline-ms", Some(json!(1.5)), "`deadline-ms`"),
        ("deadline-ms", Some(json!("5")), "`deadline-ms`"),
        ("deadline-ms", Some(json!(1e30)), "`deadline-ms`"),
    ];
    let texts: Vec<_> = cases
        .iter()
        .map(|(member, value, _)| with(member, value.clone()))
        .collect();
    let words: Vec<_> = cases.iter().map(|(.., word)| [*word]).collect();
    let rows: Vec<_> = texts
        .iter()
        .zip(&words)
        .map(|(text, words)| (text.as_bytes(), json!(7), &words[..]))
        .collect();
    check(&rows);
}

#[test]
fn an_id_that_is_neither_a_string_nor_a_64_bit_integer_is_refused() {
    let ids = [
        "1.0",
        "1e3",
        "true",
        "[1]",
        "{}",
        "18446744073709551616",
        "-9223372036854775809",
        "\"\\ud800\"",
    ];
    let texts: Vec<_> = ids
        .iter()
        .map(|id| {
            format!(
                "{{\"header\":\"RPC-REQ\",\"value\":{{\"id\":{id},\"service\":\"svc1\",\"rpc\":\"add\"}}}}"
            )
        })
        .collect();
    let rows: Vec<_> = texts
        .iter()
        .map(|text| (text.as_bytes(), Value::Null, &["`id`"][..]))
        .collect();
    check(&rows);
}

#[test]
fn a_duplicate_member_is_refused() {
    let null = Value::Null;
    check(&[
        (
            b"{\"header\":\"RPC-REQ\",\"header\":\"RPC-REQ\",\"value\":{}}",
            null.clone(),
            &["`header`", "duplicate"],
        ),
        (
            b"{\"header\":\"RPC-REQ\",\"value\":{},\"value\":{}}",
            null.clone(),
            &["`value`", "duplicate"],
        ),
        (
            b"{\"header\":\"RPC-REQ\",\"value\":{\"service\":\"a\",\"service\":\"a\"}}",
            null.clone(),
            &["`service`", "duplicate"],
        ),
        (
            b"{\"header\":\"RPC-REQ\",\"value\":{\"client\":\"a\",\"cl\\u0069ent\":\"b\"}}",
            null.clone(),
            &["`client`", "duplicate"],
        ),
        (
            b"{\"header\":\"RPC-REQ\",\"value\":{\"id\":1,\"id\":2}}",
            null.clone(),
            &["`id`", "duplicate"],
        ),
        (
            b"{\"header\":\"RPC-REQ\",\"x\":1,\"x\":1,\"value\":{}}",
            null,
            &["`x`", "duplicate"],
        ),
    ]);
}
