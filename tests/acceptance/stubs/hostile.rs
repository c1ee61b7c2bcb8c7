//! Servers that break the protocol: each pending call fails once, with the right `executed`, and
//! nothing hangs.

use std::time::{Duration, Instant};

use rpc_runtime::{Error, ErrorKind};
use wire::binary::{self, Bound};
use wire::exception::{Exception, ExceptionType, Executed};

use super::Stub;
use crate::harness::{ClientFrame, Frames, PATIENCE, ScriptedServer, scripted};

const UNAVAILABLE: ErrorKind = ErrorKind::Exception(ExceptionType::Unavailable);

/// Asserts that a call of each client to a server with this script fails with this kind, this
/// `executed` and these words.
#[track_caller]
fn check(
    script: impl Fn(&mut ScriptedServer) + Clone + Send + 'static,
    (kind, executed): (ErrorKind, Executed),
    words: &str,
) {
    for client in 0..2 {
        let script = script.clone();
        let (address, server_thread) = scripted(1, move |_, server| script(server));
        let error = Stub::both(address)[client].add(2, 3).expect_err(words);
        assert_eq!(
            (error.kind(), error.executed()),
            (kind, executed),
            "{words}: {error}"
        );
        assert!(error.to_string().contains(words), "{words}: {error}");
        server_thread.join().expect("one connection");
    }
}

/// Asserts that a call fails with a protocol error if the server answers it with these bytes and
/// closes the connection.
#[track_caller]
fn check_answer(
    answer: impl Fn(u64) -> Vec<u8> + Clone + Send + 'static,
    executed: Executed,
    words: &str,
) {
    let script = move |server: &mut ScriptedServer| {
        let call = server.greet();
        server.send_bytes(&answer(call));
    };
    check(script, (ErrorKind::Protocol, executed), words);
}

#[test]
fn a_malformed_frame_fails_the_call_with_a_protocol_error() {
    let raw = |bytes: &'static [u8]| move |_| bytes.to_vec();
    let payload = |payload: &'static [u8]| move |_| Frames::new().payload(payload).bytes();
    check_answer(
        raw(b"\xff\xff\xff\xff"),
        Executed::Unknown,
        "over the limit",
    );
    check_answer(
        raw(b"HTTP/1.1 400 Bad Request"),
        Executed::Unknown,
        "over the limit",
    );
    check_answer(raw(b"\0\0\0\0"), Executed::Unknown, "length 0");
    check_answer(payload(b"\x0a"), Executed::Unknown, "no kind of frame 0x0a");
    check_answer(payload(b"{}"), Executed::Unknown, "no kind of frame 0x7b");
    check_answer(
        payload(b"\x04\x01"),
        Executed::Unknown,
        "broken Returned frame",
    );
    check_answer(
        payload(b"\x05\0\0\0\0\0\0\0\0\x01\0\0\0x"),
        Executed::Unknown,
        "unknown exception type `x`",
    );
    check_answer(
        |_| Frames::hello().bytes(),
        Executed::Unknown,
        "a second HELLO",
    );
}

#[test]
fn a_server_that_does_not_begin_with_hello_is_refused() {
    for first in [
        Frames::new().cancel(1),
        Frames::new().result(65_536, 5_i64),
        Frames::new().payload(b"{}"),
    ] {
        let bytes = first.bytes();
        let script = move |server: &mut ScriptedServer| {
            server.next_call();
            server.send_bytes(&bytes);
        };
        check(
            script,
            (ErrorKind::Protocol, Executed::Unknown),
            "server `server1`",
        );
    }
}

#[test]
fn a_frame_that_only_clients_send_ends_the_session() {
    check_answer(
        |_| Frames::new().cancel(1).bytes(),
        Executed::Unknown,
        "a server sends no CANCEL",
    );
    check_answer(
        |call| Frames::new().call(call, 0, ()).bytes(),
        Executed::Unknown,
        "a server sends no REQ",
    );
    check_answer(
        |_| Frames::new().bind(0, "add", &[]).bytes(),
        Executed::Unknown,
        "a server sends no BIND",
    );
}

#[test]
fn an_answer_to_a_call_that_was_not_made_is_a_protocol_error() {
    for other in [0_u64, 1, 7, 65_535, 65_537, u64::MAX] {
        let words = format!("an answer to call {other}, which is not waiting");
        check_answer(
            move |_| Frames::new().result(other, 5_i64).bytes(),
            Executed::Unknown,
            &words,
        );
    }
    let unavailable = || Exception::refused(ExceptionType::Unavailable, "no");
    check_answer(
        move |call| Frames::new().exception(call + 1, &unavailable()).bytes(),
        Executed::Unknown,
        "which is not waiting",
    );
}

#[test]
fn a_result_that_does_not_decode_fails_a_call_that_was_executed() {
    for values in [&b""[..], b"\0\0\0\0\0\0\0", b"\0\0\0\0\0\0\0\0\0"] {
        let answer = move |call| {
            let put = |out: &mut wire::outbox::Outbox| {
                let mark = binary::begin_result(call, out);
                out.bytes().extend_from_slice(values);
                out.end_frame(mark);
            };
            Frames::new().with(put).bytes()
        };
        check_answer(answer, Executed::Yes, "the answer does not decode");
    }
}

#[test]
fn a_second_answer_ends_the_session_after_the_first_answer_is_delivered() {
    for client in 0..2 {
        let (address, server_thread) = scripted(2, |number, server| {
            let call = server.greet();
            server.send(Frames::new().result(call, number as i64));
            if number == 0 {
                server.send(Frames::new().result(call, 77_i64));
                server.expect_end();
            }
        });
        let stub = &Stub::both(address)[client];
        assert_eq!(stub.add(0, 0).expect("the first answer"), 0);
        // The client may send the next call before it sees the second answer.
        let next = stub.add(0, 1).or_else(|error| {
            assert_eq!(
                (error.kind(), error.executed()),
                (ErrorKind::Protocol, Executed::Unknown)
            );
            assert!(error.to_string().contains("is not waiting"), "{error}");
            stub.add(0, 1)
        });
        assert_eq!(next.expect("the other session's answer"), 1);
        server_thread.join().expect("two connections");
    }
}

#[test]
fn an_answer_that_nobody_asked_for_and_that_has_arrived_fails_no_later_call() {
    let second_answer = |call: u64| Frames::new().result(call, 77_i64).bytes();
    for cut in 1..=second_answer(1).len() {
        for client in 0..2 {
            let (address, server_thread) = scripted(2, move |number, server| {
                let call = server.greet();
                let answer = Frames::new().result(call, number as i64).bytes();
                let more = second_answer(call);
                if number == 0 {
                    server.send_bytes(&[&answer, &more[..cut]].concat());
                    // A client that sends its next call on this session gets the other part.
                    if server.next().is_some() {
                        server.send_bytes(&more[cut..]);
                    }
                } else {
                    server.send_bytes(&answer);
                }
            });
            let stub = &Stub::both(address)[client];
            assert_eq!(stub.add(0, 0).expect("the first answer"), 0);
            assert_eq!(stub.add(0, 1).expect("the other session's answer"), 1);
            server_thread.join().expect("two connections");
        }
    }
}

#[test]
fn a_session_that_is_cut_off_at_any_byte_fails_only_its_call() {
    let bound = Bound {
        slot: 0,
        generation: 1,
        source: [7; 32],
    };
    let answer = move |call| {
        let bound = |out: &mut _| binary::put_bound(&bound, out);
        Frames::hello().with(bound).result(call, 5_i64).bytes()
    };
    let length = answer(65_536).len();
    for client in 0..2 {
        for reset in [false, true] {
            let (address, server_thread) = scripted(length + 1, move |cut, server| {
                let call = server.next_call();
                server.send_bytes(&answer(call)[..cut]);
                if reset {
                    server.reset_on_drop();
                }
            });
            let stub = &Stub::both(address)[client];
            for cut in 0..=length {
                match stub.add(2, 3) {
                    Ok(sum) => assert_eq!((sum, cut), (5, length)),
                    Err(error) => {
                        assert_eq!(
                            (error.kind(), error.executed()),
                            (UNAVAILABLE, Executed::Unknown),
                            "{error}"
                        );
                        assert!(cut < length || reset, "{error}");
                    }
                }
            }
            server_thread.join().expect("a connection for each cut");
        }
    }
}

#[test]
fn a_server_that_closes_accepted_connections_fails_the_call() {
    for client in 0..2 {
        let (address, server_thread) = scripted(3, |number, server| {
            if number == 1 {
                server.reset_on_drop();
            }
        });
        let stub = &Stub::both(address)[client];
        for _ in 0..3 {
            let error = stub.add(2, 3).expect_err("an end");
            assert_eq!(error.kind(), UNAVAILABLE, "{error}");
            assert_ne!(error.executed(), Executed::Yes);
        }
        server_thread.join().expect("three connections");
        let error = stub.add(2, 3).expect_err("nobody listens");
        assert_eq!(
            (error.kind(), error.executed()),
            (UNAVAILABLE, Executed::No),
            "{error}"
        );
    }
}

#[test]
fn an_exception_about_the_session_fails_every_call_on_it() {
    let exception = Exception::refused(ExceptionType::MalformedMessage, "too much of it");
    let kind = ErrorKind::Exception(ExceptionType::MalformedMessage);
    let script = move |server: &mut ScriptedServer| {
        server.greet();
        server.send(Frames::new().exception(0, &exception));
    };
    check(script, (kind, Executed::Unknown), "too much of it");
}

#[test]
fn every_pending_call_fails_once_when_its_session_ends() {
    const CALLS: usize = 64;
    for asynchronous in [false, true] {
        let (address, server_thread) = scripted(1, |_, server| {
            server.send(Frames::hello());
            let mut calls: Vec<u64> = (0..CALLS).map(|_| server.next_call()).collect();
            calls.sort_unstable();
            let (first_half, _) = calls.split_at(CALLS / 2);
            let answered = first_half
                .iter()
                .fold(Frames::new(), |frames, call| frames.result(*call, 5_i64));
            server.send(answered.result(3, 5_i64));
        });
        let network = super::network_of(address, PATIENCE, 1);
        let results: Vec<Result<i64, Error>> =
            super::many::at_once(&network, CALLS, asynchronous, |_| (2, 3));
        let failed: Vec<&Error> = results
            .iter()
            .filter_map(|result| result.as_ref().err())
            .collect();
        assert_eq!(failed.len(), CALLS / 2);
        for error in failed {
            assert_eq!(
                (error.kind(), error.executed()),
                (ErrorKind::Protocol, Executed::Unknown),
                "{error}"
            );
        }
        server_thread.join().expect("one connection");
    }
}

#[test]
fn a_ping_is_answered_while_a_call_waits() {
    for client in 0..2 {
        let (address, server_thread) = scripted(1, |_, server| {
            let call = server.greet();
            server.send(Frames::new().ping(9));
            assert_eq!(server.next(), Some(ClientFrame::Pong(9)));
            server.send(Frames::new().result(call, 5_i64));
        });
        assert_eq!(Stub::both(address)[client].add(2, 3).expect("an answer"), 5);
        server_thread.join().expect("one connection");
    }
}

#[test]
fn too_many_pings_end_the_session() {
    let script = |server: &mut ScriptedServer| {
        server.greet();
        server.send((0..30_000).fold(Frames::new(), Frames::ping));
        server.expect_end();
    };
    check(
        script,
        (ErrorKind::Protocol, Executed::Unknown),
        "too many control frames",
    );
}

#[test]
fn a_server_that_never_stops_sending_blocks_no_call_beyond_its_deadline() {
    let deadline = Duration::from_millis(300);
    let bound = Bound {
        slot: 0,
        generation: 1,
        source: [7; 32],
    };
    let chatter = (0..10_000).fold(Frames::new(), |frames, _| {
        frames.with(|out| binary::put_bound(&bound, out))
    });
    let chatter = chatter.bytes();
    for client in 0..2 {
        let chatter = chatter.clone();
        let (address, server_thread) = scripted(1, move |_, server| {
            server.greet();
            while server.send_bytes(&chatter) {}
        });
        let stubs = [
            Stub::blocking(address, deadline),
            Stub::asynchronous(address, deadline),
        ];
        let begin = Instant::now();
        let error = stubs[client].add(2, 3).expect_err("chatter");
        assert!(begin.elapsed() < deadline * 100, "{:?}", begin.elapsed());
        let expired = ErrorKind::Exception(ExceptionType::DeadlineExceeded);
        assert_eq!(
            (error.kind(), error.executed()),
            (expired, Executed::Unknown),
            "{error}"
        );
        drop(stubs);
        server_thread.join().expect("one connection");
    }
}
