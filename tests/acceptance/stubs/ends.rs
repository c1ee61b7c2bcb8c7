//! Sessions that end: by DRAIN, by a timeout, or with their server.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use rpc_runtime::{Error, ErrorKind};
use wire::binary;
use wire::exception::{ExceptionType, Executed};

use super::Stub;
use crate::harness::{ADD, ClientSockets, Frames, Network, eventually, scripted};

/// A blocking client assumes that a session is open if it was used within this time.
const RECENT_USE: Duration = Duration::from_millis(20);

#[track_caller]
fn assert_unavailable(error: &Error, executed: Executed) {
    let unavailable = ErrorKind::Exception(ExceptionType::Unavailable);
    assert_eq!(
        (error.kind(), error.executed()),
        (unavailable, executed),
        "{error}"
    );
}

/// Waits until clients know that their server has closed their sessions, or check it before their
/// next call. The last call has just returned. At most `blocking` clients are blocking.
fn wait_until_closed(address: SocketAddr, blocking: usize) {
    let last_use = Instant::now();
    eventually("the sessions are closed", || {
        let sockets = ClientSockets::to(address);
        // An asynchronous client closes its end at once.
        (sockets.open == 0 && sockets.closed_by_server <= blocking).then_some(())
    });
    if blocking > 0 {
        // Not a wait for an event: a blocking client compares times when its next call begins, and
        // does nothing before.
        eventually("a session was not used recently", || {
            (last_use.elapsed() >= RECENT_USE).then_some(())
        });
    }
}

#[test]
fn after_a_drain_notice_the_next_call_uses_another_session() {
    for client in 0..2 {
        let (address, server_thread) = scripted(3, |number, server| {
            let call = server.greet();
            server.send(
                Frames::new()
                    .with(|out| binary::put_drain(call, out))
                    .result(call, number as i64),
            );
        });
        let stub = &Stub::both(address)[client];
        for number in 0..3 {
            assert_eq!(stub.add(2, 3).expect("an answer"), number);
        }
        server_thread.join().expect("three connections");
    }
}

#[test]
fn a_call_after_the_last_one_of_a_drain_notice_is_sent_on_another_session() {
    for client in 0..2 {
        let (address, server_thread) = scripted(2, |number, server| {
            let call = server.greet();
            server.send(Frames::new().result(call, 0_i64));
            if number == 0 {
                let after_last = server.next_call();
                assert!(after_last > call);
                server.send(Frames::new().with(|out| binary::put_drain(call, out)));
            }
        });
        let stub = &Stub::both(address)[client];
        assert_eq!(stub.add(2, 3).expect("an answer"), 0);
        assert_eq!(stub.add(2, 3).expect("the other session's answer"), 0);
        server_thread.join().expect("two connections");
    }
}

#[test]
fn a_call_on_a_fresh_session_that_is_drained_at_once_fails_as_not_executed() {
    for client in 0..2 {
        let (address, server_thread) = scripted(1, |_, server| {
            server.greet();
            server.send(Frames::new().with(|out| binary::put_drain(0, out)));
        });
        let error = Stub::both(address)[client].add(2, 3).expect_err("a drain");
        assert_unavailable(&error, Executed::No);
        server_thread.join().expect("one connection");
    }
}

#[test]
fn a_drained_session_that_ends_without_an_answer_fails_its_call_as_maybe_executed() {
    for client in 0..2 {
        let (address, server_thread) = scripted(1, |_, server| {
            let call = server.greet();
            server.send(Frames::new().with(|out| binary::put_drain(call, out)));
        });
        let error = Stub::both(address)[client].add(2, 3).expect_err("a drain");
        assert_unavailable(&error, Executed::Unknown);
        server_thread.join().expect("one connection");
    }
}

#[test]
fn a_session_that_its_server_closed_is_replaced_before_the_next_call() {
    for client in 0..2 {
        let (address, server_thread) = scripted(3, |number, server| {
            let call = server.greet();
            server.send(Frames::new().result(call, number as i64));
        });
        let stub = &Stub::both(address)[client];
        for number in 0..3 {
            assert_eq!(stub.add(2, 3).expect("an answer"), number);
            wait_until_closed(address, usize::from(stub.runtime.is_none()));
        }
        server_thread.join().expect("three connections");
    }
}

#[test]
fn a_session_that_the_idle_timeout_closed_is_replaced_before_the_next_call() {
    let network = Network::with_procedures(&[ADD]).served(&["--idle-timeout", "300ms"]);
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
    let network = Network::with_procedures(&[ADD]).served(&["--idle-timeout", "100ms"]);
    for stub in Stub::both(network.server("server1").address()) {
        for pause in [60, 74, 76, 90, 97, 99, 100, 101, 103, 110] {
            let begin = Instant::now();
            assert_eq!(stub.add(2, 3).expect("an answer"), 5);
            // Not a wait for an event: the pause chooses the moment of the next call.
            eventually("the moment of the next call", || {
                (begin.elapsed() >= Duration::from_millis(pause)).then_some(())
            });
        }
    }
}

#[test]
fn after_a_restart_of_the_server_the_next_call_works() {
    let mut network = Network::serving(&[ADD]);
    let address = network.server("server1").address();
    let stubs = Stub::both(address);
    for round in 0..3 {
        for stub in &stubs {
            assert_eq!(stub.add(round, 3).expect("an answer"), round + 3);
        }
        network.server_mut("server1").kill();
        wait_until_closed(address, 1);
        for stub in &stubs {
            assert_unavailable(&stub.add(2, 3).expect_err("nobody listens"), Executed::No);
        }
        network.start("server1", &["--listen", &address.to_string()]);
    }
    for stub in &stubs {
        assert_eq!(stub.add(2, 3).expect("an answer"), 5);
    }
}
