//! One connection: its messages in, its answers out, its limits.
//!
//! ```text
//!            +--> dispatch --refused--> answer --+
//! input --step                                   +--> output --> socket
//!            +--> dispatch --call--> calls ------+
//! ```
//!
//! A session is one task. It polls its calls itself, so that a wake-up answers all that is ready in one write. It stops
//! reading when its calls or its answers reach their limit, which the peer feels as a full socket. Answers of calls that
//! run are taken over all the same, so that a peer that does not read holds no worker; see [`Pressure`].
//!
//! What is no peer of this protocol, such as a browser or a mail client, runs nothing: a connection whose first message is
//! malformed is answered once and ends.

mod messages;

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use bytes::BufMut as _;
use futures_util::FutureExt as _;
use futures_util::stream::{FuturesUnordered, StreamExt as _};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::sync::{oneshot, watch};
use tokio::time::Instant;

use super::Shared;
use super::binary;
use super::deployment::DeploySession;
use super::linger;
use super::peers::Remote;
use super::pressure::Pressure;
use wire::exception::{Exception, ExceptionType};
use wire::frame::{Deframer, FrameError, Framing, Step};
use wire::message::{self, AnswerId};

/// How much is asked of the kernel at once.
const READ_BYTES: usize = 64 * 1024;

/// Maximum number of messages that are dealt with before other sessions have their turn.
const MESSAGES_PER_TURN: u32 = 32;

/// No call takes longer, whatever its deadline.
const LONGEST_CALL: Duration = Duration::from_hours(24 * 366);

/// A TLS alert: fatal, `protocol_version`.
const TLS_ALERT: [u8; 7] = [0x15, 0x03, 0x01, 0x00, 0x02, 0x02, 0x46];

/// Why a text session ends that was none: its first message is the HELLO of a binary one.
const BINARY: &str = "binary";

type Pending = Pin<Box<dyn Future<Output = Finished> + Send>>;

/// An answer on its way to the peer.
struct Finished {
    message: Vec<u8>,
    /// How many bytes of arguments the call held.
    held_bytes: usize,
    /// Whether it answers a request without an id, after which the connection ends.
    is_last: bool,
    /// Whether the connection ends after it and the others that are on their way.
    ends: bool,
}

impl Finished {
    fn new(message: Vec<u8>) -> Self {
        Self { message, held_bytes: 0, is_last: false, ends: false }
    }
}

struct Session {
    shared: Arc<Shared>,
    reader: OwnedReadHalf,
    writer: OwnedWriteHalf,
    pressure: Pressure,
    /// Made with the first message that is about deployment.
    deploy: Option<Arc<DeploySession>>,
    /// Closes when the last deployment step is done: steps of a connection run one after the other.
    last_step: Option<oneshot::Receiver<()>>,
    deframer: Deframer,
    input: Vec<u8>,
    /// `consumed <= input.len()`
    consumed: usize,
    output: Vec<u8>,
    /// `written <= output.len()`
    written: usize,
    calls: FuturesUnordered<Pending>,
    state: State,
    /// Over the limit of connections: the first request is refused, and that is all.
    overloaded: bool,
    /// The answer to the request without an id, held back until every other is out.
    last_answer: Option<Vec<u8>>,
    /// The id of the last request that was taken on.
    last_id: Option<Box<str>>,
    /// Bytes of arguments of the calls in flight.
    held_bytes: usize,
    /// Since when a message is awaited whole: its first byte, or the connection's begin.
    message_since: Option<Instant>,
    /// When the peer last took answers, or had none to take.
    taken: Instant,
    /// When a message last came whole, or an answer was ready.
    active: Instant,
    served: u64,
    /// Why the connection ends, as the log says it, where it is the server that ends it.
    end_reason: &'static str,
}

/// How far a session came with what its peer has sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Taken {
    /// Every whole message was taken on.
    All,
    /// The limits hold the next one back.
    UpToLimits,
    /// The turn is over; there may be more.
    Turn,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// Messages are read.
    Open,
    /// The peer sends no more; what it sent is still answered.
    HalfClosed,
    /// No more messages are taken on; what is in flight is answered.
    Closing,
    /// The first message is the HELLO of a binary session.
    Binary,
}

/// Serves a connection to its end.
pub(super) async fn serve(stream: TcpStream, remote: Remote, shared: Arc<Shared>, overloaded: bool) {
    let mut session = Session::new(stream, remote.clone(), Arc::clone(&shared), overloaded);
    let mut drain = shared.drain.clone();
    let ended = session.run(&mut drain).await;
    let (served, ended) = match ended {
        Ok(BINARY) => match session.into_parts() {
            Ok((stream, input, pressure)) => {
                Box::pin(binary::serve(stream, pressure, shared, overloaded, input)).await
            }
            Err(error) => (0, Err(error)),
        },
        ended => (session.served, ended),
    };
    let reason = ended.map_or_else(|error| error.to_string(), str::to_owned);
    if remote.logs_connection() {
        tracing::info!(event = "closed", peer = %remote, served, reason);
    }
}

impl Session {
    fn new(stream: TcpStream, remote: Remote, shared: Arc<Shared>, overloaded: bool) -> Self {
        // Without it, answers only come later.
        let _ = stream.set_nodelay(true);
        let (reader, writer) = stream.into_split();
        let now = Instant::now();
        let pressure = Pressure::new(remote, Arc::clone(&shared));
        Self {
            deframer: Deframer::detecting(pressure.frame_limit(false)),
            pressure,
            deploy: None,
            last_step: None,
            shared,
            reader,
            writer,
            input: Vec::new(),
            consumed: 0,
            output: Vec::new(),
            written: 0,
            calls: FuturesUnordered::new(),
            state: State::Open,
            overloaded,
            last_answer: None,
            last_id: None,
            held_bytes: 0,
            message_since: Some(now),
            taken: now,
            active: now,
            served: 0,
            end_reason: "done",
        }
    }

    /// Runs until the connection's end; the answer is why it ended.
    async fn run(&mut self, drain: &mut watch::Receiver<bool>) -> io::Result<&'static str> {
        let sleep = tokio::time::sleep_until(self.due().0);
        tokio::pin!(sleep);
        loop {
            let taken = self.take_messages();
            if self.state == State::Binary {
                return Ok(BINARY);
            }
            self.release_last_answer();
            if self.state == State::Closing
                && let Some(until) = self.pressure.paused_until()
            {
                // Otherwise an address that sends too much that is refused would go on with new connections.
                tokio::time::sleep_until(until.into()).await;
                self.pressure.end_pause(std::time::Instant::now());
            }
            self.write()?;
            if let Err(limit) = self.pressure.set_untaken(self.output.len() - self.written) {
                return Ok(limit);
            }
            if taken == Taken::Turn {
                tokio::task::yield_now().await;
                continue;
            }
            let held_back = taken == Taken::UpToLimits;
            if held_back && self.takes_more() {
                continue;
            }
            if held_back {
                // A message that waits in the socket is not late.
                self.message_since = Some(Instant::now());
            }
            if self.is_finished() {
                return self.linger().await;
            }
            let (due, limit) = self.due();
            if due < sleep.deadline() {
                sleep.as_mut().reset(due);
            }
            self.make_room();
            let paused_until = self.pressure.paused_until();
            tokio::select! {
                biased;
                Some(finished) = self.calls.next(), if !self.calls.is_empty() => {
                    self.collect(finished);
                }
                read = read_some(&mut self.reader, &mut self.input), if self.wants_input() => self.took_in(read?),
                ready = self.writer.writable(), if self.has_output() => ready?,
                _ = drain.wait_for(|drain| *drain), if self.state != State::Closing => self.begin_drain(),
                () = pause(paused_until), if paused_until.is_some() => self.pressure.end_pause(std::time::Instant::now()),
                () = &mut sleep => {
                    let (due, _) = self.due();
                    if Instant::now() >= due {
                        return Ok(limit);
                    }
                    sleep.as_mut().reset(due);
                }
            }
        }
    }

    /// When this session is closed unless something happens, and by which limit: the first of all that apply.
    fn due(&self) -> (Instant, &'static str) {
        let limits = &self.shared.limits;
        // Each call ends by its own deadline.
        let mut first = (self.active + LONGEST_CALL, "idle timeout");
        let mut apply = |since: Instant, limit, words| first = first.min((since + limit, words));
        if self.has_output() {
            apply(self.taken, limits.write_timeout, "write timeout: no answers taken");
        } else if self.calls.is_empty() {
            apply(self.active, limits.idle_timeout, "idle timeout");
        }
        if let Some(since) = self.message_since
            && self.state == State::Open
        {
            apply(since, limits.header_timeout, "header timeout: no whole message");
        }
        first
    }

    /// Gives the room of what is written back, also where more keeps coming before all is.
    fn forget_written(&mut self) {
        if self.written >= READ_BYTES && self.written >= self.output.len() / 2 {
            self.output.drain(..self.written);
            self.written = 0;
        }
    }

    fn has_output(&self) -> bool {
        self.written < self.output.len()
    }

    fn wants_input(&self) -> bool {
        self.state == State::Open && self.takes_more()
    }

    /// Whether this session's limits leave room for another message.
    fn takes_more(&self) -> bool {
        let limits = &self.shared.limits;
        let room = self.calls.len() < limits.session_calls && self.held_bytes < limits.queued_bytes;
        room && !self.is_clogged() && self.pressure.paused_until().is_none()
    }

    /// Whether the peer has left so many answers untaken that no more calls start for it.
    fn is_clogged(&self) -> bool {
        self.output.len() - self.written >= self.shared.limits.queued_bytes
    }

    fn is_finished(&self) -> bool {
        let no_more = match self.state {
            State::Closing | State::Binary => true,
            State::HalfClosed => self.consumed == self.input.len(),
            State::Open => false,
        };
        no_more && self.calls.is_empty() && self.last_answer.is_none() && !self.has_output()
    }

    /// Makes room for more input, and keeps none that only a long message needed.
    fn make_room(&mut self) {
        if self.consumed == self.input.len() {
            self.input.clear();
            self.input.shrink_to(READ_BYTES);
        } else {
            self.input.drain(..self.consumed);
        }
        self.consumed = 0;
        self.input.reserve(READ_BYTES);
    }

    fn took_in(&mut self, count: usize) {
        if count == 0 {
            self.state = State::HalfClosed;
        } else {
            self.message_since.get_or_insert_with(Instant::now);
        }
    }

    fn write(&mut self) -> io::Result<()> {
        while self.has_output() {
            match self.writer.try_write(&self.output[self.written..]) {
                Ok(count) => {
                    self.written += count;
                    self.forget_written();
                    self.taken = Instant::now();
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
                Err(error) => return Err(error),
            }
        }
        self.output.clear();
        self.output.shrink_to(READ_BYTES);
        self.written = 0;
        Ok(())
    }

    /// Takes on the whole messages that have come, as many as a turn allows.
    fn take_messages(&mut self) -> Taken {
        let turn_ends = self.served + u64::from(MESSAGES_PER_TURN);
        while self.state != State::Closing {
            if !self.takes_more() {
                return Taken::UpToLimits;
            }
            if self.served >= turn_ends {
                return Taken::Turn;
            }
            let ended = self.state == State::HalfClosed;
            match self.deframer.step(&self.input[self.consumed..], ended) {
                Ok(Step::Message { start, end, consumed }) => {
                    let (start, end) = (self.consumed + start, self.consumed + end);
                    if self.served == 0 && self.is_binary_hello(&self.input[start..end]) {
                        self.state = State::Binary;
                        return Taken::All;
                    }
                    self.consumed += consumed;
                    self.pressure.end_message();
                    let input = std::mem::take(&mut self.input);
                    self.take_message(&input[start..end]);
                    self.input = input;
                    self.active = Instant::now();
                    self.message_since = (self.consumed < self.input.len()).then_some(self.active);
                }
                Ok(Step::Skip(count)) => self.consumed += count,
                Ok(Step::Need(_)) => {
                    let pending = self.input.len() - self.consumed;
                    if pending == 0 && self.served > 0 {
                        self.message_since = None;
                    }
                    if let Err(exception) = self.pressure.set_unfinished(pending) {
                        self.end_by(&exception);
                    }
                    return Taken::All;
                }
                Ok(Step::End) => {
                    self.consumed = self.input.len();
                    return Taken::All;
                }
                Err(FrameError::TooLong { .. }) if self.raise_limit() => {}
                Err(error) => self.end_by_frame_error(&error),
            }
        }
        Taken::All
    }

    /// A stranger may have become a client, or proved that it may deploy, since the limit was set.
    fn raise_limit(&mut self) -> bool {
        let limit = self.pressure.frame_limit(self.may_deploy());
        let is_higher = limit > self.deframer.limit();
        self.deframer.set_limit(limit);
        is_higher
    }

    fn may_deploy(&self) -> bool {
        self.deploy.as_ref().is_some_and(|deploy| deploy.may_deploy())
    }

    fn count_refusal(&mut self) {
        self.pressure.count_refusal(std::time::Instant::now());
    }

    fn is_binary_hello(&self, bytes: &[u8]) -> bool {
        self.deframer.framing() == Some(Framing::Framed) && wire::binary::is_hello(bytes)
    }

    /// The connection, what came of it that is not dealt with, and what it costs.
    fn into_parts(self) -> io::Result<(TcpStream, Vec<u8>, Pressure)> {
        let Self { reader, writer, mut input, consumed, pressure, .. } = self;
        input.drain(..consumed);
        Ok((reader.reunite(writer).map_err(io::Error::other)?, input, pressure))
    }

    fn answer_exception(&mut self, id: &AnswerId, exception: &Exception) {
        let remote = &self.pressure.remote;
        if remote.logs() {
            tracing::warn!(event = "refused", peer = %remote, exception = exception.for_log());
        }
        let mut message = Vec::new();
        message::write_exception(id, exception, &mut message);
        self.collect_one(Finished::new(message));
    }

    /// Takes this answer and every other that is ready.
    fn collect(&mut self, first: Finished) {
        self.collect_one(first);
        while let Some(Some(finished)) = self.calls.next().now_or_never() {
            self.collect_one(finished);
        }
        self.active = Instant::now();
    }

    fn collect_one(&mut self, finished: Finished) {
        self.held_bytes -= finished.held_bytes;
        if finished.ends {
            self.state = State::Closing;
        }
        if finished.is_last {
            self.last_answer = Some(finished.message);
        } else {
            self.put(&finished.message);
        }
    }

    fn put(&mut self, message: &[u8]) {
        if !self.has_output() {
            self.taken = Instant::now();
        }
        self.deframer.framing().unwrap_or(Framing::Lines).write(message, &mut self.output);
    }

    fn release_last_answer(&mut self) {
        if self.calls.is_empty()
            && let Some(message) = self.last_answer.take()
        {
            self.put(&message);
        }
    }

    fn end_by_frame_error(&mut self, error: &FrameError) {
        if *error == FrameError::Tls {
            self.end_reading();
            if self.pressure.remote.logs() {
                tracing::warn!(event = "tls hello on a plain port", peer = %self.pressure.remote);
            }
            self.output.extend_from_slice(&TLS_ALERT);
            return;
        }
        self.end_by(&Exception::refused(ExceptionType::MalformedMessage, error.to_string()));
    }

    /// Answers what no id can be read from, and takes on no more.
    fn end_by(&mut self, exception: &Exception) {
        self.end_reading();
        self.answer_exception(&AnswerId::Null, exception);
    }

    /// Drops what has come, and takes on no more.
    fn end_reading(&mut self) {
        self.count_refusal();
        (self.input, self.consumed) = (Vec::new(), 0);
        self.state = State::Closing;
    }

    /// The server stops: what is in flight is answered, and the peer of a session is told where that ends. Before its
    /// first message came whole, a peer may be about to begin a binary session, whose first read a notice would corrupt.
    fn begin_drain(&mut self) {
        self.state = State::Closing;
        if self.served > 0 {
            let last = self.last_id.as_deref().unwrap_or("null");
            let notice = format!("{{\"header\":\"RPC-DRAIN\",\"value\":{{\"last-id\":{last}}}}}");
            self.put(notice.as_bytes());
        }
    }

    /// Says that nothing more will come, and lets the peer finish reading.
    async fn linger(&mut self) -> io::Result<&'static str> {
        self.writer.shutdown().await?;
        if self.state == State::HalfClosed {
            return Ok("end of the connection");
        }
        linger::drain(&mut self.reader).await.map(|()| self.end_reason)
    }
}

/// Appends what has come, as far as one read takes it. Nothing is lost where this is dropped before it is done.
async fn read_some(reader: &mut OwnedReadHalf, input: &mut Vec<u8>) -> io::Result<usize> {
    reader.read_buf(&mut input.limit(READ_BYTES)).await
}

/// Waits until then, if there is such a time.
async fn pause(until: Option<std::time::Instant>) {
    match until {
        Some(until) => tokio::time::sleep_until(until.into()).await,
        None => std::future::pending().await,
    }
}
