//! `--header-timeout`, `--idle-timeout`, `--deadline`, and the deadline of a procedure.

use std::time::{Duration, Instant};

use super::{add, serving, wait};
use crate::harness::{Framing, Gate, Network, PATIENCE, Raises, number, request};

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
