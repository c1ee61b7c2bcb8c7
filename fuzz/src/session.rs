//! The session of a client against any frames. It never panics. Each call ends once and with its
//! own answer. No call that may have run is reported as not run.

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

/// A call, as the model knows it.
#[derive(Debug)]
struct ModelCall {
    number: u64,
    is_wholly_written: bool,
    state: CallState,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum CallState {
    Waiting,
    /// Its caller was woken.
    Ended,
    Taken,
    GivenUp,
}

/// A session, its server, and a model of what the session must do.
struct Simulation<'a> {
    decisions: Decisions<'a>,
    session: ClientSession<usize>,
    calls: Vec<ModelCall>,
    now: Instant,
    /// Bytes on their way to the client.
    in_transit: Vec<u8>,
    /// The lowest call that a DRAIN named as the last one.
    drained_after: Option<u64>,
    /// Whether bytes from the server were changed at random.
    is_garbled: bool,
    /// Number of bytes that the client has queued.
    queued: u64,
    /// Number of queued bytes that were written.
    written: u64,
    /// For each call: the number of queued bytes after its request.
    ends: Vec<u64>,
}

/// Runs a session to its end.
pub fn run(input: &[u8]) {
    let mut simulation = Simulation::new(Decisions::new(input));
    while simulation.decisions.has_more() {
        simulation.step();
    }
    simulation.end();
}

impl<'a> Simulation<'a> {
    fn new(mut decisions: Decisions<'a>) -> Self {
        let mut out = Outbox::default();
        if !decisions.once_in(16) {
            let max_frame = decisions.choose(&[1 << 20, 200, 0, u32::MAX]);
            let version = if decisions.once_in(16) { 2 } else { 1 };
            let hello = Hello {
                lowest: version,
                highest: version,
                max_frame,
                idle_timeout_ms: decisions.u32(),
                name: "server1",
            };
            binary::put_hello(&hello, &mut out);
        }
        let session = ClientSession::new("client1");
        let queued = session.link.outbox.len() as u64;
        Self {
            decisions,
            session,
            calls: Vec::new(),
            now: Instant::now(),
            in_transit: out.into_bytes(),
            drained_after: None,
            is_garbled: false,
            queued,
            written: 0,
            ends: Vec::new(),
        }
    }

    /// Does one random step.
    fn step(&mut self) {
        match self.decisions.below(10) {
            0..3 => self.begin(),
            3 => self.write(),
            4..6 => self.send_from_server(),
            6 => self.receive_at_client(),
            7 => self.take(),
            8 => self.give_up(),
            _ => self.now += Duration::from_millis(self.decisions.u64() % 5_000),
        }
        let waiting = self
            .calls
            .iter()
            .filter(|model| model.state == CallState::Waiting)
            .count();
        assert_eq!(self.session.waiting(), waiting);
    }

    fn begin(&mut self) {
        let procedure = &PROCEDURES[self.decisions.below(PROCEDURES.len())];
        let deadline = self.now + Duration::from_millis(self.decisions.u64() % 100_000);
        let time = CallTime {
            now: self.now,
            deadline,
        };
        let length = self.decisions.choose(&[0, 5, 300, 40_000]);
        let takes_more = self.session.takes_more();
        let before = self.session.link.outbox.len();
        let waiter = Some(self.calls.len());
        let begun = self
            .session
            .begin(procedure, time, waiter, |out| vec![7_u8; length].put(out));
        self.queued += (self.session.link.outbox.len() - before) as u64;
        match begun {
            Ok(number) => {
                assert!(takes_more && self.calls.iter().all(|model| model.number < number));
                self.calls.push(ModelCall {
                    number,
                    is_wholly_written: false,
                    state: CallState::Waiting,
                });
                self.ends.push(self.queued);
            }
            Err(CallFailure::NotTaken(_)) => assert!(!takes_more),
            Err(CallFailure::TooLong { .. } | CallFailure::TooManyCalls) => assert!(takes_more),
            Err(failure) => panic!("unexpected failure of a call that did not begin: {failure:?}"),
        }
    }

    /// Writes a part of the output.
    fn write(&mut self) {
        let most = self.session.link.outbox.len();
        let count = if self.decisions.once_in(2) {
            most
        } else {
            self.decisions.u32() as usize % (most + 1)
        };
        self.session.link.outbox.advance(count);
        self.session.wrote(count);
        self.written += count as u64;
        for (model, end) in self.calls.iter_mut().zip(&self.ends) {
            model.is_wholly_written |= *end <= self.written;
        }
    }

    /// Sends a message from the server, usually a valid one.
    fn send_from_server(&mut self) {
        let known = self.decisions.below(self.calls.len().max(1));
        let known = self.calls.get(known).map_or(1 << 16, |model| model.number);
        let call = if self.decisions.once_in(12) {
            self.decisions.u64()
        } else {
            known
        };
        let mut out = Outbox::default();
        match self.decisions.below(12) {
            0..6 => {
                let length = self.decisions.choose(&[3, 0, 300, 50_000]);
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
                let exception =
                    Exception::new(self.decisions.choose(&kinds), Executed::Yes, "words");
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
            9 => binary::put_ping(self.decisions.u64(), &mut out),
            10 => binary::put_pong(self.decisions.u64(), &mut out),
            _ if self.decisions.once_in(3) => {
                self.drained_after = Some(self.drained_after.map_or(call, |last| last.min(call)));
                binary::put_drain(call, &mut out);
            }
            _ => {}
        }
        let mut bytes = out.into_bytes();
        if self.decisions.once_in(16) {
            self.decisions.mutate(&mut bytes);
            self.is_garbled = true;
        }
        self.in_transit.extend(bytes);
    }

    /// Lets a part of the bytes from the server arrive.
    fn receive_at_client(&mut self) {
        let target = self.session.link.inbox.target();
        let piece = self.decisions.choose(&[usize::MAX, 1, 9, 100, 9_000]);
        let count = piece.min(target.most()).min(self.in_transit.len());
        target.put(&self.in_transit.drain(..count).collect::<Vec<_>>());
        self.session.link.inbox.received(count);
        let before = self.session.link.outbox.len();
        let calls = &mut self.calls;
        self.session
            .receive(self.now, |waiter| calls[waiter].wake());
        // A lost session sends nothing more, so its output may shrink.
        self.queued += self.session.link.outbox.len().saturating_sub(before) as u64;
    }

    fn take(&mut self) {
        let place = self.decisions.below(self.calls.len().max(1));
        self.take_at(place);
    }

    fn take_at(&mut self, place: usize) {
        let Some(model) = self.calls.get_mut(place) else {
            return;
        };
        let taken = self.session.take::<Vec<u8>>(model.number);
        if matches!(model.state, CallState::Taken | CallState::GivenUp) {
            assert!(taken.is_none(), "the call ended twice");
            return;
        }
        match taken {
            None => return,
            Some(Ok(value)) => {
                let is_own = value.iter().all(|byte| *byte == own_byte(model.number));
                assert!(
                    is_own || self.is_garbled,
                    "the call got the answer of another call"
                );
            }
            Some(Err(CallFailure::Undecodable(_))) => {
                assert!(self.is_garbled, "a valid answer was not decoded")
            }
            Some(Err(CallFailure::Exception(_))) => {}
            Some(Err(CallFailure::NotTaken(SessionLoss::Connection(disconnect))))
                if disconnect.to_string() == "the server stops" =>
            {
                let is_beyond = self.drained_after.is_some_and(|last| model.number > last);
                assert!(
                    is_beyond || self.is_garbled,
                    "a call was refused that the server had accepted"
                );
            }
            Some(Err(CallFailure::NotTaken(_))) => {
                assert!(
                    !model.is_wholly_written,
                    "a call that may have run is reported as not run"
                )
            }
            Some(Err(CallFailure::NoAnswer(_))) => {
                assert!(
                    model.is_wholly_written,
                    "a call that was not sent is reported as sent"
                )
            }
            Some(Err(failure)) => panic!("unexpected failure of a call that was sent: {failure:?}"),
        }
        assert_eq!(model.state, CallState::Ended, "the caller was not woken");
        model.state = CallState::Taken;
    }

    fn give_up(&mut self) {
        let place = self.decisions.below(self.calls.len().max(1));
        let Some(model) = self.calls.get_mut(place) else {
            return;
        };
        if matches!(model.state, CallState::Taken | CallState::GivenUp) {
            return;
        }
        let before = self.session.link.outbox.len();
        self.session.give_up(model.number);
        self.queued += (self.session.link.outbox.len() - before) as u64;
        model.state = CallState::GivenUp;
    }

    /// Ends the connection. Every waiting caller must be woken, and every call must have ended.
    fn end(&mut self) {
        let calls = &mut self.calls;
        self.session.lose(
            SessionLoss::Connection(Disconnect::new("the end")),
            |waiter| calls[waiter].wake(),
        );
        for place in 0..self.calls.len() {
            self.take_at(place);
            let state = self.calls[place].state;
            assert!(
                matches!(state, CallState::Taken | CallState::GivenUp),
                "the call never ended: {state:?}"
            );
            self.take_at(place);
        }
        assert_eq!(self.session.waiting(), 0);
    }
}

impl ModelCall {
    fn wake(&mut self) {
        assert_eq!(self.state, CallState::Waiting, "the caller was woken twice");
        self.state = CallState::Ended;
    }
}

/// Returns the byte that fills the answer of a call.
fn own_byte(call: u64) -> u8 {
    (call >> 16) as u8 ^ call as u8
}
