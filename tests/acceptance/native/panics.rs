//! Handlers that fail or panic: only their own call fails, on a pool thread and in place.

use rpc_runtime::server::Limits;

use super::{HALF_SLOT, PANIC_SLOT, ZEROS_SLOT, assert_half, bound, serving};
use crate::harness::{Frames, Raises};

#[test]
fn a_panic_fails_only_its_own_call_wherever_the_handler_runs() {
    let (server, _) = serving(&Limits::default());
    let mut peer = bound(&server);
    let mut other = bound(&server);
    let mut call = 0;
    // After many quick calls, the server runs a method in place instead of on a pool thread.
    for round in 1..=60 {
        for (how, words) in [
            (0_i64, "before it begins"),
            (1, "as it begins"),
            (2, "no message"),
            (3, "after it waited"),
        ] {
            call += 1;
            peer.send(Frames::new().call(call, PANIC_SLOT, (how,)));
            let (failed, exception) = peer.raised();
            assert_eq!(
                (failed, exception.raised_kind.as_deref()),
                (call, Some("panic"))
            );
            Raises(
                "Execution Exception",
                "unknown",
                &["the handler panicked", words],
            )
            .check_exception(&exception);
        }
        call += 1;
        assert_eq!(peer.call::<i64>(call, PANIC_SLOT, (4_i64,)), 4);
        assert_half(&mut other, round);
    }
}

#[test]
fn a_failure_keeps_its_kind_and_says_that_the_procedure_ran() {
    let (server, _) = serving(&Limits::default());
    let mut peer = bound(&server);
    for call in 1..40 {
        peer.send(Frames::new().call(2 * call, HALF_SLOT, (7_i64,)));
        let (_, exception) = peer.raised();
        Raises("Execution Exception", "yes", &["7 is odd"]).check_exception(&exception);
        assert_eq!(exception.raised_kind.as_deref(), Some("Odd"));
        assert_half(&mut peer, 2 * call + 1);
    }
    peer.send(Frames::new().call(1000, ZEROS_SLOT, (-1_i64,)));
    assert_eq!(peer.raised().1.raised_kind.as_deref(), Some("Error"));
}

#[test]
fn arguments_that_do_not_decode_are_refused_before_the_handler_begins() {
    let (server, state) = serving(&Limits::default());
    let mut peer = bound(&server);
    let mut call = 0;
    for length in (0..20).filter(|length| *length != 8) {
        call += 1;
        peer.send(Frames::new().call_with_bytes(call, HALF_SLOT, &vec![0; length]));
        let (refused, exception) = peer.raised();
        assert_eq!(refused, call);
        Raises(
            "Invalid Arguments",
            "no",
            &["do not decode", "valid: svc1.half(int) -> (int)"],
        )
        .check_exception(&exception);
    }
    assert_eq!(state.halved.load(std::sync::atomic::Ordering::SeqCst), 0);
    assert_half(&mut peer, call + 1);
}

#[test]
fn an_answer_over_the_limit_becomes_an_exception_and_the_next_call_succeeds() {
    const LIMIT: i64 = 64 << 10;
    /// Bytes in a RES besides the value: the head, and the length of the value.
    const OVERHEAD: i64 = 9 + 4;
    let mut limits = Limits::default();
    limits.frame_bytes = 64 << 10;
    let (server, _) = serving(&limits);
    let mut peer = bound(&server);
    for call in 1..40 {
        peer.send(Frames::new().call(2 * call, ZEROS_SLOT, (LIMIT - OVERHEAD + 1,)));
        let (_, exception) = peer.raised();
        Raises(
            "Execution Exception",
            "yes",
            &["65537 bytes, over the limit of 65536 bytes"],
        )
        .check_exception(&exception);
        let longest = peer.call::<Vec<u8>>(2 * call + 1, ZEROS_SLOT, (LIMIT - OVERHEAD,));
        assert_eq!(longest.len() as u64, (LIMIT - OVERHEAD).unsigned_abs());
    }
}
