//! CANCEL of running, queued and unknown calls, and how cancelled calls count towards limits.

use super::{adding, assert_sum};
use crate::harness::{ADD, Frames, Gate, Network, Raises, Reply, Visitor};

#[test]
fn a_cancelled_call_is_answered_once_whether_it_runs_or_waits() {
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
    peer.send(Frames::new().call(1, 1, (10_i64,)));
    let visitor = gate.enter();
    peer.send(Frames::new().call(2, 1, (20_i64,)).cancel(2));
    let (call, exception) = peer.raised();
    assert_eq!(call, 2);
    Raises("Cancelled", "no", &["gave up"]).check_exception(&exception);
    peer.send(Frames::new().cancel(1));
    let (call, exception) = peer.raised();
    assert_eq!(call, 1);
    Raises("Cancelled", "unknown", &["gave up"]).check_exception(&exception);
    peer.send(Frames::new().cancel(1).cancel(2).call(3, 0, (2_i64, 3_i64)));
    visitor.release();
    assert_eq!(
        peer.returned::<i64>(),
        (3, 5),
        "the worker of the cancelled call is free again"
    );
    assert!(
        gate.enter_now().is_none(),
        "a call that was cancelled in the queue ran"
    );
}

#[test]
fn a_cancel_of_an_unknown_or_finished_call_changes_nothing() {
    let network = Network::serving(&[ADD]);
    let mut peer = adding(&network);
    peer.send(Frames::new().cancel(0).cancel(1).cancel(2).cancel(u64::MAX));
    assert_sum(&mut peer, 2);
    peer.send(Frames::new().call(3, 0, (2_i64, 3_i64)).cancel(4));
    assert_eq!(peer.returned::<i64>(), (3, 5));
    assert_sum(&mut peer, 4);
}

#[test]
fn a_cancelled_call_counts_until_it_has_stopped() {
    const LIMIT: usize = 8;
    let gate = Gate::new();
    let wait = gate.source("wait");
    let flags = ["--max-session-calls", "8", "--workers", "32"];
    let network = Network::with_procedures(&[ADD, ("wait", "int", "int", &wait)]).served(&flags);
    let mut peer = adding(&network);
    peer.send(Frames::new().bind(1, "wait", &["int"]));
    let mut next = 2;
    let mut inside: Vec<Visitor> = Vec::new();
    while inside.len() < LIMIT - 1 {
        peer.send(Frames::new().call(next, 1, (1_i64,)));
        inside.push(gate.enter());
        peer.send(Frames::new().cancel(next));
        let (call, exception) = peer.raised();
        assert_eq!(call, next);
        Raises("Cancelled", "unknown", &[]).check_exception(&exception);
        next += 1;
    }
    peer.send((next..next + 5).fold(Frames::new(), |frames, call| {
        frames.call(call, 1, (call.cast_signed(),))
    }));
    let only = gate.enter();
    assert_sum(&mut adding(&network), 2);
    assert!(
        gate.enter_now().is_none(),
        "more than {LIMIT} calls run: cancelled calls were not counted"
    );
    only.release();
    assert_eq!(peer.returned::<i64>(), (next, next.cast_signed()));
    inside.into_iter().for_each(Visitor::release);
    for _ in 1..5 {
        gate.enter().release();
    }
    let mut answered: Vec<u64> = (1..5).map(|_| peer.returned::<i64>().0).collect();
    answered.sort_unstable();
    assert!(answered.into_iter().eq(next + 1..next + 5));
}

#[test]
fn a_session_at_its_limit_of_calls_still_accepts_cancels() {
    let gate = Gate::new();
    let wait = gate.source("wait");
    let flags = ["--max-session-calls", "2"];
    let network = Network::with_procedures(&[ADD, ("wait", "int", "int", &wait)]).served(&flags);
    let mut peer = adding(&network);
    peer.send(
        Frames::new()
            .bind(1, "wait", &["int"])
            .call(2, 1, (1_i64,))
            .call(3, 1, (1_i64,)),
    );
    let visitors = [gate.enter(), gate.enter()];
    peer.send(Frames::new().cancel(3).cancel(2).ping(9));
    let mut replies = [peer.answer(), peer.answer(), peer.answer()].map(|reply| match reply {
        Reply::Exception(call, exception) => {
            Raises("Cancelled", "unknown", &[]).check_exception(&exception);
            call
        }
        Reply::Pong(number) => number,
        other => panic!("{other:?}"),
    });
    replies.sort_unstable();
    assert_eq!(replies, [2, 3, 9]);
    visitors.into_iter().for_each(Visitor::release);
    assert_sum(&mut peer, 4);
}
