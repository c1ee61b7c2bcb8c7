//! The first bytes of a connection, the ids of its requests, and its end.

mod binary;
mod bytes;
mod first_bytes;
mod hostile;

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::harness::{
    ADD, COUNT, Framing, Gate, Network, Peer, Raises, Request, Visitor, number, request, returned,
};

/// Returns a request for 2 + 3, without an id.
fn add() -> Request {
    request("svc1", "add").arg("int", 2).arg("int", 3)
}

#[test]
fn a_request_without_an_id_is_answered_and_ends_the_connection() {
    let network = Network::serving(&[ADD]);
    for framing in Framing::BOTH {
        let mut peer = network.peer(framing);
        let answer = peer.call(add());
        assert_eq!(
            (&answer["header"], &answer["value"]["return-values"]),
            (&"RPC-RES".into(), &[5].into())
        );
        assert!(answer["value"].get("id").is_none());
        peer.expect_end();
        for refused in [
            request("svc1", "sub"),
            request("svc1", "add").arg("int", "x").arg("int", 1),
        ] {
            let mut peer = network.peer(framing);
            let answer = peer.call(refused);
            assert_eq!(
                (&answer["header"], answer["value"].get("id")),
                (&"RPC-EX".into(), None)
            );
            peer.expect_end();
        }
    }
}

#[test]
fn an_answer_names_its_generation_and_its_source() {
    let network = Network::serving(&[ADD]);
    let answer = network.peer(Framing::Framed).call(add());
    assert_eq!(answer["value"]["generation"], 1);
    let source = deploy::sha256_hex(ADD.3.as_bytes());
    assert_eq!(answer["value"]["source"], source);
}

#[test]
fn an_id_is_echoed_byte_for_byte() {
    let network = Network::serving(&[ADD]);
    for framing in Framing::BOTH {
        let mut peer = network.peer(framing);
        for id in [
            "0",
            "-9223372036854775808",
            "9223372036854775807",
            "18446744073709551615",
            "\"\"",
            "\"x\"",
            "\"\\u0041\\n\\\"\\/\\\\\"",
            "\"\\ud83d\\ude00 😀 ä\"",
            "\"\\u0000\"",
            "\"null\"",
        ] {
            for rpc in ["add", "sub"] {
                peer.send(format!(
                    "{{\"header\":\"RPC-REQ\",\"value\":{{\"service\":\"svc1\",\"rpc\":\"{rpc}\",\"arguments\":[2,3],\
                     \"argument-types\":[\"int\",\"int\"],\"id\": {id} }}}}"
                ));
                let answer = peer.receive_text();
                assert!(answer.contains(&format!("\"id\":{id},")), "{id}: {answer}");
            }
        }
    }
}

#[test]
fn an_id_may_be_used_again() {
    let network = Network::serving(&[ADD]);
    let mut peer = network.peer(Framing::Lines);
    for _ in 0..3 {
        let answer = peer.call(add().id("same"));
        assert_eq!(
            (&answer["value"]["id"], number(&answer)),
            (&json!("same"), 5)
        );
    }
}

#[test]
fn two_hundred_pipelined_requests_are_answered_exactly_once_each() {
    let network = Network::serving(&[ADD]);
    for framing in Framing::BOTH {
        let mut peer = network.peer(framing);
        let requests = (0..200).map(|id| {
            request("svc1", "add")
                .arg("int", id)
                .arg("int", 1000)
                .id(id)
        });
        let bytes: Vec<u8> = requests
            .flat_map(|request| peer.framed(&request.to_string()))
            .collect();
        peer.send_bytes(&bytes);
        let mut unanswered: BTreeSet<i64> = (0..200).collect();
        while !unanswered.is_empty() {
            let answer = peer.receive();
            let id = answer["value"]["id"].as_i64().expect("a number");
            assert!(unanswered.remove(&id), "{id} was answered twice");
            assert_eq!(number(&answer), id + 1000);
        }
        peer.half_close();
        peer.expect_end();
    }
}

#[test]
fn a_fast_answer_overtakes_a_slow_one() {
    let gate = Gate::new();
    let network = Network::serving(&[ADD, ("wait", "int", "int", &gate.source("wait"))]);
    for framing in Framing::BOTH {
        let mut peer = network.peer(framing);
        peer.send(request("svc1", "wait").arg("int", 7).id("slow"));
        let visitor = gate.enter();
        assert_eq!(peer.call(add().id("fast"))["value"]["id"], "fast");
        visitor.release();
        assert_eq!(peer.receive()["value"]["id"], "slow");
    }
}

#[test]
fn a_request_without_an_id_waits_for_earlier_requests_and_ends_the_session() {
    let gate = Gate::new();
    let network = Network::with_procedures(&[COUNT, ("wait", "int", "int", &gate.source("wait"))])
        .amended(
            "tenants: [client1]",
            "tenants: [client1]\n    concurrency: 2",
        )
        .served(&[]);
    for framing in Framing::BOTH {
        let mut peer = network.peer(framing);
        let calls: [Request; 4] = [
            request("svc1", "wait").arg("int", 7).id("first"),
            request("svc1", "count"),
            request("svc1", "wait").arg("int", 8).id("after"),
            request("svc1", "wait").arg("int", 9),
        ];
        let bytes: Vec<u8> = calls
            .iter()
            .flat_map(|call| peer.framed(&call.to_string()))
            .collect();
        peer.send_bytes(&bytes);
        let visitor = gate.enter();
        visitor.release();
        assert_eq!(peer.receive()["value"]["id"], "first");
        let last = peer.receive();
        assert_eq!(
            (
                returned(&last).as_array().map(Vec::len),
                last["value"].get("id")
            ),
            (Some(1), None)
        );
        peer.expect_end();
        assert!(
            gate.enter_now().is_none(),
            "a request after the request without an id was executed"
        );
    }
}

#[test]
fn the_last_answer_reaches_a_peer_that_is_still_sending() {
    let network = Network::serving(&[ADD]);
    for framing in Framing::BOTH {
        let mut peer = network.peer(framing);
        let junk = peer.framed(&add().id("junk").to_string()).repeat(2000);
        peer.send(add());
        peer.send_bytes(&junk);
        assert_eq!(number(&peer.receive()), 5);
        peer.expect_end();
    }
}

#[test]
fn a_peer_that_half_closes_still_gets_its_answers() {
    let gate = Gate::new();
    let network = Network::serving(&[ADD, ("wait", "int", "int", &gate.source("wait"))]);
    for framing in Framing::BOTH {
        let mut peer = network.peer(framing);
        for id in [1, 2] {
            peer.send(request("svc1", "wait").arg("int", id).id(id));
        }
        let visitors = [gate.enter(), gate.enter()];
        peer.half_close();
        visitors.into_iter().for_each(Visitor::release);
        let mut ids = [number(&peer.receive()), number(&peer.receive())];
        ids.sort_unstable();
        assert_eq!(ids, [1, 2]);
        peer.expect_end();
    }
}

#[test]
fn members_may_come_in_any_order_and_unknown_members_are_ignored() {
    let network = Network::serving(&[ADD]);
    let value = [
        "\"x\":{\"x\":[{}, null]}",
        "\"argument-types\":[\"int\",\"int\"]",
        "\"id\":1",
        "\"arguments\":[2,3]",
        "\"client\":null",
        "\"rpc\":\"a\\u0064d\"",
        "\"service\":\"svc1\"",
        "\"\":\"\"",
    ];
    for framing in Framing::BOTH {
        let mut peer = network.peer(framing);
        for shift in 0..value.len() {
            let mut members = value;
            members.rotate_left(shift);
            let value = members.join(" , ");
            for message in [
                format!("{{ \"header\" : \"RPC-REQ\" , \"value\" : {{ {value} }} }}"),
                format!(
                    "{{\"y\":[],\"value\":{{{value}}},\"header\":\"RPC-\\u0052EQ\",\"values\":1}}"
                ),
            ] {
                assert_eq!(number(&peer.call(&message)), 5, "{message}");
            }
        }
    }
}

/// Returns all answers up to the end of the connection.
fn all_answers(mut peer: Peer) -> Vec<Value> {
    std::iter::from_fn(|| peer.next()).collect()
}

#[test]
fn the_end_of_a_connection_also_ends_the_last_line() {
    let network = Network::serving(&[ADD]);
    let text = format!("{}\n{}", add().id(1), add().id(2));
    for (sent, ids) in [
        (add().to_string(), vec![None]),
        (text, vec![Some(1), Some(2)]),
    ] {
        let mut peer = network.peer(Framing::Lines);
        peer.send_bytes(sent.as_bytes());
        peer.half_close();
        let mut found: Vec<_> = all_answers(peer)
            .iter()
            .map(|answer| (number(answer), answer["value"]["id"].as_i64()))
            .collect();
        found.sort_unstable();
        assert_eq!(found, ids.into_iter().map(|id| (5, id)).collect::<Vec<_>>());
    }
    let mut peer = network.peer(Framing::Lines);
    peer.send_bytes(b"{\"header\": \"RPC-REQ\",");
    peer.half_close();
    Raises("Malformed Message", "no", &["not JSON"]).check(&peer.receive());
    peer.expect_end();
}
