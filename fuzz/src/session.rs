//! A client's session against frames of any kind: it never panics, each call ends once and with its
//! own answer, and none is said to have not run that may have.

use std::time::{Duration, Instant};

use crate::Decisions;
use wire::binary::{self, Bound, Hello};
use wire::calls::client_session::{CallTime, ClientSession};
use wire::calls::failure::{CallFailure, Disconnect, SessionLoss};
use wire::exception::{Exception, ExceptionType, Executed};
use wire::outbox::Outbox;
use wire::procedure::Procedure;
use wire::value::Value as _;

static PROCEDURES: [Procedure; 3] = [
    Procedure::new("svc1", "one", &["bytes"], &["bytes"]),
    Procedure::new("svc1", "two", &["bytes"], &["bytes"]),
    Procedure::new("svc2", "one", &["bytes"], &["bytes"]),
];

/// A call, as the model has it.
#[derive(Debug)]
struct Made {
    number: u64,
    is_wholly_written: bool,
    fate: Fate,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    Waits,
    /// Who waits was told so.
    Ended,
    Taken,
    GivenUp,
}

struct Play<'a> {
    decisions: Decisions<'a>,
    session: ClientSession<usize>,
    made: Vec<Made>,
    now: Instant,
    /// Bytes on their way to the client.
    coming: Vec<u8>,
    /// The lowest call that a DRAIN named as the last.
    drained: Option<u64>,
    /// What is coming may not be what the server meant.
    is_garbled: bool,
    /// What the client has handed to its writer, and how much of that was written.
    offered: u64,
    written: u64,
    /// Where in what is offered each call ends.
    ends: Vec<u64>,
}

/// Plays a session to its end.
pub fn run(input: &[u8]) {
    let mut play = Play::new(Decisions::new(input));
    while play.decisions.are_left() {
        play.step();
    }
    play.end();
}

impl<'a> Play<'a> {
    fn new(mut decisions: Decisions<'a>) -> Self {
        let mut out = Outbox::default();
        if !decisions.once_in(16) {
            let max_frame = decisions.any(&[1 << 20, 200, 0, u32::MAX]);
            let version = if decisions.once_in(16) { 2 } else { 1 };
            let hello = Hello {
                lowest: version,
                highest: version,
                max_frame,
                idle_timeout_ms: decisions.half(),
                name: "server1",
            };
            binary::put_hello(&hello, &mut out);
        }
        let session = ClientSession::new("client1");
        let offered = session.link.outbox.len() as u64;
        Self {
            decisions,
            session,
            made: Vec::new(),
            now: Instant::now(),
            coming: out.into_bytes(),
            drained: None,
            is_garbled: false,
            offered,
            written: 0,
            ends: Vec::new(),
        }
    }

    fn step(&mut self) {
        match self.decisions.below(10) {
            0..3 => self.begin(),
            3 => self.write(),
            4..6 => self.say(),
            6 => self.hear(),
            7 => self.take(),
            8 => self.give_up(),
            _ => self.now += Duration::from_millis(self.decisions.word() % 5_000),
        }
        let waiting = self
            .made
            .iter()
            .filter(|made| made.fate == Fate::Waits)
            .count();
        assert_eq!(self.session.waiting(), waiting);
    }

    fn begin(&mut self) {
        let procedure = &PROCEDURES[self.decisions.below(PROCEDURES.len())];
        let deadline = self.now + Duration::from_millis(self.decisions.word() % 100_000);
        let time = CallTime {
            now: self.now,
            deadline,
        };
        let length = self.decisions.any(&[0, 5, 300, 40_000]);
        let takes_more = self.session.takes_more();
        let before = self.session.link.outbox.len();
        let waiter = Some(self.made.len());
        let begun = self
            .session
            .begin(procedure, time, waiter, |out| vec![7_u8; length].put(out));
        self.offered += (self.session.link.outbox.len() - before) as u64;
        match begun {
            Ok(number) => {
                assert!(takes_more && self.made.iter().all(|made| made.number < number));
                self.made.push(Made {
                    number,
                    is_wholly_written: false,
                    fate: Fate::Waits,
                });
                self.ends.push(self.offered);
            }
            Err(CallFailure::NotTaken(_)) => assert!(!takes_more),
            Err(CallFailure::TooLong { .. } | CallFailure::TooManyCalls) => assert!(takes_more),
            Err(failure) => panic!("{failure:?} of a call that did not begin"),
        }
    }

    /// The kernel takes some of what there is to write.
    fn write(&mut self) {
        let most = self.session.link.outbox.len();
        let count = if self.decisions.once_in(2) {
            most
        } else {
            self.decisions.half() as usize % (most + 1)
        };
        self.session.link.outbox.advance(count);
        self.session.wrote(count);
        self.written += count as u64;
        for (made, end) in self.made.iter_mut().zip(&self.ends) {
            made.is_wholly_written |= *end <= self.written;
        }
    }

    /// The server says something, most of which is right.
    fn say(&mut self) {
        let known = self.decisions.below(self.made.len().max(1));
        let known = self.made.get(known).map_or(1 << 16, |made| made.number);
        let call = if self.decisions.once_in(12) {
            self.decisions.word()
        } else {
            known
        };
        let mut out = Outbox::default();
        match self.decisions.below(12) {
            0..6 => {
                let length = self.decisions.any(&[3, 0, 300, 50_000]);
                let mark = binary::begin_result(call, &mut out);
                vec![own_byte(call); length].put(&mut out);
                out.end_frame(mark);
            }
            6 | 7 => {
                let kinds = [
                    ExceptionType::Execution,
                    ExceptionType::MalformedMessage,
                    ExceptionType::InvalidArguments,
                    ExceptionType::Cancelled,
                ];
                let call = if self.decisions.once_in(8) { 0 } else { call };
                let exception = Exception::new(self.decisions.any(&kinds), Executed::Yes, "words");
                binary::put_exception(call, &exception, &mut out);
            }
            8 => binary::put_bound(
                &Bound {
                    slot: 0,
                    generation: 1,
                    source: [0; 32],
                },
                &mut out,
            ),
            9 => binary::put_ping(self.decisions.word(), &mut out),
            10 => binary::put_pong(self.decisions.word(), &mut out),
            _ if self.decisions.once_in(3) => {
                self.drained = Some(self.drained.map_or(call, |last| last.min(call)));
                binary::put_drain(call, &mut out);
            }
            _ => {}
        }
        let mut bytes = out.into_bytes();
        if self.decisions.once_in(16) {
            self.decisions.mutate(&mut bytes);
            self.is_garbled = true;
        }
        self.coming.extend(bytes);
    }

    /// Some of what the server said arrives.
    fn hear(&mut self) {
        let target = self.session.link.inbox.target();
        let piece = self.decisions.any(&[usize::MAX, 1, 9, 100, 9_000]);
        let count = piece.min(target.most()).min(self.coming.len());
        target.put(&self.coming.drain(..count).collect::<Vec<_>>());
        self.session.link.inbox.came(count);
        let before = self.session.link.outbox.len();
        let made = &mut self.made;
        self.session.receive(self.now, |waiter| made[waiter].wake());
        // A session that is lost sends nothing more.
        self.offered += self.session.link.outbox.len().saturating_sub(before) as u64;
    }

    fn take(&mut self) {
        let place = self.decisions.below(self.made.len().max(1));
        self.take_at(place);
    }

    fn take_at(&mut self, place: usize) {
        let Some(made) = self.made.get_mut(place) else {
            return;
        };
        let taken = self.session.take::<Vec<u8>>(made.number);
        if matches!(made.fate, Fate::Taken | Fate::GivenUp) {
            assert!(taken.is_none(), "a call that ended twice");
            return;
        }
        match taken {
            None => return,
            Some(Ok(value)) => {
                let is_own = value.iter().all(|byte| *byte == own_byte(made.number));
                assert!(is_own || self.is_garbled, "another call's answer");
            }
            Some(Err(CallFailure::Undecodable(_))) => {
                assert!(self.is_garbled, "its answer is whole")
            }
            Some(Err(CallFailure::Exception(_))) => {}
            Some(Err(CallFailure::NotTaken(SessionLoss::Connection(what))))
                if what.to_string() == "the server stops" =>
            {
                let is_beyond = self.drained.is_some_and(|last| made.number > last);
                assert!(is_beyond || self.is_garbled, "the server took it on");
            }
            Some(Err(CallFailure::NotTaken(_))) => {
                assert!(!made.is_wholly_written, "it may have run")
            }
            Some(Err(CallFailure::NoAnswer(_))) => {
                assert!(made.is_wholly_written, "it cannot have run")
            }
            Some(Err(failure)) => panic!("{failure:?} of a call that was sent"),
        }
        assert_eq!(made.fate, Fate::Ended, "nobody was told of its end");
        made.fate = Fate::Taken;
    }

    fn give_up(&mut self) {
        let place = self.decisions.below(self.made.len().max(1));
        let Some(made) = self.made.get_mut(place) else {
            return;
        };
        if matches!(made.fate, Fate::Taken | Fate::GivenUp) {
            return;
        }
        let before = self.session.link.outbox.len();
        self.session.give_up(made.number);
        self.offered += (self.session.link.outbox.len() - before) as u64;
        made.fate = Fate::GivenUp;
    }

    /// The connection ends: whoever waits is told, and every call has ended.
    fn end(&mut self) {
        let made = &mut self.made;
        self.session.lose(
            SessionLoss::Connection(Disconnect::new("the end")),
            |waiter| made[waiter].wake(),
        );
        for place in 0..self.made.len() {
            self.take_at(place);
            let fate = self.made[place].fate;
            assert!(
                matches!(fate, Fate::Taken | Fate::GivenUp),
                "a call that never ends: {fate:?}"
            );
            self.take_at(place);
        }
        assert_eq!(self.session.waiting(), 0);
    }
}

impl Made {
    fn wake(&mut self) {
        assert_eq!(self.fate, Fate::Waits, "told of its end once more");
        self.fate = Fate::Ended;
    }
}

/// What the answer of a call is made of.
fn own_byte(call: u64) -> u8 {
    (call >> 16) as u8 ^ call as u8
}
