//! SIGTERM and `--drain-timeout`: calls in flight are answered, peers get a notice, and no
//! connection is accepted.

use serde_json::{Value, json};

use super::{add, serving, wait};
use crate::harness::{Frames, Framing, Gate, Peer, Visitor, number};

/// Returns the drain notice that names this last id.
fn drain(last_id: impl Into<Value>) -> Value {
    json!({ "header": "RPC-DRAIN", "value": { "last-id": last_id.into() } })
}

#[test]
fn a_drain_answers_calls_in_flight_notifies_peers_and_refuses_connections() {
    for (framing, signal) in [(Framing::Lines, "TERM"), (Framing::Framed, "INT")] {
        let gate = Gate::new();
        let mut network = serving(&gate, &[]);
        let mut peer = network.peer(framing);
        let mut last = network.peer(framing);
        let mut idle = network.peer(framing);
        assert_eq!(number(&idle.call(add().id("idle"))), 5);
        peer.send(wait(6));
        peer.send(wait(7));
        let visitors = [gate.enter(), gate.enter()];
        last.send(crate::harness::request("svc1", "wait").arg("int", 8));
        let one_shot = gate.enter();
        network.server("server1").signal(signal);
        assert_eq!(peer.receive(), drain(7));
        assert_eq!(idle.receive(), drain("idle"));
        idle.expect_end();
        assert!(Peer::is_refused(network.server("server1").address()));
        peer.send(wait(9));
        visitors.into_iter().for_each(Visitor::release);
        let mut answered = [number(&peer.receive()), number(&peer.receive())];
        answered.sort_unstable();
        assert_eq!(answered, [6, 7]);
        one_shot.release();
        assert_eq!(number(&last.receive()), 8);
        for peer in [&mut peer, &mut last] {
            peer.expect_end();
        }
        drop((peer, last, idle));
        assert!(
            gate.enter_now().is_none(),
            "a request after the drain notice was executed"
        );
        assert_eq!(network.server_mut("server1").wait().code(), Some(0));
    }
}

#[test]
fn a_call_that_outlasts_the_drain_timeout_is_cut_off() {
    let gate = Gate::new();
    let mut network = serving(&gate, &["--drain-timeout", "200ms"]);
    let mut peer = network.peer(Framing::Lines);
    peer.send(wait(1));
    let visitor = gate.enter();
    network.server("server1").signal("TERM");
    assert_eq!(peer.receive(), drain(1));
    peer.expect_end();
    visitor.expect_death();
    assert_eq!(network.server_mut("server1").wait().code(), Some(0));
    network
        .server("server1")
        .logged(&["1 connection", "cut off"]);
}

#[test]
fn a_second_signal_ends_the_server_at_once() {
    let gate = Gate::new();
    let mut network = serving(&gate, &["--drain-timeout", "1h"]);
    let mut peer = network.peer(Framing::Lines);
    peer.send(wait(1));
    let visitor = gate.enter();
    network.server("server1").signal("TERM");
    assert_eq!(peer.receive(), drain(1));
    network.server("server1").signal("INT");
    assert_eq!(network.server_mut("server1").wait().code(), Some(1));
    network.server("server1").logged(&["second signal"]);
    visitor.expect_death();
}

/// Before the first whole message, a peer may use any of the three framings. A notice in one
/// framing would be garbage in another.
#[test]
fn a_connection_without_a_whole_message_is_closed_without_a_notice() {
    let mut network = serving(&Gate::new(), &[]);
    let hello = Frames::hello().bytes();
    let first_bytes: [&[u8]; 5] = [
        b"",
        b"\0",
        b"{\"header\":",
        &hello[..4],
        &hello[..hello.len() - 1],
    ];
    let mut peers: Vec<_> = first_bytes
        .iter()
        .map(|bytes| {
            let mut peer = network.peer(Framing::Lines);
            peer.send_bytes(bytes);
            peer
        })
        .collect();
    let mut greeted = network.peer(Framing::Framed);
    assert_eq!(number(&greeted.call(add().id(1))), 5);
    network.server("server1").signal("TERM");
    assert_eq!(greeted.receive(), drain(1));
    for (peer, bytes) in peers.iter_mut().zip(first_bytes) {
        assert_eq!(peer.read_to_end(), b"", "{bytes:?}");
    }
    drop((peers, greeted));
    assert_eq!(network.server_mut("server1").wait().code(), Some(0));
}

#[test]
fn an_unused_server_stops_at_once_and_serves_the_same_generation_after_a_restart() {
    let mut network = serving(&Gate::new(), &[]);
    network.server("server1").signal("TERM");
    assert_eq!(network.server_mut("server1").wait().code(), Some(0));
    network.start("server1", &[]);
    let answer = network.peer(Framing::Lines).call(add());
    assert_eq!(
        (number(&answer), &answer["value"]["generation"]),
        (5, &json!(1))
    );
}
