//! Sessions that end: by DRAIN, by a timeout, with their server.

use std::time::{Duration, Instant};

use rpc_runtime::{Error, ErrorKind};
use wire::binary;
use wire::exception::{ExceptionType, Executed};

use super::{ADD_SOURCE, Stub};
use crate::harness::{Frames, Network, eventually, scripted};

/// A session that was used more lately is taken to be open.
const LATELY: Duration = Duration::from_millis(20);

#[track_caller]
fn assert_unavailable(error: &Error, executed: Executed) {
    let unavailable = ErrorKind::Exception(ExceptionType::Unavailable);
    assert_eq!(
        (error.kind(), error.executed()),
        (unavailable, executed),
        "{error}"
    );
}

/// Waits until a session that was used at that time is looked at before it is used.
fn wait_until_idle(since: Instant) {
    eventually("time passes", || {
        (since.elapsed() > LATELY * 2).then_some(())
    });
}

#[test]
fn after_a_drain_notice_another_session_carries_the_next_call() {
    for client in 0..2 {
        let (address, playing) = scripted(3, |number, far| {
            let call = far.greet();
            far.send(
                Frames::new()
                    .with(|out| binary::put_drain(call, out))
                    .result(call, number as i64),
            );
        });
        let stub = &Stub::both(address)[client];
        for number in 0..3 {
            assert_eq!(stub.add(2, 3).expect("an answer"), number);
        }
        playing.join().expect("three connections");
    }
}

#[test]
fn a_call_that_a_drain_notice_leaves_out_is_carried_by_another_session() {
    for client in 0..2 {
        let (address, playing) = scripted(2, |number, far| {
            let call = far.greet();
            far.send(Frames::new().result(call, 0_i64));
            if number == 0 {
                let left_out = far.request();
                assert!(left_out > call);
                far.send(Frames::new().with(|out| binary::put_drain(call, out)));
            }
        });
        let stub = &Stub::both(address)[client];
        assert_eq!(stub.add(2, 3).expect("an answer"), 0);
        assert_eq!(stub.add(2, 3).expect("the other session's answer"), 0);
        playing.join().expect("two connections");
    }
}

#[test]
fn a_fresh_session_that_is_drained_at_once_fails_its_call_which_did_not_run() {
    for client in 0..2 {
        let (address, playing) = scripted(1, |_, far| {
            far.greet();
            far.send(Frames::new().with(|out| binary::put_drain(0, out)));
        });
        let error = Stub::both(address)[client].add(2, 3).expect_err("a drain");
        assert_unavailable(&error, Executed::No);
        playing.join().expect("one connection");
    }
}

#[test]
fn a_drained_session_that_ends_without_an_answer_leaves_its_call_unknown() {
    for client in 0..2 {
        let (address, playing) = scripted(1, |_, far| {
            let call = far.greet();
            far.send(Frames::new().with(|out| binary::put_drain(call, out)));
        });
        let error = Stub::both(address)[client].add(2, 3).expect_err("a drain");
        assert_unavailable(&error, Executed::Unknown);
        playing.join().expect("one connection");
    }
}

#[test]
fn a_session_that_its_server_ended_is_noticed_before_the_next_call() {
    for client in 0..2 {
        let (address, playing) = scripted(3, |number, far| {
            let call = far.greet();
            far.send(Frames::new().result(call, number as i64));
        });
        let stub = &Stub::both(address)[client];
        for number in 0..3 {
            let begin = Instant::now();
            assert_eq!(stub.add(2, 3).expect("an answer"), number);
            wait_until_idle(begin);
        }
        playing.join().expect("three connections");
    }
}

#[test]
fn a_session_that_its_server_s_idle_timeout_closed_is_noticed_before_the_next_call() {
    let network = Network::with_procedures(&[ADD_SOURCE]).served(&["--idle-timeout", "300ms"]);
    let server = network.server("server1");
    for stub in Stub::both(server.address()) {
        for _ in 0..3 {
            let closed = server
                .log()
                .iter()
                .filter(|line| line.contains("idle timeout"))
                .count();
            assert_eq!(stub.add(2, 3).expect("an answer"), 5);
            eventually("the session is closed", || {
                let lines = server.log();
                (lines
                    .iter()
                    .filter(|line| line.contains("idle timeout"))
                    .count()
                    > closed)
                    .then_some(())
            });
        }
    }
}

#[test]
fn calls_at_the_edge_of_the_idle_timeout_never_fail() {
    let network = Network::with_procedures(&[ADD_SOURCE]).served(&["--idle-timeout", "100ms"]);
    for stub in Stub::both(network.server("server1").address()) {
        for pause in [60, 74, 76, 90, 97, 99, 100, 101, 103, 110] {
            let begin = Instant::now();
            assert_eq!(stub.add(2, 3).expect("an answer"), 5);
            eventually("time passes", || {
                (begin.elapsed() >= Duration::from_millis(pause)).then_some(())
            });
        }
    }
}

#[test]
fn after_a_restart_of_the_server_the_next_call_works() {
    let mut network = Network::serving(&[ADD_SOURCE]);
    let address = network.server("server1").address();
    let stubs = Stub::both(address);
    for round in 0..3 {
        for stub in &stubs {
            assert_eq!(stub.add(round, 3).expect("an answer"), round + 3);
        }
        let begin = Instant::now();
        network.server_mut("server1").kill();
        wait_until_idle(begin);
        for stub in &stubs {
            assert_unavailable(&stub.add(2, 3).expect_err("nobody listens"), Executed::No);
        }
        network.start("server1", &["--listen", &address.to_string()]);
    }
    for stub in &stubs {
        assert_eq!(stub.add(2, 3).expect("an answer"), 5);
    }
}
