use std::time::Duration;

use super::*;
use crate::block::Block;
use crate::exception::Executed;
use crate::inbox::Inbox;

static ADD: Procedure = Procedure::new("svc1", "add", &["int", "int"], &["int"]);

/// Begins a call without a waiter.
fn begin(session: &mut ClientSession<u8>) -> Result<u64, CallFailure> {
    let now = Instant::now();
    let time = CallTime {
        now,
        deadline: now + Duration::from_secs(1),
    };
    session.begin(&ADD, time, None, |out| (2_i64, 3_i64).encode(out.bytes()))
}

/// Lets the session receive the HELLO of a server, and then what `write` appends.
fn receive_from_server(session: &mut ClientSession<u8>, write: impl FnOnce(&mut Outbox)) {
    let mut out = Outbox::default();
    let hello = Hello {
        lowest: 1,
        highest: 1,
        max_frame: 100,
        idle_timeout_ms: 0,
        name: "server1",
    };
    binary::put_hello(&hello, &mut out);
    write(&mut out);
    session.link.inbox = Inbox::with_bytes(1000, out.into_bytes());
    session.receive(Instant::now(), |_| {});
}

#[track_caller]
fn assert_refused(session: &mut ClientSession<u8>) {
    let queued = session.link.outbox.len();
    assert!(matches!(begin(session), Err(CallFailure::NotTaken(_))));
    assert_eq!((session.link.outbox.len(), session.waiting()), (queued, 0));
}

#[test]
fn no_call_begins_on_a_session_that_has_ended_or_takes_no_more() {
    let mut session = ClientSession::new("client1");
    session.lose(
        SessionLoss::Connection(Disconnect::new("the connection broke")),
        |_| {},
    );
    assert_refused(&mut session);
    let mut session = ClientSession::new("client1");
    receive_from_server(&mut session, |out| binary::put_drain(0, out));
    assert_refused(&mut session);
    let mut session = ClientSession::new("client1");
    let exception = Exception::refused(ExceptionType::Unavailable, "full");
    receive_from_server(&mut session, |out| {
        binary::put_exception(0, &exception, out);
    });
    let refused = begin(&mut session).expect_err("the server ended the session");
    assert!(
        matches!(refused, CallFailure::NotTaken(SessionLoss::Exception(received)) if received == exception)
    );
}

#[test]
fn a_request_over_the_limit_of_the_server_is_refused_and_the_next_one_is_sent() {
    let mut session = ClientSession::new("client1");
    receive_from_server(&mut session, |_| {});
    let now = Instant::now();
    let long = |out: &mut Outbox| out.push(Block::Bytes(vec![0; 100_000]));
    let refused = session.begin(&ADD, CallTime { now, deadline: now }, None, long);
    assert!(matches!(
        refused,
        Err(CallFailure::TooLong { limit: 100, .. })
    ));
    let call = begin(&mut session).expect("a call");
    let written = session.link.outbox.len();
    assert!(written < 200);
    session.wrote(written);
    assert!(session.take::<i64>(call).is_none());
    session.lose(
        SessionLoss::Connection(Disconnect::new("the connection broke")),
        |_| {},
    );
    assert!(
        matches!(
            session.take::<i64>(call),
            Some(Err(CallFailure::NoAnswer(_)))
        ),
        "the whole request was written"
    );
    assert!(session.take::<i64>(call).is_none(), "a call ends once");
}

#[test]
fn a_call_that_may_have_been_sent_when_the_session_ends_is_not_reported_as_not_run() {
    let executed_after = |missing: Option<usize>| {
        let mut session = ClientSession::new("client1");
        let call = begin(&mut session).expect("a call");
        let length = session.link.outbox.len();
        session.writes(length);
        if let Some(missing) = missing {
            session.wrote(length - missing);
        }
        session.lose(
            SessionLoss::Connection(Disconnect::new("the connection broke")),
            |_| {},
        );
        match session.take::<i64>(call).expect("a failed call") {
            Err(CallFailure::NoAnswer(_)) => Executed::Unknown,
            Err(CallFailure::NotTaken(_)) => Executed::No,
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(
        executed_after(None),
        Executed::Unknown,
        "the number of written bytes is unknown"
    );
    assert_eq!(executed_after(Some(0)), Executed::Unknown);
    assert_eq!(
        executed_after(Some(1)),
        Executed::No,
        "one byte was not written"
    );
}
