//! The first bytes decide the framing: text, frames, TLS, HTTP.

use super::{ADD, add};
use crate::harness::{Framing, Network, Raises, number};

#[test]
fn a_mark_and_white_space_before_the_first_message_do_not_count() {
    let network = Network::serving(&[ADD]);
    for before in ["", "\u{feff}", " ", "\n", "\r\n\r\n", "\t \n", "\u{feff} \r\n\t"] {
        for framing in Framing::BOTH {
            let mut peer = network.peer(framing);
            peer.send_bytes(before.as_bytes());
            assert_eq!(number(&peer.call(add().id(1))), 5, "{framing:?} after {before:?}");
            assert_eq!(number(&peer.call(add())), 5);
            peer.expect_end();
        }
    }
}

#[test]
fn lines_may_end_in_cr_lf_and_may_be_blank() {
    let network = Network::serving(&[ADD]);
    let mut peer = network.peer(Framing::Lines);
    peer.send_bytes(format!("{}\r\n\r\n\n \t\n  {}  \r\n{}\n", add().id(1), add().id(2), add()).as_bytes());
    for _ in 0..3 {
        assert_eq!(number(&peer.receive()), 5);
    }
    peer.expect_end();
}

#[test]
fn a_connection_that_says_nothing_ends_without_a_word() {
    let network = Network::serving(&[ADD]);
    for bytes in ["", " ", "\n\n", "\u{feff}", "\u{feff}\n"] {
        let mut peer = network.peer(Framing::Lines);
        peer.send_bytes(bytes.as_bytes());
        peer.half_close();
        assert_eq!(peer.read_to_end(), b"", "{bytes:?}");
    }
}

#[test]
fn prose_gets_a_readable_line_and_the_session_goes_on() {
    let network = Network::serving(&[ADD]);
    for prose in ["hello", "help", "RPC-REQ svc1 add 2 3", "Z"] {
        let mut peer = network.peer(Framing::Lines);
        peer.send_bytes(format!("{prose}\r\n").as_bytes());
        let answer = peer.receive();
        Raises("Malformed Message", "no", &["not JSON at byte 1"]).check(&answer);
        assert!(answer["value"]["id"].is_null());
        assert_eq!(number(&peer.call(add().id(1))), 5);
    }
}

#[test]
fn an_http_request_gets_one_readable_line_and_the_end() {
    let network = Network::serving(&[ADD]);
    let post = "POST /svc1/add HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n{}";
    for head in ["GET / HTTP/1.1\r\nHost: x\r\nAccept: */*\r\n\r\n", post, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"]
    {
        let mut peer = network.peer(Framing::Lines);
        peer.send_bytes(head.as_bytes());
        Raises("Malformed Message", "no", &["JSON lines", "not HTTP", "RPC-REQ"]).check(&peer.receive());
        peer.expect_end();
    }
    assert_eq!(number(&network.peer(Framing::Lines).call(add())), 5);
}

#[test]
fn a_tls_hello_gets_a_tls_alert_and_a_line_in_the_log() {
    let network = Network::serving(&[ADD]);
    let hello = [0x16, 0x03, 0x01, 0x02, 0x00, 0x01, 0x00, 0x01, 0xfc, 0x03, 0x03];
    for split in [2, hello.len()] {
        let mut peer = network.peer(Framing::Lines);
        let address = peer.local_addr().to_string();
        peer.send_bytes(&hello[..split]);
        assert_eq!(
            peer.read_to_end(),
            [0x15, 0x03, 0x01, 0x00, 0x02, 0x02, 0x46],
            "an alert: protocol_version"
        );
        network.server("server1").logged(&["WARN", "tls hello", &address]);
    }
}
