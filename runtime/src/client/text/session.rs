//! One framed text session, used by one call at a time.

use std::io::{self, Read as _, Write as _};
use std::mem::MaybeUninit;
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use super::super::Caller;
use super::super::connect::{self, describe, left, unavailable};
use super::super::failure::no_greeting;
use super::reply::{Incoming, Reply};
use crate::error::{Error, ErrorKind};
use crate::wire::exception::{Exception, ExceptionType, Executed};
use crate::wire::frame::{Deframer, Framing, MAX_FRAME_LIMIT, Step};
use crate::wire::{GREETING_TIMEOUT, message};

/// How much is asked of the kernel at once.
const READ_BYTES: usize = 64 * 1024;

/// How much longer than the deadline a caller waits, so that the server's own word about it arrives.
const DEADLINE_GRACE: Duration = Duration::from_millis(250);

/// A connection to a server.
#[derive(Debug)]
pub(crate) struct Session {
    stream: TcpStream,
    deframer: Deframer,
    /// What came and is no message so far.
    input: Vec<u8>,
    /// How long the kernel lets one read or write wait.
    timeout: Duration,
    /// The server said that it takes no more calls on this session, and which was the last.
    draining: Option<u64>,
}

/// Why a session failed.
#[derive(Debug)]
pub(crate) enum Failure {
    /// The request was not wholly handed to the kernel.
    NotSent(io::Error),
    /// The deadline passed before the request was wholly handed to the kernel.
    NotSentInTime,
    /// The server did not greet, so nothing was asked of it.
    NoGreeting,
    /// The request was sent; no answer came.
    NoAnswer(io::Error),
    /// The deadline passed before the answer came.
    TimedOut,
    /// The server refused the request before it was wholly sent.
    Answered(Error),
    /// The far side sent something else than an answer.
    Protocol(String),
}

impl Session {
    /// Connects from the caller's declared address.
    pub(crate) fn connect(
        server: &str,
        address: SocketAddr,
        caller: &Caller,
        until: Instant,
    ) -> Result<Self, Error> {
        let stream = connect::connect(server, address, caller, until)?;
        let deframer = Deframer::new(Framing::Framed, MAX_FRAME_LIMIT);
        Ok(Self { stream, deframer, input: Vec::new(), timeout: Duration::ZERO, draining: None })
    }

    /// Whether nothing has come since the last answer, neither an end nor anything unasked for.
    pub(crate) fn is_quiet(&self) -> bool {
        const MSG_PEEK: i32 = 0x02;
        const MSG_DONTWAIT: i32 = 0x40;
        let mut byte = [MaybeUninit::uninit()];
        let peeked = socket2::SockRef::from(&self.stream).recv_with_flags(&mut byte, MSG_PEEK | MSG_DONTWAIT);
        self.input.is_empty() && matches!(peeked, Err(error) if error.kind() == io::ErrorKind::WouldBlock)
    }

    /// Waits until the server has said that it speaks this protocol, before anything is asked of it.
    pub(crate) fn greet(&mut self, call_until: Instant) -> Result<(), Failure> {
        let mut ping = Vec::new();
        message::write_ping(0, &mut ping);
        let until = call_until.min(Instant::now() + GREETING_TIMEOUT);
        self.send(&ping, until)?;
        match self.receive_any(until) {
            Ok(Incoming::Pong) => Ok(()),
            Ok(Incoming::Reply(Reply { outcome: Err(exception), .. })) => {
                Err(Failure::Answered(Exception { executed: Executed::No, ..exception }.into()))
            }
            Ok(_) => Err(Failure::Protocol("the server answered RPC-PING by something else".to_owned())),
            Err(Failure::TimedOut) if until < call_until => Err(Failure::NoGreeting),
            Err(Failure::TimedOut) => Err(Failure::NotSentInTime),
            // Nothing of a call was sent.
            Err(Failure::NoAnswer(error)) => Err(Failure::NotSent(error)),
            Err(failure) => Err(failure),
        }
    }

    /// Sends one request and waits for the answer with its id.
    pub(crate) fn exchange(&mut self, request: &[u8], id: u64, until: Instant) -> Result<Reply, Failure> {
        self.send(request, until)?;
        let reply = match self.receive(until + DEADLINE_GRACE) {
            // What came after the last call that the server takes did not run.
            Err(Failure::NoAnswer(error)) if self.draining.is_some_and(|last| last != id) => {
                return Err(Failure::NotSent(error));
            }
            received => received?,
        };
        if reply.id.is_some_and(|answered| answered != id) {
            return Err(Failure::Protocol("the server answered another call".to_owned()));
        }
        Ok(reply)
    }

    /// Whether another call may follow on this session.
    pub(crate) fn takes_more(&self) -> bool {
        self.draining.is_none()
    }

    fn send(&mut self, request: &[u8], until: Instant) -> Result<(), Failure> {
        if request.len() > MAX_FRAME_LIMIT {
            let words = format!("a request of {} bytes is over every frame limit", request.len());
            return Err(Failure::NotSent(io::Error::new(io::ErrorKind::InvalidInput, words)));
        }
        let mut frame = Vec::with_capacity(request.len() + 4);
        Framing::Framed.write(request, &mut frame);
        match self.write(&frame, until) {
            Ok(()) => Ok(()),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Err(Failure::NotSentInTime),
            // The server may have said why before it closed.
            Err(error) => match self.receive(Instant::now() + DEADLINE_GRACE) {
                Ok(Reply { outcome: Err(exception), .. }) => Err(Failure::Answered(exception.into())),
                _ => Err(Failure::NotSent(error)),
            },
        }
    }

    fn write(&mut self, frame: &[u8], until: Instant) -> io::Result<()> {
        let mut written = 0;
        while written < frame.len() {
            if Instant::now() >= until {
                return Err(io::ErrorKind::WouldBlock.into());
            }
            self.bound(until)?;
            match self.stream.write(&frame[written..]) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(count) => written += count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    fn receive(&mut self, until: Instant) -> Result<Reply, Failure> {
        match self.receive_any(until)? {
            Incoming::Reply(reply) => Ok(reply),
            _ => Err(Failure::Protocol("the server answered RPC-PING, which nobody asked".to_owned())),
        }
    }

    /// The next message but a drain notice.
    fn receive_any(&mut self, until: Instant) -> Result<Incoming, Failure> {
        loop {
            match self
                .deframer
                .step(&self.input, false)
                .map_err(|error| Failure::Protocol(error.to_string()))?
            {
                Step::Message { start, end, consumed } => {
                    let incoming = Incoming::parse(&self.input[start..end]);
                    self.input.drain(..consumed);
                    match incoming.map_err(Failure::Protocol)? {
                        Incoming::Drain(last) => self.draining = Some(last),
                        incoming => return Ok(incoming),
                    }
                }
                Step::Skip(count) => drop(self.input.drain(..count)),
                Step::Need(count) => self.read(count, until)?,
                Step::End => return Err(Failure::NoAnswer(io::ErrorKind::UnexpectedEof.into())),
            }
        }
    }

    fn read(&mut self, wanted: usize, until: Instant) -> Result<(), Failure> {
        let now = Instant::now();
        if now >= until {
            return Err(Failure::TimedOut);
        }
        self.bound(until).map_err(Failure::NoAnswer)?;
        let filled = self.input.len();
        self.input.resize(filled + wanted.clamp(READ_BYTES.min(4096), READ_BYTES), 0);
        let read = self.stream.read(&mut self.input[filled..]);
        self.input.truncate(filled + *read.as_ref().unwrap_or(&0));
        match read {
            Ok(0) => Err(Failure::NoAnswer(io::ErrorKind::UnexpectedEof.into())),
            Ok(_) => Ok(()),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => Ok(()),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Err(Failure::TimedOut),
            Err(error) => Err(Failure::NoAnswer(error)),
        }
    }

    /// Lets the kernel wait until then, or a little longer: the timeouts are set only where they are off by much, since
    /// setting them costs two system calls.
    fn bound(&mut self, until: Instant) -> io::Result<()> {
        let left = left(until);
        if self.timeout < left || self.timeout > left + left / 8 {
            self.timeout = left + left / 16;
            self.stream.set_read_timeout(Some(self.timeout))?;
            self.stream.set_write_timeout(Some(self.timeout))?;
        }
        Ok(())
    }
}

impl Failure {
    /// Whether nothing of the call can have run, so that another session may carry it.
    pub(crate) fn is_not_sent(&self) -> bool {
        matches!(self, Self::NotSent(error) if error.kind() != io::ErrorKind::InvalidInput)
    }

    /// In words for the caller; `peer` says who the far side is.
    pub(crate) fn explain(self, peer: &str) -> Error {
        match self {
            Self::Answered(error) => error,
            Self::NotSent(error) => unavailable(format!("cannot send to {peer}: {error}")),
            Self::NoAnswer(error) => Error::local(
                ErrorKind::Exception(ExceptionType::Unavailable),
                Executed::Unknown,
                format!("{peer} closed the connection without an answer: {}", describe(&error)),
            ),
            Self::NoGreeting => unavailable(no_greeting(peer)),
            Self::NotSentInTime => Error::local(
                ErrorKind::Exception(ExceptionType::DeadlineExceeded),
                Executed::No,
                format!("{peer} did not take the request within the deadline"),
            ),
            Self::TimedOut => Error::local(
                ErrorKind::Exception(ExceptionType::DeadlineExceeded),
                Executed::Unknown,
                format!("{peer} did not answer within the deadline"),
            ),
            Self::Protocol(words) => Error::protocol(Executed::Unknown, format!("{peer}: {words}")),
        }
    }
}
