//! Deadlines, and connections that end.

use super::{adding, assert_sum};
use crate::harness::{ADD, COUNT, Frames, Gate, Network, Raises, continue_process, stop_process};

#[test]
fn a_call_with_a_deadline_of_zero_does_not_run() {
    let network = Network::with_procedures(&[ADD, COUNT])
        .amended(
            "tenants: [client1]",
            "tenants: [client1]\n    concurrency: 1",
        )
        .served(&[]);
    let mut peer = adding(&network);
    peer.send(
        Frames::new()
            .bind(1, "count", &[])
            .call_within(2, 1, Some(0), ()),
    );
    let (call, exception) = peer.raised();
    assert_eq!(call, 2);
    Raises("Deadline Exceeded", "no", &["before the call began"]).check_exception(&exception);
    assert_eq!(peer.call::<i64>(3, 1, ()), 1);
    peer.send(Frames::new().call_within(4, 1, Some(0), (7_i64,)));
    Raises("Invalid Arguments", "no", &["left over"]).check_exception(&peer.raised().1);
}

#[test]
fn a_deadline_ends_a_call_whether_it_runs_or_waits() {
    let gate = Gate::new();
    let wait = gate.source("wait");
    let network = Network::with_procedures(&[ADD, ("wait", "int", "int", &wait)])
        .amended(
            "tenants: [client1]",
            "tenants: [client1]\n    concurrency: 1",
        )
        .served(&[]);
    let mut peer = network.binary();
    peer.send(
        Frames::new()
            .bind(0, "add", &["int", "int"])
            .bind(1, "wait", &["int"]),
    );
    peer.send(Frames::new().call_within(1, 1, Some(300), (10_i64,)));
    let visitor = gate.enter();
    peer.send(Frames::new().call_within(2, 1, Some(50), (20_i64,)));
    let (call, exception) = peer.raised();
    assert_eq!(call, 2);
    Raises("Deadline Exceeded", "no", &["waiting for a worker"]).check_exception(&exception);
    let (call, exception) = peer.raised();
    assert_eq!(call, 1);
    Raises(
        "Deadline Exceeded",
        "unknown",
        &["while the procedure was running"],
    )
    .check_exception(&exception);
    visitor.expect_death();
    assert_sum(&mut peer, 3);
    assert!(
        gate.enter_now().is_none(),
        "a call that expired in the queue ran"
    );
}

#[test]
fn no_deadline_is_longer_than_that_of_the_server() {
    let gate = Gate::new();
    let wait = gate.source("wait");
    let network =
        Network::with_procedures(&[("wait", "int", "int", &wait)]).served(&["--deadline", "300ms"]);
    let mut peer = network.binary();
    peer.send(Frames::new().bind(0, "wait", &["int"]));
    for (call, asked) in [(1, None), (2, Some(u32::MAX - 1)), (3, Some(60_000))] {
        peer.send(Frames::new().call_within(call, 0, asked, (1_i64,)));
        let visitor = gate.enter();
        Raises("Deadline Exceeded", "unknown", &[]).check_exception(&peer.raised().1);
        visitor.expect_death();
    }
}

#[test]
fn a_peer_that_half_closes_gets_every_answer_and_then_the_end() {
    let gate = Gate::new();
    let wait = gate.source("wait");
    let flags = ["--max-session-calls", "1"];
    let network = Network::with_procedures(&[ADD, ("wait", "int", "int", &wait)]).served(&flags);
    let mut peer = adding(&network);
    peer.send(
        Frames::new()
            .bind(1, "wait", &["int"])
            .call(2, 1, (20_i64,)),
    );
    peer.send((3..100).fold(Frames::new(), |frames, call| {
        frames.call(call, 0, (call.cast_signed(), 0_i64))
    }));
    peer.half_close();
    gate.enter().release();
    assert_eq!(peer.returned::<i64>(), (2, 20));
    for call in 3_u64..100 {
        assert_eq!(peer.returned::<i64>(), (call, call.cast_signed()));
    }
    peer.expect_end();
}

#[test]
fn a_half_closed_session_whose_limit_is_used_by_a_cancelled_call_answers_the_call_that_waits() {
    let gate = Gate::new();
    let wait = gate.source("wait");
    let flags = ["--max-session-calls", "1"];
    let network = Network::with_procedures(&[ADD, ("wait", "int", "int", &wait)]).served(&flags);
    let mut peer = adding(&network);
    peer.send(
        Frames::new()
            .bind(1, "wait", &["int"])
            .call(2, 1, (20_i64,)),
    );
    let cancelled = gate.enter();
    // The server gets the frames and the end of the connection at once. So it has seen this end
    // long before the cancelled call stops.
    let server = network.server("server1").pid();
    stop_process(server);
    peer.send(Frames::new().cancel(2).call(3, 0, (2_i64, 3_i64)));
    peer.half_close();
    continue_process(server);
    Raises("Cancelled", "unknown", &[]).check_exception(&peer.raised().1);
    cancelled.release();
    assert_eq!(peer.returned::<i64>(), (3, 5));
    peer.expect_end();
}

#[test]
fn a_peer_that_disconnects_during_a_call_disturbs_no_other() {
    let gate = Gate::new();
    let wait = gate.source("wait");
    let network = Network::serving(&[ADD, ("wait", "int", "int", &wait)]);
    let mut other = adding(&network);
    for reset in [false, true] {
        let mut peer = network.binary();
        peer.send(Frames::new().bind(0, "wait", &["int"]).call(1, 0, (1_i64,)));
        let visitor = gate.enter();
        if reset {
            peer.reset();
        } else {
            drop(peer);
        }
        assert_sum(&mut other, 2 + u64::from(reset));
        visitor.release();
    }
    assert_sum(&mut other, 4);
}
