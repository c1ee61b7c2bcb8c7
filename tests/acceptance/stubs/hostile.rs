//! Servers that break the protocol: each pending call fails, once, with the right `executed`, and
//! nothing hangs.

use std::time::{Duration, Instant};

use rpc_runtime::{Error, ErrorKind};
use wire::binary::{self, Bound};
use wire::exception::{Exception, ExceptionType, Executed};

use super::Stub;
use crate::harness::{Far, Frames, PATIENCE, Sent, scripted};

const UNAVAILABLE: ErrorKind = ErrorKind::Exception(ExceptionType::Unavailable);

/// One call by each client to a server that does this must fail in this way.
#[track_caller]
fn check(
    script: impl Fn(&mut Far) + Clone + Send + 'static,
    (kind, executed): (ErrorKind, Executed),
    words: &str,
) {
    for client in 0..2 {
        let script = script.clone();
        let (address, playing) = scripted(1, move |_, far| script(far));
        let error = Stub::both(address)[client].add(2, 3).expect_err(words);
        assert_eq!(
            (error.kind(), error.executed()),
            (kind, executed),
            "{words}: {error}"
        );
        assert!(error.to_string().contains(words), "{words}: {error}");
        playing.join().expect("one connection");
    }
}

/// The same where the server answers the first call with these bytes, and closes.
#[track_caller]
fn check_answer(
    answer: impl Fn(u64) -> Vec<u8> + Clone + Send + 'static,
    executed: Executed,
    words: &str,
) {
    let script = move |far: &mut Far| {
        let call = far.greet();
        far.send_bytes(&answer(call));
    };
    check(script, (ErrorKind::Protocol, executed), words);
}

#[test]
fn frames_that_are_none_fail_the_call_and_nothing_else() {
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
        "no exception type `x`",
    );
    check_answer(
        |_| Frames::hello().bytes(),
        Executed::Unknown,
        "a second HELLO",
    );
}

#[test]
fn a_server_that_does_not_begin_with_hello_is_none() {
    for first in [
        Frames::new().cancel(1),
        Frames::new().result(65_536, 5_i64),
        Frames::new().payload(b"{}"),
    ] {
        let bytes = first.bytes();
        let script = move |far: &mut Far| {
            far.request();
            far.send_bytes(&bytes);
        };
        check(
            script,
            (ErrorKind::Protocol, Executed::Unknown),
            "server `server1`",
        );
    }
}

#[test]
fn what_only_clients_send_ends_the_session() {
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
fn an_answer_to_a_call_that_was_not_made_is_nobody_s() {
    for other in [0_u64, 1, 7, 65_535, 65_537, u64::MAX] {
        let words = format!("an answer to call {other}, which waits for none");
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
        "which waits for none",
    );
}

#[test]
fn values_that_do_not_decode_are_an_answer_all_the_same() {
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
fn a_second_answer_ends_the_session_and_takes_nothing_from_the_first() {
    for client in 0..2 {
        let (address, playing) = scripted(2, |number, far| {
            let call = far.greet();
            far.send(Frames::new().result(call, number as i64));
            if number == 0 {
                far.send(Frames::new().result(call, 77_i64));
                far.expect_end();
            }
        });
        let stub = &Stub::both(address)[client];
        assert_eq!(stub.add(0, 0).expect("the first answer"), 0);
        // The session may carry another call before the second answer is seen.
        let next = stub.add(0, 1).or_else(|error| {
            assert_eq!(
                (error.kind(), error.executed()),
                (ErrorKind::Protocol, Executed::Unknown)
            );
            assert!(error.to_string().contains("waits for none"), "{error}");
            stub.add(0, 1)
        });
        assert_eq!(next.expect("the other session's answer"), 1);
        playing.join().expect("two connections");
    }
}

#[test]
fn a_session_that_is_cut_at_any_byte_fails_its_call_alone() {
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
            let (address, playing) = scripted(length + 1, move |cut, far| {
                let call = far.request();
                far.send_bytes(&answer(call)[..cut]);
                if reset {
                    far.reset();
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
            playing.join().expect("a connection for each cut");
        }
    }
}

#[test]
fn a_server_that_closes_what_it_accepted_fails_the_call() {
    for client in 0..2 {
        let (address, playing) = scripted(3, |number, far| {
            if number == 1 {
                far.reset();
            }
        });
        let stub = &Stub::both(address)[client];
        for _ in 0..3 {
            let error = stub.add(2, 3).expect_err("an end");
            assert_eq!(error.kind(), UNAVAILABLE, "{error}");
            assert_ne!(error.executed(), Executed::Yes);
        }
        playing.join().expect("three connections");
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
    let script = move |far: &mut Far| {
        far.greet();
        far.send(Frames::new().exception(0, &exception));
    };
    check(script, (kind, Executed::Unknown), "too much of it");
}

#[test]
fn calls_of_many_threads_fail_with_their_session_each_once() {
    const CALLS: usize = 64;
    for asynchronous in [false, true] {
        let (address, playing) = scripted(1, |_, far| {
            far.send(Frames::hello());
            let mut calls: Vec<u64> = (0..CALLS).map(|_| far.request()).collect();
            calls.sort_unstable();
            let halves = calls.split_at(CALLS / 2);
            let answered = halves
                .0
                .iter()
                .fold(Frames::new(), |frames, call| frames.result(*call, 5_i64));
            far.send(answered.result(3, 5_i64));
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
        playing.join().expect("one connection");
    }
}

#[test]
fn a_ping_is_answered_while_a_call_waits() {
    for client in 0..2 {
        let (address, playing) = scripted(1, |_, far| {
            let call = far.greet();
            far.send(Frames::new().with(|out| binary::put_ping(9, out)));
            assert_eq!(far.next(), Some(Sent::Pong(9)));
            far.send(Frames::new().result(call, 5_i64));
        });
        assert_eq!(Stub::both(address)[client].add(2, 3).expect("an answer"), 5);
        playing.join().expect("one connection");
    }
}

#[test]
fn too_many_pings_end_the_session() {
    let script = |far: &mut Far| {
        far.greet();
        let flood = |frames: Frames, number| frames.with(|out| binary::put_ping(number, out));
        far.send((0..30_000).fold(Frames::new(), flood));
        far.expect_end();
    };
    check(
        script,
        (ErrorKind::Protocol, Executed::Unknown),
        "too many frames",
    );
}

#[test]
fn a_server_that_never_ceases_to_speak_holds_nobody_beyond_the_deadline() {
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
        let (address, playing) = scripted(1, move |_, far| {
            far.greet();
            while far.send_bytes(&chatter) {}
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
        playing.join().expect("one connection");
    }
}
