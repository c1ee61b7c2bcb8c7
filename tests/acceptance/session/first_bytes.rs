//! The first bytes decide the framing: text, frames, TLS, HTTP.

use serde_json::{Value, json};

use super::add;
use crate::harness::{ADD, COUNT, Framing, Network, Raises, number, request};

#[test]
fn a_byte_order_mark_and_white_space_before_the_first_message_are_ignored() {
    let network = Network::serving(&[ADD]);
    for before in [
        "",
        "\u{feff}",
        " ",
        "\n",
        "\r\n\r\n",
        "\t \n",
        "\u{feff} \r\n\t",
    ] {
        for framing in Framing::BOTH {
            let mut peer = network.peer(framing);
            peer.send_bytes(before.as_bytes());
            assert_eq!(
                number(&peer.call(add().id(1))),
                5,
                "{framing:?} after {before:?}"
            );
            assert_eq!(number(&peer.call(add())), 5);
            peer.expect_end();
        }
    }
}

#[test]
fn lines_may_end_in_cr_lf_and_may_be_blank() {
    let network = Network::serving(&[ADD]);
    let mut peer = network.peer(Framing::Lines);
    peer.send_bytes(
        format!(
            "{}\r\n\r\n\n \t\n  {}  \r\n{}\n",
            add().id(1),
            add().id(2),
            add()
        )
        .as_bytes(),
    );
    for _ in 0..3 {
        assert_eq!(number(&peer.receive()), 5);
    }
    peer.expect_end();
}

#[test]
fn a_connection_without_a_message_gets_no_answer() {
    let network = Network::serving(&[ADD]);
    for bytes in ["", " ", "\n\n", "\u{feff}", "\u{feff}\n"] {
        let mut peer = network.peer(Framing::Lines);
        peer.send_bytes(bytes.as_bytes());
        peer.half_close();
        assert_eq!(peer.read_to_end(), b"", "{bytes:?}");
    }
}

#[test]
fn a_first_line_of_prose_gets_one_answer_and_ends_the_connection() {
    let network = Network::serving(&[ADD]);
    for prose in [
        "hello",
        "help",
        "RPC-REQ svc1 add 2 3",
        "Z",
        "?",
        "[1]",
        "\"x\"",
        "7",
        "<html>",
    ] {
        let mut peer = network.peer(Framing::Lines);
        peer.send_bytes(format!("{prose}\r\n{}\n", add().id(1)).as_bytes());
        let answer = peer.receive();
        Raises("Malformed Message", "no", &[]).check(&answer);
        assert!(answer["value"]["id"].is_null());
        peer.expect_end();
    }
}

/// Sends each first message, which is malformed, followed by two calls of `count`. Asserts that the
/// server answers the first message, closes the connection, and runs neither call.
#[track_caller]
fn check_that_nothing_runs_after(framing: Framing, first_messages: &[&str]) {
    let network = Network::with_procedures(&[COUNT])
        .amended(
            "tenants: [client1]",
            "tenants: [client1]\n    concurrency: 1",
        )
        .served(&[]);
    let call = request("svc1", "count").id(1).to_string();
    for first in first_messages {
        let mut peer = network.peer(framing);
        let first = match framing {
            Framing::Lines => first.as_bytes().to_vec(),
            Framing::Framed => peer.framed(first),
        };
        let calls = peer.framed(&call).repeat(2);
        peer.send_bytes(&[first, calls].concat());
        Raises("Malformed Message", "no", &[]).check(&peer.receive());
        peer.expect_end();
    }
    assert_eq!(
        number(&network.peer(framing).call(call)),
        1,
        "a call after a malformed first message was executed"
    );
}

#[test]
fn first_messages_of_other_protocols_end_the_connection_before_any_call() {
    let first_messages = [
        "GET / HTTP/1.1\r\nHost: x\r\n\r\n",
        "GET /\r\n",
        "get / HTTP/1.1\r\n\r\n",
        "patch / HTTP/1.1\r\nHost: x\r\nContent-Type: text/plain\r\n\r\n",
        "Post /svc1 HTTP/1.1\r\n\r\n",
        "m-search * HTTP/1.1\r\n\r\n",
        "foo http://127.0.0.1/ HTTP/1.1\r\n\r\n",
        "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        "\r\n\r\nGET / HTTP/1.1\r\n",
        "Host: x\r\n",
        "USER anonymous\r\n",
        "EHLO mail\r\n",
        "SSH-2.0-OpenSSH_9.6\r\n",
        "CLIENT libcurl 8\r\n",
        "{\"header\": \"HTTP\", \"value\": {}}\n",
        "{\"header\": \"RPC-REQ\"}\n",
        "{}\n",
        "null\n",
    ];
    check_that_nothing_runs_after(Framing::Lines, &first_messages);
}

#[test]
fn a_malformed_first_frame_ends_the_connection_before_any_call() {
    let first_messages = [
        "hello",
        "{}",
        "{\"header\": \"RPC-DANCE\", \"value\": {}}",
        "\u{0}",
    ];
    check_that_nothing_runs_after(Framing::Framed, &first_messages);
}

#[test]
fn a_line_of_http_ends_a_session_even_after_a_good_message() {
    let network = Network::serving(&[ADD]);
    for line in [
        "GET / HTTP/1.1",
        "patch /",
        "Host: x",
        "content-type: application/json",
    ] {
        let mut peer = network.peer(Framing::Lines);
        assert_eq!(number(&peer.call(add().id(1))), 5);
        peer.send_bytes(format!("{line}\r\n{}\n", add().id(2)).as_bytes());
        Raises("Malformed Message", "no", &["not HTTP"]).check(&peer.receive());
        peer.expect_end();
    }
}

#[test]
fn after_a_good_message_a_malformed_one_is_answered_and_too_many_end_the_session() {
    let network = Network::with_procedures(&[ADD]).served(&["--max-malformed", "3"]);
    for framing in Framing::BOTH {
        let mut peer = network.peer(framing);
        assert_eq!(number(&peer.call(add().id(1))), 5);
        for malformed in ["hello", "{\"header\": \"RPC-DANCE\", \"value\": {}}"] {
            Raises("Malformed Message", "no", &[]).check(&peer.call(malformed));
            assert_eq!(number(&peer.call(add().id(2))), 5, "the session goes on");
        }
        Raises("Malformed Message", "no", &[]).check(&peer.call("hello"));
        peer.expect_end();
        let address = peer.local_addr().to_string();
        let server = network.server("server1");
        server.logged(&["closed", &address, "malformed messages (--max-malformed)"]);
    }
}

#[test]
fn a_ping_is_answered_with_the_version_and_the_protocols_of_the_server() {
    let network = Network::with_procedures(&[ADD]).served(&[]);
    for framing in Framing::BOTH {
        let mut peer = network.peer(framing);
        for id in [json!(7), json!("a"), Value::Null] {
            let mut value = json!({});
            if !id.is_null() {
                value["id"] = id.clone();
            }
            let pong = peer.call(json!({ "header": "RPC-PING", "value": value }));
            assert_eq!(
                (&pong["header"], &pong["value"]["id"]),
                (&json!("RPC-PONG"), &id),
                "{pong}"
            );
            assert_eq!(pong["value"]["version"], env!("CARGO_PKG_VERSION"));
            assert_eq!(
                pong["value"]["can"],
                json!(["text", "binary-1", "deploy-3"])
            );
        }
        assert_eq!(
            number(&peer.call(add().id(1))),
            5,
            "a ping does not end the session"
        );
    }
}

#[test]
fn an_http_request_gets_one_answer_and_ends_the_connection() {
    let network = Network::serving(&[ADD]);
    let post = "POST /svc1/add HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n{}";
    for head in [
        "GET / HTTP/1.1\r\nHost: x\r\nAccept: */*\r\n\r\n",
        post,
        "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    ] {
        let mut peer = network.peer(Framing::Lines);
        peer.send_bytes(head.as_bytes());
        Raises(
            "Malformed Message",
            "no",
            &["JSON lines", "not HTTP", "RPC-REQ"],
        )
        .check(&peer.receive());
        peer.expect_end();
    }
    assert_eq!(number(&network.peer(Framing::Lines).call(add())), 5);
}

#[test]
fn a_tls_hello_gets_a_tls_alert_and_a_line_in_the_log() {
    let network = Network::serving(&[ADD]);
    let hello = [
        0x16, 0x03, 0x01, 0x02, 0x00, 0x01, 0x00, 0x01, 0xfc, 0x03, 0x03,
    ];
    for split in [2, hello.len()] {
        let mut peer = network.peer(Framing::Lines);
        let address = peer.local_addr().to_string();
        peer.send_bytes(&hello[..split]);
        assert_eq!(
            peer.read_to_end(),
            [0x15, 0x03, 0x01, 0x00, 0x02, 0x02, 0x46],
            "an alert: protocol_version"
        );
        network
            .server("server1")
            .logged(&["WARN", "tls hello", &address]);
    }
}
