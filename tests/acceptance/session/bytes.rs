//! Messages of every length, split messages, and truncated messages.

use super::add;
use crate::harness::{ADD, COUNT, Framing, Network, Raises, number, peak_memory, request};

/// Returns a valid request of exactly `length` bytes.
fn padded(length: usize) -> String {
    let empty = add().id(1).member("x", "").to_string().len();
    add()
        .id(1)
        .member("x", "x".repeat(length - empty))
        .to_string()
}

#[test]
fn frames_have_a_minimum_and_a_maximum_length_and_a_declared_length_allocates_nothing() {
    const LIMIT: u32 = 64 << 10;
    let network = Network::with_procedures(&[ADD]).served(&["--max-frame", "64KiB"]);
    let before = peak_memory(network.server("server1").pid());
    for length in [
        LIMIT + 1,
        0x07ff_ffff,
        0x0800_0000,
        0x7fff_ffff,
        0x8000_0000,
        0xffff_ffff,
    ] {
        let mut peer = network.peer(Framing::Framed);
        peer.send_bytes(&length.to_be_bytes());
        let words = [&format!("{length} bytes") as &str, "limit of 65536 bytes"];
        let answer = peer.receive();
        Raises("Malformed Message", "no", &words).check(&answer);
        assert!(answer["value"]["id"].is_null());
        peer.expect_end();
    }
    let mut peer = network.peer(Framing::Framed);
    peer.send_bytes(&[0; 4]);
    Raises("Malformed Message", "no", &["length 0"]).check(&peer.receive());
    peer.expect_end();
    assert!(
        peak_memory(network.server("server1").pid()) < before + (8 << 20),
        "memory was allocated for bytes that never arrived"
    );
    for framing in Framing::BOTH {
        let mut peer = network.peer(framing);
        peer.send(add().id(0));
        assert_eq!(number(&peer.receive()), 5);
        Raises("Malformed Message", "no", &["not JSON"]).check(&peer.call("x"));
        assert_eq!(number(&peer.call(padded(LIMIT as usize))), 5);
        Raises("Malformed Message", "no", &["limit of 65536 bytes"])
            .check(&peer.call(padded(LIMIT as usize + 1)));
        peer.expect_end();
    }
}

#[test]
fn a_line_over_the_limit_is_refused_before_its_end() {
    let network = Network::with_procedures(&[ADD]).served(&["--max-frame", "64KiB"]);
    let mut peer = network.peer(Framing::Lines);
    peer.try_send_bytes(&b"{".repeat(100_000));
    Raises("Malformed Message", "no", &["limit of 65536 bytes"]).check(&peer.receive());
    peer.expect_end();
}

#[test]
fn white_space_before_a_message_does_not_count_towards_the_limit() {
    let network = Network::with_procedures(&[ADD]).served(&["--max-frame", "64KiB"]);
    let mut peer = network.peer(Framing::Lines);
    peer.send_bytes(&b" \n".repeat(100_000));
    assert_eq!(number(&peer.call(add().id(1))), 5);
}

#[test]
fn a_message_may_be_split_anywhere() {
    let network = Network::serving(&[ADD]);
    for framing in Framing::BOTH {
        let mut peer = network.peer(framing);
        let bytes = peer.framed(&add().id("ä😀").to_string());
        for byte in &bytes {
            peer.send_bytes(&[*byte]);
        }
        assert_eq!(number(&peer.receive()), 5);
        for split in 1..bytes.len() {
            let (first, second) = bytes.split_at(split);
            let mut fresh = network.peer(framing);
            for peer in [&mut peer, &mut fresh] {
                peer.send_bytes(first);
                peer.send_bytes(second);
                assert_eq!(number(&peer.receive()), 5, "{framing:?} split at {split}");
            }
        }
    }
}

#[test]
fn a_thousand_messages_may_arrive_in_one_write() {
    let network = Network::serving(&[ADD]);
    for framing in Framing::BOTH {
        let mut peer = network.peer(framing);
        let bytes = peer.framed(&add().id(1).to_string()).repeat(1000);
        peer.send_bytes(&bytes);
        for _ in 0..1000 {
            assert_eq!(number(&peer.receive()), 5);
        }
    }
}

#[test]
fn a_truncated_message_is_not_executed() {
    let network = Network::with_procedures(&[COUNT])
        .amended(
            "tenants: [client1]",
            "tenants: [client1]\n    concurrency: 1",
        )
        .served(&[]);
    let count = request("svc1", "count").id(1);
    for framing in Framing::BOTH {
        let bytes = network.peer(framing).framed(&count.to_string());
        let whole = bytes.len() - usize::from(framing == Framing::Lines);
        for cut in 1..whole {
            let mut peer = network.peer(framing);
            peer.send_bytes(&bytes[..cut]);
            peer.half_close();
            Raises("Malformed Message", "no", &[]).check(&peer.receive());
            peer.expect_end();
            let mut peer = network.peer(framing);
            peer.send_bytes(&bytes[..cut]);
            peer.reset();
        }
    }
    for expected in 1..=3 {
        assert_eq!(
            number(&network.peer(Framing::Lines).call(count.clone())),
            expected
        );
    }
}
