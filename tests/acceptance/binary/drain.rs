//! SIGTERM: DRAIN names the last call that is answered, and no call up to it is lost.

use super::{adding, assert_sum, bind_add};
use crate::harness::{ADD, BinaryPeer, Frames, Gate, Network, Peer, Reply, Visitor};

#[test]
fn a_stopping_server_names_the_last_call_that_it_answers_and_answers_it() {
    let gate = Gate::new();
    let wait = gate.source("wait");
    let mut network = Network::serving(&[ADD, ("wait", "int", "int", &wait)]);
    let mut busy = adding(&network);
    busy.send(
        Frames::new()
            .bind(1, "wait", &["int"])
            .call(6, 1, (60_i64,))
            .call(7, 1, (70_i64,)),
    );
    let visitors = [gate.enter(), gate.enter()];
    let mut idle = adding(&network);
    let mut unused = network.binary();
    let mut half_closed = adding(&network);
    half_closed.send(
        Frames::new()
            .bind(1, "wait", &["int"])
            .call(2, 1, (20_i64,)),
    );
    let last = gate.enter();
    half_closed.half_close();
    network.server("server1").signal("TERM");
    assert_eq!(busy.answer(), Reply::Drain(7));
    assert_eq!(idle.receive(), Reply::Drain(1));
    assert_eq!(unused.receive(), Reply::Drain(0));
    [&mut idle, &mut unused]
        .into_iter()
        .for_each(BinaryPeer::expect_end);
    assert!(Peer::is_refused(network.server("server1").address()));
    busy.send(Frames::new().call(8, 1, (80_i64,)).cancel(6));
    visitors.into_iter().for_each(Visitor::release);
    let mut answered = [busy.returned::<i64>(), busy.returned()];
    answered.sort_unstable();
    assert_eq!(answered, [(6, 60), (7, 70)]);
    busy.expect_end();
    last.release();
    assert_eq!(half_closed.returned::<i64>(), (2, 20));
    drop((busy, idle, unused, half_closed));
    assert!(
        gate.enter_now().is_none(),
        "a call after the drain notice was executed"
    );
    assert_eq!(network.server_mut("server1").wait().code(), Some(0));
}

#[test]
fn a_drain_closes_connections_that_have_not_sent_a_whole_hello() {
    let mut network = Network::serving(&[ADD]);
    let address = network.server("server1").address();
    let hello = Frames::hello().bytes();
    let mut silent = BinaryPeer::connect_without_hello([127, 0, 0, 1], address);
    let mut partial = BinaryPeer::connect_without_hello([127, 0, 0, 1], address);
    partial.send_bytes(&hello[..6]);
    assert_sum(&mut adding(&network), 2);
    network.server("server1").signal("TERM");
    silent.expect_end();
    while partial.next_payload().is_some() {}
    assert_eq!(network.server_mut("server1").wait().code(), Some(0));
}

#[test]
fn calls_that_arrive_while_the_server_stops_are_answered_up_to_the_last_call_that_it_names() {
    let mut network = Network::serving(&[ADD]);
    let mut peer = network.binary();
    let calls = (1..=20_000).fold(bind_add(), |frames, call| {
        frames.call(call, 0, (call.cast_signed(), 1_i64))
    });
    let sending = peer.send_in_background(calls.bytes());
    let mut answered = Vec::new();
    let last = loop {
        match peer.answer() {
            Reply::Result(call, sum) => {
                assert_eq!(sum, (call.cast_signed() + 1).to_le_bytes());
                answered.push(call);
            }
            Reply::Drain(last) => break last,
            other => panic!("{other:?}"),
        }
        if answered.len() == 100 {
            network.server("server1").signal("TERM");
        }
    };
    while let Some(reply) = peer.next() {
        let Reply::Result(call, _) = reply else {
            panic!("{reply:?}")
        };
        answered.push(call);
    }
    answered.sort_unstable();
    assert!(
        answered.iter().copied().eq(1..=last),
        "{} answers, but the last call is {last}",
        answered.len()
    );
    drop(peer);
    sending.join().expect("the sender");
    assert_eq!(network.server_mut("server1").wait().code(), Some(0));
}

#[test]
fn a_call_that_outlasts_the_drain_timeout_is_cut_off() {
    let gate = Gate::new();
    let wait = gate.source("wait");
    let flags = ["--drain-timeout", "200ms"];
    let mut network = Network::with_procedures(&[("wait", "int", "int", &wait)]).served(&flags);
    let mut peer = network.binary();
    peer.send(Frames::new().bind(0, "wait", &["int"]).call(1, 0, (1_i64,)));
    let visitor = gate.enter();
    network.server("server1").signal("TERM");
    assert_eq!(peer.answer(), Reply::Drain(1));
    peer.expect_end();
    visitor.expect_death();
    assert_eq!(network.server_mut("server1").wait().code(), Some(0));
}
