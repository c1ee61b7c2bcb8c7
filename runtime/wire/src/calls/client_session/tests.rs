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

/// Lets the session receive what a server says behind its HELLO.
fn hears(session: &mut ClientSession<u8>, say: impl FnOnce(&mut Outbox)) {
    let mut out = Outbox::default();
    let hello = Hello {
        lowest: 1,
        highest: 1,
        max_frame: 100,
        idle_timeout_ms: 0,
        name: "server1",
    };
    binary::put_hello(&hello, &mut out);
    say(&mut out);
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
    session.lose(SessionLoss::Connection(Disconnect::new("it broke")), |_| {});
    assert_refused(&mut session);
    let mut session = ClientSession::new("client1");
    hears(&mut session, |out| binary::put_drain(0, out));
    assert_refused(&mut session);
    let mut session = ClientSession::new("client1");
    let exception = Exception::refused(ExceptionType::Unavailable, "full");
    hears(&mut session, |out| {
        binary::put_exception(0, &exception, out);
    });
    let refused = begin(&mut session).expect_err("the server ended the session");
    assert!(
        matches!(refused, CallFailure::NotTaken(SessionLoss::Exception(told)) if told == exception)
    );
}

#[test]
fn a_request_over_the_server_s_limit_is_refused_and_the_next_is_sent() {
    let mut session = ClientSession::new("client1");
    hears(&mut session, |_| {});
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
    session.lose(SessionLoss::Connection(Disconnect::new("it broke")), |_| {});
    assert!(
        matches!(
            session.take::<i64>(call),
            Some(Err(CallFailure::NoAnswer(_)))
        ),
        "it was wholly written"
    );
    assert!(session.take::<i64>(call).is_none(), "a call ends once");
}

#[test]
fn what_the_kernel_may_have_taken_when_the_session_ends_is_not_said_to_have_not_run() {
    let offered = |took: Option<usize>| {
        let mut session = ClientSession::new("client1");
        let call = begin(&mut session).expect("a call");
        let length = session.link.outbox.len();
        session.writes(length);
        if let Some(missing) = took {
            session.wrote(length - missing);
        }
        session.lose(SessionLoss::Connection(Disconnect::new("it broke")), |_| {});
        match session.take::<i64>(call).expect("an end") {
            Err(CallFailure::NoAnswer(_)) => Executed::Unknown,
            Err(CallFailure::NotTaken(_)) => Executed::No,
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(
        offered(None),
        Executed::Unknown,
        "nobody knows how much was written"
    );
    assert_eq!(offered(Some(0)), Executed::Unknown);
    assert_eq!(offered(Some(1)), Executed::No, "a byte is missing");
}
