//! `--max-session-calls`, `--max-queued`, `--write-timeout`: a peer that requests more than it
//! reads.

use super::{add, serving, wait};
use crate::harness::{ADD, Framing, Gate, Network, number, peak_memory, request};

#[test]
fn calls_beyond_the_limit_of_a_session_wait_for_their_turn_and_are_all_answered() {
    let gate = Gate::new();
    let network = serving(&gate, &["--max-session-calls", "2"]);
    for framing in Framing::BOTH {
        let mut peer = network.peer(framing);
        let calls = [wait(1), wait(2), add().id(3), wait(4), add().id(5)];
        let bytes: Vec<u8> = calls
            .iter()
            .flat_map(|call| peer.framed(&call.to_string()))
            .collect();
        peer.send_bytes(&bytes);
        let [first, second] = [gate.enter(), gate.enter()];
        assert_eq!(
            number(&network.peer(framing).call(add())),
            5,
            "another session is served"
        );
        assert!(gate.enter_now().is_none());
        first.release();
        let mut next = || peer.receive()["value"]["id"].as_i64().expect("a number");
        let earliest = next();
        assert!(
            [1, 2].contains(&earliest),
            "call {earliest} overtook earlier calls"
        );
        assert_eq!(next(), 3);
        let fourth = gate.enter();
        second.release();
        assert_eq!(next(), 3 - earliest);
        assert_eq!(next(), 5);
        fourth.release();
        assert_eq!(next(), 4);
    }
}

#[test]
fn a_peer_that_reads_no_answers_costs_bounded_memory_and_is_closed() {
    const ANSWER: usize = 256 << 10;
    let text = format!("def text():\n    return 'x' * {ANSWER}\n");
    let network = Network::with_procedures(&[("text", "", "str", &text), ADD]).served(&[
        "--max-queued",
        "64KiB",
        "--max-session-calls",
        "8",
        "--write-timeout",
        "500ms",
    ]);
    let server = network.server("server1");
    assert_eq!(number(&network.peer(Framing::Lines).call(add())), 5);
    let before = peak_memory(server.pid());
    for framing in Framing::BOTH {
        let mut peer = network.peer(framing);
        let requests = peer
            .framed(&request("svc1", "text").id(1).to_string())
            .repeat(800);
        peer.send_bytes(&requests);
        server.logged(&["closed", &peer.local_addr().to_string(), "write timeout"]);
        assert_eq!(number(&network.peer(framing).call(add())), 5);
    }
    let grown = peak_memory(server.pid()) - before;
    assert!(
        grown < 40 << 20,
        "{grown} bytes for 200 MiB of answers that nobody read"
    );
}

#[test]
fn a_peer_that_reads_slowly_gets_all_answers() {
    let text = "def text():\n    return 'x' * 100_000\n";
    let network = Network::with_procedures(&[("text", "", "str", text)]).served(&[
        "--max-queued",
        "1KiB",
        "--max-session-calls",
        "8",
    ]);
    for framing in Framing::BOTH {
        let mut peer = network.peer(framing);
        let requests = peer
            .framed(&request("svc1", "text").id(1).to_string())
            .repeat(50);
        peer.send_bytes(&requests);
        for _ in 0..50 {
            assert_eq!(
                peer.receive()["value"]["return-values"][0]
                    .as_str()
                    .map(str::len),
                Some(100_000)
            );
        }
    }
}
