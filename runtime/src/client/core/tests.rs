use std::time::Duration;

use super::*;
use crate::wire::inbox::Inbox;

static ADD: Procedure = Procedure::new("svc1", "add", &["int", "int"], &["int"]);

/// The next call, which is told nobody.
fn begin(core: &mut Core<u8>) -> Result<u64, Failure> {
    let now = Instant::now();
    let times = (now, now + Duration::from_secs(1));
    core.begin(&ADD, times, None, |out| (2_i64, 3_i64).encode(out.bytes())).expect("a short call")
}

/// What a server says, behind its HELLO.
fn hears(core: &mut Core<u8>, say: impl FnOnce(&mut Outbox)) {
    let mut out = Outbox::default();
    let hello = Hello { lowest: 1, highest: 1, max_frame: 100, idle_timeout_ms: 0, name: "server1" };
    binary::put_hello(&hello, &mut out);
    say(&mut out);
    core.link.inbox = Inbox::with_bytes(1000, out.into_bytes());
    core.take_in(Instant::now(), |_| {});
}

#[track_caller]
fn assert_refused(core: &mut Core<u8>) {
    let queued = core.link.outbox.len();
    assert!(matches!(begin(core), Err(Failure::NotTaken(_))));
    assert_eq!((core.link.outbox.len(), core.waiting()), (queued, 0));
}

#[test]
fn no_call_begins_on_a_session_that_has_ended_or_takes_no_more() {
    let mut core = Core::new("client1");
    core.lose(Loss::Connection("it broke".to_owned()), |_| {});
    assert_refused(&mut core);
    let mut core = Core::new("client1");
    hears(&mut core, |out| binary::put_drain(0, out));
    assert_refused(&mut core);
    let mut core = Core::new("client1");
    let exception = Exception::refused(ExceptionType::Unavailable, "full");
    hears(&mut core, |out| binary::put_exception(0, &exception, out));
    let refused = begin(&mut core).expect_err("it was told").explain("the server");
    assert_eq!((refused.message(), refused.executed()), ("full", Executed::No));
}

#[test]
fn a_request_over_the_server_s_limit_is_refused_and_the_next_is_sent() {
    let mut core = Core::new("client1");
    hears(&mut core, |_| {});
    let now = Instant::now();
    let long = |out: &mut Outbox| out.push(Block::Bytes(vec![0; 100_000]));
    let refused = core.begin(&ADD, (now, now), None, long).expect_err("too long");
    assert_eq!(refused.executed(), Executed::No);
    let call = begin(&mut core).expect("a call");
    let written = core.link.outbox.len();
    assert!(written < 200);
    core.wrote(written);
    assert!(core.take::<i64>(call).is_none());
    core.lose(Loss::Connection("it broke".to_owned()), |_| {});
    assert!(matches!(core.take::<i64>(call), Some(Err(Failure::NoAnswer(_)))), "it was wholly written");
    assert!(core.take::<i64>(call).is_none(), "a call ends once");
}

#[test]
fn what_the_kernel_may_have_taken_when_the_session_ends_is_not_said_to_have_not_run() {
    let offered = |took: Option<usize>| {
        let mut core = Core::new("client1");
        let call = begin(&mut core).expect("a call");
        let length = core.link.outbox.len();
        core.writes(length);
        if let Some(missing) = took {
            core.wrote(length - missing);
        }
        core.lose(Loss::Connection("it broke".to_owned()), |_| {});
        match core.take::<i64>(call).expect("an end") {
            Err(Failure::NoAnswer(_)) => Executed::Unknown,
            Err(Failure::NotTaken(_)) => Executed::No,
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(offered(None), Executed::Unknown, "nobody knows how much was written");
    assert_eq!(offered(Some(0)), Executed::Unknown);
    assert_eq!(offered(Some(1)), Executed::No, "a byte is missing");
}
