//! `--header-timeout`, `--min-rate`, `--idle-timeout`, `--deadline`, and the deadline of a procedure.

use std::time::{Duration, Instant};

use super::{add, serving, wait};
use crate::harness::{Frames, Framing, Gate, Network, PATIENCE, Peer, Raises, number, request};

#[test]
fn a_message_that_does_not_arrive_whole_in_time_ends_only_its_connection() {
    let network = serving(&Gate::new(), &["--header-timeout", "300ms"]);
    let server = network.server("server1");
    let mut other = network.peer(Framing::Lines);
    assert_eq!(number(&other.call(add().id(1))), 5);
    for framing in Framing::BOTH {
        let mut silent = network.peer(framing);
        let mut started = network.peer(framing);
        let mut again = network.peer(framing);
        let bytes = started.framed(&add().id(1).to_string());
        started.send_bytes(&bytes[..bytes.len() / 2]);
        assert_eq!(number(&again.call(add().id(1))), 5);
        again.send_bytes(&bytes[..bytes.len() - 1]);
        for peer in [&mut silent, &mut started, &mut again] {
            let address = peer.local_addr().to_string();
            peer.expect_end();
            server.logged(&["closed", &address, "header timeout"]);
        }
        assert_eq!(
            number(&other.call(add().id(1))),
            5,
            "the header timeout does not apply between two messages"
        );
    }
}

#[test]
fn two_hundred_slow_peers_delay_no_other_and_are_all_closed() {
    let network = serving(&Gate::new(), &["--header-timeout", "500ms"]);
    let mut probe = network.peer(Framing::Framed);
    assert_eq!(number(&probe.call(add().id(1))), 5);
    let mut slow: Vec<_> = (0..200)
        .map(|index| network.peer(Framing::BOTH[index % 2]))
        .collect();
    for peer in &mut slow {
        let bytes = peer.framed(&add().to_string());
        peer.send_bytes(&bytes[..7]);
    }
    assert_eq!(number(&probe.call(add().id(2))), 5);
    assert_eq!(number(&network.peer(Framing::Lines).call(add())), 5);
    for peer in &mut slow {
        assert_eq!(peer.read_to_end(), b"");
    }
    assert_eq!(number(&probe.call(add().id(3))), 5);
}

#[test]
fn bytes_that_arrive_one_by_one_do_not_extend_the_header_timeout() {
    let network = serving(&Gate::new(), &["--header-timeout", "300ms"]);
    for framing in Framing::BOTH {
        let mut peer = network.peer(framing);
        let bytes = peer.framed(&add().id(1).member("x", "x".repeat(10_000)).to_string());
        let address = peer.local_addr().to_string();
        let end = Instant::now() + PATIENCE;
        let sent = bytes.iter().take_while(|byte| {
            assert!(Instant::now() < end, "the connection is still open");
            peer.try_send_bytes(&[**byte]) && !peer.ends_within(Duration::from_millis(10))
        });
        assert!(
            sent.count() < bytes.len(),
            "10,000 slow bytes were accepted"
        );
        network
            .server("server1")
            .logged(&["closed", &address, "header timeout"]);
    }
}

/// Sends bytes in pieces, with a pause after each. Returns whether the connection was still open at
/// the end.
fn send_slowly(peer: &mut Peer, bytes: &[u8], piece: usize, pause: Duration) -> bool {
    bytes
        .chunks(piece)
        .all(|piece| peer.try_send_bytes(piece) && !peer.ends_within(pause))
}

#[test]
fn a_message_may_take_longer_than_the_header_timeout_at_the_minimum_rate() {
    let timeout = Duration::from_millis(500);
    let flags = [
        "--header-timeout=500ms",
        "--min-rate=20KiB",
        "--idle-timeout=500ms",
    ];
    let network = serving(&Gate::new(), &flags);
    for framing in Framing::BOTH {
        let bytes = |peer: &Peer| {
            let padding = "x".repeat(40 << 10);
            peer.framed(&add().id(1).member("x", padding).to_string())
        };
        // About 60 KiB per second: 12 times 4 KiB.
        let mut quick = network.peer(framing);
        let message = bytes(&quick);
        let began_at = Instant::now();
        let (last, first) = message.split_last().expect("a message");
        assert!(send_slowly(
            &mut quick,
            first,
            4 << 10,
            Duration::from_millis(70)
        ));
        assert!(began_at.elapsed() > timeout);
        quick.send_bytes(&[*last]);
        assert_eq!(number(&quick.receive()), 5);
        // About 5 KiB per second, so that the connection ends after 0.7 s.
        let mut slow = network.peer(framing);
        let address = slow.local_addr().to_string();
        assert!(!send_slowly(
            &mut slow,
            &message,
            512,
            Duration::from_millis(100)
        ));
        network.server("server1").logged(&[
            "closed",
            &address,
            "header timeout: the message came too slowly (--header-timeout, --min-rate)",
        ]);
    }
}

#[test]
fn a_long_frame_may_take_longer_than_the_header_timeout_at_the_minimum_rate() {
    let flags = ["--header-timeout", "500ms", "--min-rate", "20KiB"];
    let network = serving(&Gate::new(), &flags);
    let session = || {
        let mut peer = network.binary();
        peer.send(Frames::new().bind(0, "add", &["int", "int"]));
        peer
    };
    let message = Frames::new()
        .call_with_bytes(1, 0, &vec![0; 200 << 10])
        .bytes();
    let mut quick = session();
    let began_at = Instant::now();
    let (last, first) = message.split_last().expect("a frame");
    for piece in first.chunks(20 << 10) {
        quick.send_bytes(piece);
        assert!(!quick.ends_within(Duration::from_millis(70)));
    }
    assert!(began_at.elapsed() > Duration::from_millis(500));
    quick.send_bytes(&[*last]);
    Raises("Invalid Arguments", "no", &[]).check_exception(&quick.raised().1);
    let mut slow = session();
    let address = slow.local_addr().to_string();
    let end = Instant::now() + PATIENCE;
    let mut pieces = message.chunks(512);
    while pieces
        .next()
        .is_some_and(|piece| slow.try_send_bytes(piece))
        && !slow.ends_within(Duration::from_millis(100))
    {
        assert!(Instant::now() < end, "the connection is still open");
    }
    network
        .server("server1")
        .logged(&["closed", &address, "too slowly", "--min-rate"]);
}

#[test]
fn an_idle_session_is_closed_and_one_with_a_running_call_is_not() {
    let gate = Gate::new();
    let network = serving(&gate, &["--idle-timeout", "200ms"]);
    for framing in Framing::BOTH {
        let mut busy = network.peer(framing);
        busy.send(wait(1));
        let visitor = gate.enter();
        let mut idle = network.peer(framing);
        assert_eq!(number(&idle.call(add().id(1))), 5);
        let address = idle.local_addr().to_string();
        idle.expect_end();
        network
            .server("server1")
            .logged(&["closed", &address, "idle timeout"]);
        visitor.release();
        assert_eq!(number(&busy.receive()), 1);
    }
}

#[test]
fn no_deadline_is_longer_than_that_of_the_server() {
    let gate = Gate::new();
    let network = serving(&gate, &["--deadline", "500ms"]);
    for (framing, asked) in [(Framing::Lines, 60_000), (Framing::Framed, u64::MAX)] {
        let mut peer = network.peer(framing);
        assert_eq!(number(&peer.call(add().id(0))), 5);
        let answer = peer.call(wait(1).member("deadline-ms", asked));
        Raises("Deadline Exceeded", "unknown", &["deadline"]).check(&answer);
        gate.enter().expect_death();
    }
}

#[test]
fn the_deadline_of_a_procedure_overrides_the_server_and_a_caller_may_ask_for_less() {
    let gate = Gate::new();
    let short = gate.source("short");
    let long = gate.source("long");
    let network = Network::with_procedures(&[
        ("short", "int", "int", &short),
        ("long", "int", "int", &long),
    ])
    .amended("path: p0.py", "path: p0.py, deadline: 400ms")
    .amended("path: p1.py", "path: p1.py, deadline: 1h")
    .served(&["--deadline", "600ms"]);
    let call = |rpc: &str| request("svc1", rpc).arg("int", 1);
    for framing in Framing::BOTH {
        let mut peer = network.peer(framing);
        peer.send(call("long").id("long"));
        let held = gate.enter();
        let asked = call("long").id("asked").member("deadline-ms", 400);
        for late in [call("short").id("short"), asked] {
            Raises("Deadline Exceeded", "unknown", &[]).check(&peer.call(late));
            gate.enter().expect_death();
        }
        held.release();
        assert_eq!(peer.receive()["value"]["id"], "long");
    }
}

#[test]
fn slow_white_space_does_not_keep_a_connection_open() {
    let flags = [
        "--header-timeout",
        "300ms",
        "--idle-timeout",
        "300ms",
        "--write-timeout",
        "300ms",
    ];
    let network = serving(&Gate::new(), &flags);
    let begin = Instant::now();
    let mut fresh = network.peer(Framing::Lines);
    let mut idle = network.peer(Framing::Lines);
    assert_eq!(number(&idle.call(add().id(1))), 5);
    for peer in [&mut fresh, &mut idle] {
        while peer.try_send_bytes(b"\n") && !peer.ends_within(Duration::from_millis(20)) {
            assert!(begin.elapsed() < PATIENCE, "a connection is still open");
        }
    }
}

#[test]
fn the_header_timeout_does_not_apply_after_the_last_request_of_a_connection() {
    let gate = Gate::new();
    let network = serving(&gate, &["--header-timeout", "200ms"]);
    for framing in Framing::BOTH {
        let mut peer = network.peer(framing);
        let last = request("svc1", "wait").arg("int", 7).to_string();
        let mut bytes = peer.framed(&last);
        bytes.extend_from_slice(&peer.framed("{}")[..2]);
        peer.send_bytes(&bytes);
        let visitor = gate.enter();
        // Another connection reaches its header timeout, so this one's would have passed as well.
        network.peer(framing).expect_end();
        visitor.release();
        assert_eq!(number(&peer.receive()), 7);
    }
}
