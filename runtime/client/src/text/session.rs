//! [`TextSession`]: one framed text session, used by one call at a time.

use std::io;
use std::time::{Duration, Instant};

use wire::block::READ_BYTES;
use wire::calls::failure::{CallFailure, SessionLoss};
use wire::frame::{Deframer, Framing, LENGTH_BYTES, MAX_FRAME_LIMIT, Step};
use wire::json::shortened;
use wire::{GREETING_TIMEOUT, message};

use super::incoming_message::{IncomingMessage, Reply};
use super::stream::TextStream;
use crate::connect::{self, DEADLINE_GRACE, adjust_timeout, is_to_be_repeated, loss};
use crate::endpoint::{Caller, Endpoint};
use crate::error::Error;

/// Minimum room for one read, in bytes.
const MIN_READ_BYTES: usize = 4096;

/// A connection to a server.
#[derive(Debug)]
pub(crate) struct TextSession {
    stream: TextStream,
    deframer: Deframer,
    /// Received bytes that are not a complete message so far.
    input: Vec<u8>,
    /// The timeout of reads and writes that is set in the kernel.
    timeout: Duration,
    /// The id of the last call that the server accepts on this session. `None` until the server
    /// says that it stops.
    last_accepted: Option<u64>,
}

impl TextSession {
    /// Connects from the caller's declared address.
    pub(crate) fn connect(
        server: &Endpoint,
        caller: &Caller,
        deadline: Instant,
    ) -> Result<Self, Error> {
        let stream = TextStream::new(connect::open(server, caller, deadline)?);
        let deframer = Deframer::new(Framing::Framed, MAX_FRAME_LIMIT);
        Ok(Self {
            stream,
            deframer,
            input: Vec::new(),
            timeout: Duration::ZERO,
            last_accepted: None,
        })
    }

    /// Returns whether nothing has arrived since the last answer: neither the end of the connection
    /// nor an unexpected message.
    pub(crate) fn is_quiet(&self) -> bool {
        self.input.is_empty() && connect::is_quiet(self.stream.socket())
    }

    /// Waits until the server has shown that it speaks this protocol. No request is sent before
    /// that.
    pub(crate) fn greet(&mut self, call_deadline: Instant) -> Result<(), CallFailure> {
        let not_this_protocol = |what: String| CallFailure::NotTaken(SessionLoss::Protocol(what));
        let mut ping = Vec::new();
        message::write_ping(0, &mut ping);
        let deadline = call_deadline.min(Instant::now() + GREETING_TIMEOUT);
        self.send(&ping, deadline)?;
        match self.receive_any(deadline) {
            Ok(IncomingMessage::Pong) => Ok(()),
            Ok(IncomingMessage::Reply(Reply {
                outcome: Err(exception),
                ..
            })) => Err(CallFailure::NotTaken(SessionLoss::Exception(exception))),
            Ok(_) => Err(not_this_protocol(
                "the server answered RPC-PING with another message".to_owned(),
            )),
            Err(CallFailure::TimedOut) if deadline < call_deadline => {
                Err(CallFailure::NotTaken(SessionLoss::NoGreeting))
            }
            Err(CallFailure::TimedOut) => Err(CallFailure::NotTaken(SessionLoss::Stalled)),
            // No request was sent so far.
            Err(CallFailure::NoAnswer(loss)) => Err(CallFailure::NotTaken(loss)),
            Err(failure) => Err(failure),
        }
    }

    /// Sends one request and waits for the answer with its id.
    pub(crate) fn exchange(
        &mut self,
        request: &[u8],
        id: u64,
        until: Instant,
    ) -> Result<Reply, CallFailure> {
        self.send(request, until)?;
        let reply = match self.receive(until + DEADLINE_GRACE) {
            // The server does not run the calls after the last accepted one.
            Err(CallFailure::NoAnswer(loss @ SessionLoss::Connection(_)))
                if self.last_accepted.is_some_and(|last| last != id) =>
            {
                return Err(CallFailure::NotTaken(loss));
            }
            received => received?,
        };
        if reply.id.is_some_and(|answered| answered != id) {
            return Err(protocol_violation("the server answered another call"));
        }
        Ok(reply)
    }

    /// Returns whether another call may follow on this session.
    pub(crate) fn takes_more(&self) -> bool {
        self.last_accepted.is_none()
    }

    fn send(&mut self, request: &[u8], until: Instant) -> Result<(), CallFailure> {
        if request.len() > MAX_FRAME_LIMIT {
            return Err(CallFailure::TooLong {
                length: request.len(),
                limit: MAX_FRAME_LIMIT,
            });
        }
        let mut frame = Vec::with_capacity(LENGTH_BYTES + request.len());
        Framing::Framed.write(request, &mut frame);
        match self.write(&frame, until) {
            Ok(()) => Ok(()),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                Err(CallFailure::NotTaken(SessionLoss::Stalled))
            }
            // The server may have sent the reason before it closed the connection.
            Err(error) => match self.receive(Instant::now() + DEADLINE_GRACE) {
                Ok(Reply {
                    outcome: Err(exception),
                    ..
                }) => Err(CallFailure::Exception(exception)),
                _ => Err(not_taken(error)),
            },
        }
    }

    fn write(&mut self, frame: &[u8], until: Instant) -> io::Result<()> {
        let mut written = 0;
        while written < frame.len() {
            let now = Instant::now();
            if now >= until {
                return Err(io::ErrorKind::WouldBlock.into());
            }
            self.adjust_timeouts(now, until)?;
            match self.stream.write(&frame[written..]) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(count) => written += count,
                Err(error) if is_to_be_repeated(&error) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// Returns the next answer to a call.
    fn receive(&mut self, until: Instant) -> Result<Reply, CallFailure> {
        match self.receive_any(until)? {
            IncomingMessage::Reply(reply) => Ok(reply),
            _ => Err(protocol_violation(
                "the server answered RPC-PING, which was not sent",
            )),
        }
    }

    /// Returns the next message that is not a drain notice.
    fn receive_any(&mut self, until: Instant) -> Result<IncomingMessage, CallFailure> {
        loop {
            match self
                .deframer
                .step(&self.input, false)
                .map_err(|error| protocol_violation(error.to_string()))?
            {
                Step::Message {
                    start,
                    end,
                    consumed,
                } => {
                    let message = &self.input[start..end];
                    let incoming = IncomingMessage::parse(message)
                        .map_err(|reason| unusable(&reason, message));
                    self.input.drain(..consumed);
                    match incoming? {
                        IncomingMessage::Drain(last) => self.last_accepted = Some(last),
                        incoming => return Ok(incoming),
                    }
                }
                Step::Skip(count) => drop(self.input.drain(..count)),
                Step::Need(count) => self.read(count, until)?,
                Step::End => return Err(no_answer(io::ErrorKind::UnexpectedEof.into())),
            }
        }
    }

    fn read(&mut self, wanted: usize, until: Instant) -> Result<(), CallFailure> {
        let now = Instant::now();
        if now >= until {
            return Err(CallFailure::TimedOut);
        }
        self.adjust_timeouts(now, until).map_err(no_answer)?;
        let filled = self.input.len();
        self.input
            .resize(filled + wanted.clamp(MIN_READ_BYTES, READ_BYTES), 0);
        let read = self.stream.read(&mut self.input[filled..]);
        self.input.truncate(filled + *read.as_ref().unwrap_or(&0));
        match read {
            Ok(0) => Err(no_answer(io::ErrorKind::UnexpectedEof.into())),
            Ok(_) => Ok(()),
            Err(error) if is_to_be_repeated(&error) => Ok(()),
            Err(error) => Err(no_answer(error)),
        }
    }

    /// Sets the timeouts of the kernel; see [`adjust_timeout`].
    fn adjust_timeouts(&mut self, now: Instant, until: Instant) -> io::Result<()> {
        if adjust_timeout(&mut self.timeout, now, until) {
            let socket = self.stream.socket();
            socket.set_read_timeout(Some(self.timeout))?;
            socket.set_write_timeout(Some(self.timeout))?;
        }
        Ok(())
    }
}

fn not_taken(error: io::Error) -> CallFailure {
    CallFailure::NotTaken(loss(error))
}

fn no_answer(error: io::Error) -> CallFailure {
    match loss(error) {
        // A peer that refuses this end has taken none of its calls.
        refused @ SessionLoss::Refused(_) => CallFailure::NotTaken(refused),
        loss => CallFailure::NoAnswer(loss),
    }
}

/// Returns the failure of a call whose answer cannot be used. It shows how the message begins.
fn unusable(reason: &str, message: &[u8]) -> CallFailure {
    let text = String::from_utf8_lossy(message);
    protocol_violation(format!("{reason}; it sent {}", shortened(&text)))
}

fn protocol_violation(what: impl Into<String>) -> CallFailure {
    CallFailure::NoAnswer(SessionLoss::Protocol(what.into()))
}
