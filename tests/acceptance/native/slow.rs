//! Handlers that block their thread or wait: other calls go on, and deadlines are kept.

use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use rpc_runtime::server::Limits;

use super::{
    DOZE_SLOT, HALF_SLOT, HOLD_SLOT, HandlerState, NAP_SLOT, WAIT_SLOT, assert_half, bound, serving,
};
use crate::harness::{Frames, PATIENCE, Raises, eventually};

/// Returns limits with one thread for all sessions.
fn one_session_thread() -> Limits {
    let mut limits = Limits::default();
    limits.threads = 1;
    limits
}

/// Waits until `count` calls of `wait` are under way.
fn wait_for_waiting_calls(state: &HandlerState, count: usize) {
    let now = || state.waiting.load(Ordering::SeqCst);
    eventually("the number of waiting calls", || {
        (now() == count).then_some(())
    });
}

#[test]
fn a_blocking_handler_delays_no_other_call_whether_it_is_declared_blocking_or_not() {
    let (server, _) = serving(&one_session_thread());
    let mut peer = bound(&server);
    let mut other = bound(&server);
    for (round, slot) in [(0, DOZE_SLOT), (1, NAP_SLOT), (2, DOZE_SLOT), (3, NAP_SLOT)] {
        let call = 10 * round + 1;
        peer.send(
            Frames::new()
                .call(call, slot, (300_i64,))
                .call(call + 1, HALF_SLOT, (8_i64,)),
        );
        assert_half(&mut other, round + 1);
        assert_eq!(
            peer.returned::<i64>(),
            (call + 1, 4),
            "the call waited behind the blocking one"
        );
        assert_eq!(peer.returned::<i64>(), (call, 300));
    }
}

#[test]
fn a_handler_that_becomes_slow_is_moved_to_a_pool_thread() {
    let (server, _) = serving(&one_session_thread());
    let mut peer = bound(&server);
    for call in 1..=100 {
        assert_eq!(peer.call::<i64>(call, NAP_SLOT, (0_i64,)), 0);
    }
    let begin = Instant::now();
    let mut call = 100;
    let overtaken = loop {
        call += 2;
        peer.send(Frames::new().call(call, NAP_SLOT, (30_i64,)).call(
            call + 1,
            HALF_SLOT,
            (8_i64,),
        ));
        let (first, _) = peer.returned::<i64>();
        peer.returned::<i64>();
        if first == call + 1 {
            break call;
        }
        assert!(
            begin.elapsed() < PATIENCE && call < 200,
            "the handler still runs in place"
        );
    };
    for call in (0..10).map(|n| overtaken + 2 + 2 * n) {
        peer.send(Frames::new().call(call, NAP_SLOT, (30_i64,)).call(
            call + 1,
            HALF_SLOT,
            (8_i64,),
        ));
        assert_eq!(peer.returned::<i64>(), (call + 1, 4));
        assert_eq!(peer.returned::<i64>(), (call, 30));
    }
}

#[test]
fn the_deadline_of_a_blocking_handler_is_kept_and_its_thread_is_busy_until_it_returns() {
    let mut limits = one_session_thread();
    limits.native_threads = 1;
    let (server, state) = serving(&limits);
    let mut peer = bound(&server);
    let held = state.hold.lock().expect("no call yet");
    peer.send(Frames::new().call_within(1, HOLD_SLOT, Some(100), (1_i64,)));
    let (call, exception) = peer.raised();
    assert_eq!(call, 1);
    Raises(
        "Deadline Exceeded",
        "unknown",
        &["while the procedure was running"],
    )
    .check_exception(&exception);
    for waiting in 2..=4 {
        peer.send(Frames::new().call_within(waiting, DOZE_SLOT, Some(100), (0_i64,)));
        let (call, exception) = peer.raised();
        assert_eq!(call, waiting);
        Raises("Deadline Exceeded", "no", &["waiting for a thread"]).check_exception(&exception);
    }
    drop(held);
    assert_eq!(peer.call::<i64>(5, DOZE_SLOT, (0_i64,)), 0);
}

#[test]
fn a_waiting_handler_delays_no_other_call_and_continues() {
    let (server, state) = serving(&one_session_thread());
    let mut peer = bound(&server);
    for round in 0..40 {
        let call = 10 * round + 1;
        peer.send(Frames::new().call(call, WAIT_SLOT, (call.cast_signed(),)));
        wait_for_waiting_calls(&state, 1);
        assert_half(&mut peer, call + 1);
        state.gate.add_permits(1);
        assert_eq!(peer.returned::<i64>(), (call, call.cast_signed()));
    }
    wait_for_waiting_calls(&state, 0);
}

#[test]
fn a_waiting_handler_is_dropped_at_its_deadline_on_cancel_and_when_its_caller_disconnects() {
    let (server, state) = serving(&one_session_thread());
    let mut peer = bound(&server);
    for round in 0..40 {
        let call = 10 * round + 1;
        peer.send(Frames::new().call_within(call, WAIT_SLOT, Some(20), (1_i64,)));
        let (_, exception) = peer.raised();
        Raises("Deadline Exceeded", "unknown", &[]).check_exception(&exception);
        wait_for_waiting_calls(&state, 0);
        peer.send(Frames::new().call(call + 1, WAIT_SLOT, (1_i64,)));
        wait_for_waiting_calls(&state, 1);
        peer.send(Frames::new().cancel(call + 1));
        let (_, exception) = peer.raised();
        Raises("Cancelled", "unknown", &[]).check_exception(&exception);
        wait_for_waiting_calls(&state, 0);
    }
    for reset in [false, true] {
        let mut gone = bound(&server);
        gone.send(
            Frames::new()
                .call(1, WAIT_SLOT, (1_i64,))
                .call(2, WAIT_SLOT, (1_i64,)),
        );
        wait_for_waiting_calls(&state, 2);
        if reset {
            gone.reset();
            wait_for_waiting_calls(&state, 0);
        } else {
            // A peer that only half-closes still gets its answers.
            gone.half_close();
            state.gate.add_permits(2);
            gone.returned::<i64>();
            gone.returned::<i64>();
            gone.expect_end();
        }
    }
}

#[test]
fn more_blocking_calls_than_threads_are_all_answered() {
    let mut limits = one_session_thread();
    limits.native_threads = 4;
    let (server, _) = serving(&limits);
    let mut peer = bound(&server);
    peer.send((1..=100).fold(Frames::new(), |frames, call| {
        frames.call(call, DOZE_SLOT, (5_i64,))
    }));
    peer.send(Frames::new().call(101, HALF_SLOT, (8_i64,)));
    let mut answered: Vec<(u64, i64)> = (0..101).map(|_| peer.returned::<i64>()).collect();
    answered.sort_unstable();
    assert!(answered.into_iter().map(|(call, _)| call).eq(1..=101));
}

#[test]
fn a_stopping_server_waits_for_its_handlers_until_the_drain_timeout() {
    for answered in [true, false] {
        let mut limits = one_session_thread();
        limits.drain_timeout = Duration::from_millis(if answered { 10_000 } else { 200 });
        let (server, state) = serving(&limits);
        let mut peer = bound(&server);
        peer.send(Frames::new().call(1, WAIT_SLOT, (5_i64,)));
        wait_for_waiting_calls(&state, 1);
        let cut_off = server.stop(|| {
            assert_eq!(peer.answer(), crate::harness::Reply::Drain(1));
            if answered {
                state.gate.add_permits(1);
                assert_eq!(peer.returned::<i64>(), (1, 5));
            }
            peer.expect_end();
        });
        assert_eq!(cut_off, usize::from(!answered));
    }
}
