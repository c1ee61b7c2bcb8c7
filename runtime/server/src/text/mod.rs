//! One text session: its messages in, its answers out.
//!
//! ```text
//!            +--> dispatch --refused--> answer --+
//! input --next                                   +--> output --> stream
//!            +--> dispatch --call--> calls ------+
//! ```
//!
//! A session is one task. It polls its calls itself, so that a wake-up answers all that is ready in
//! one write. It stops reading when its calls or its answers reach their limit, which the peer
//! sees as a full socket. It takes the answers of running calls even then, so that a peer that does
//! not read holds no worker; see [`Pressure`](crate::connection::pressure::Pressure).
//!
//! A session also answers peers that do not speak this protocol, such as browsers and mail clients.
//! It runs nothing for them: a connection whose first message is malformed gets one answer and
//! ends.

mod answers;
mod input;
mod messages;
mod output;

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Instant;

use bytes::BufMut as _;
use bytes::buf::Limit;
use futures_util::FutureExt as _;
use futures_util::stream::{FuturesUnordered, StreamExt as _};
use tokio::io::AsyncReadExt as _;
use tokio::sync::{oneshot, watch};
use wire::block::READ_BYTES;
use wire::exception::{Exception, ExceptionType};
use wire::frame::{FrameError, Framing};
use wire::message::{self, AnswerId};

use self::answers::FinishedAnswer;
use self::input::{NextMessage, TextInput};
use self::output::TextOutput;
use crate::calls::record::Observers;
use crate::connection::admission::{Admission, ConnectionLimit};
use crate::connection::end::EndReason;
use crate::connection::pressure::Pressure;
use crate::connection::stream::MAX_READ_PER_TURN;
use crate::connection::timeouts::{Due, Reads, Timeouts, Waiting};
use crate::connection::{Connection, SessionEnd};
use crate::deployment::DeploySession;
use crate::shared::Shared;
use tls::Stream;

/// Maximum number of messages that are handled before other sessions have their turn.
const MESSAGES_PER_TURN: u32 = 32;

/// A TLS alert: fatal, `protocol_version`.
const TLS_ALERT: [u8; 7] = [0x15, 0x03, 0x01, 0x00, 0x02, 0x02, 0x46];

type PendingAnswer = Pin<Box<dyn Future<Output = FinishedAnswer> + Send>>;

struct TextSession {
    stream: Stream,
    shared: Arc<Shared>,
    pressure: Pressure,
    timeouts: Timeouts,
    admission: Admission,
    observers: Observers,
    /// Made with the first message that is about deployment.
    deploy: Option<Arc<DeploySession>>,
    /// Closes when the last deployment step is done: the steps of a connection run one after the
    /// other.
    last_step: Option<oneshot::Receiver<()>>,
    input: TextInput,
    output: TextOutput,
    calls: FuturesUnordered<PendingAnswer>,
    phase: Phase,
    /// The answer to the request without an id, held back until every other answer is out.
    last_answer: Option<Vec<u8>>,
    /// The id of the last request that was accepted.
    last_id: Option<Box<str>>,
    /// Bytes of arguments of the calls in flight.
    held_bytes: usize,
    /// Number of messages that were handled.
    served: u64,
    /// Number of bytes that were read since the session last gave way to others.
    read_bytes: usize,
    /// Why the connection ends, if this side ends it.
    end_reason: EndReason,
}

/// How far a session has handled the messages that have come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Progress {
    /// Every complete message was handled.
    All,
    /// The limits hold the next message back.
    UpToLimits,
    /// The turn is over; there may be more messages.
    TurnOver,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// Messages are read.
    Open,
    /// The peer sends no more messages. Those that it sent are answered.
    HalfClosed,
    /// No more messages are accepted. Calls in flight are answered.
    Closing,
}

/// What the stream did.
#[derive(Debug, Clone, Copy)]
enum StreamEvent {
    Read(usize),
    Wrote,
}

/// Serves a text session to its end.
pub(crate) async fn serve(connection: Connection) -> SessionEnd {
    let mut drain = connection.shared.drain.clone();
    let mut session = TextSession::new(connection);
    let reason = session.run(&mut drain).await;
    SessionEnd {
        served: session.served,
        got_message: session.served > 0 && session.end_reason != EndReason::NotThisProtocol,
        reason,
        stream: session.stream,
    }
}

impl TextSession {
    fn new(connection: Connection) -> Self {
        let Connection {
            stream,
            input,
            pressure,
            timeouts,
            admission,
            shared,
        } = connection;
        Self {
            input: TextInput::new(input, pressure.frame_limit(false)),
            stream,
            pressure,
            timeouts,
            admission,
            observers: Observers::new(Instant::now()),
            deploy: None,
            last_step: None,
            output: TextOutput::default(),
            calls: FuturesUnordered::new(),
            phase: Phase::Open,
            last_answer: None,
            last_id: None,
            held_bytes: 0,
            served: 0,
            read_bytes: 0,
            end_reason: EndReason::Done,
            shared,
        }
    }

    /// Runs until the session's end. Returns why it ended.
    async fn run(&mut self, drain: &mut watch::Receiver<bool>) -> io::Result<EndReason> {
        let sleep = tokio::time::sleep_until(self.next_look(Instant::now()).into());
        tokio::pin!(sleep);
        loop {
            let progress = self.handle_messages();
            self.release_last_answer();
            self.sit_out_pause().await;
            if self.write().await? > 0 {
                self.timeouts.taken_at = Instant::now();
            }
            if let Err(reason) = self.pressure.set_untaken(self.output.len()) {
                return Ok(reason);
            }
            if progress == Progress::TurnOver || self.read_bytes >= MAX_READ_PER_TURN {
                self.read_bytes = 0;
                tokio::task::yield_now().await;
                continue;
            }
            let is_held_back = progress == Progress::UpToLimits;
            if is_held_back && self.takes_more() {
                continue;
            }
            if is_held_back {
                // A message that waits in the socket is not late.
                self.timeouts.message_since = Some(Instant::now());
            }
            if self.is_finished() {
                let has_peer_closed = self.phase == Phase::HalfClosed;
                return Ok(if has_peer_closed {
                    EndReason::PeerClosed
                } else {
                    self.end_reason
                });
            }
            let now = Instant::now();
            let come = self.timeouts.message_bytes;
            let is_excused = is_held_back && !self.is_clogged();
            self.pressure.look_at_room(now, come, is_excused);
            let look_at = self.next_look(now);
            if look_at < sleep.deadline().into_std() {
                sleep.as_mut().reset(look_at.into());
            }
            self.input.make_room();
            let paused_until = self.pressure.paused_until();
            let waits_for_room = self.pressure.waits_for_room();
            let reads = self.reads().then(|| self.read_limit());
            let writes = !self.output.is_empty();
            tokio::select! {
                biased;
                Some(finished) = self.calls.next(), if !self.calls.is_empty() => self.collect(finished),
                event = stream_event(
                    &mut self.stream,
                    reads.map(|limit| (&mut self.input.bytes).limit(limit)),
                    &mut self.output,
                ), if reads.is_some() || writes => self.handle_stream_event(event?),
                _ = drain.wait_for(|drain| *drain), if self.phase != Phase::Closing => self.begin_drain(),
                taken = self.pressure.room(), if waits_for_room => match taken {
                    // A message that waits in the socket is not late.
                    Ok(()) => self.timeouts.message_since = Some(Instant::now()),
                    Err(exception) => self.end_with(&exception),
                },
                () = pause(paused_until), if paused_until.is_some() => self.pressure.end_pause(Instant::now()),
                () = &mut sleep => {
                    let now = Instant::now();
                    let due = self.due();
                    if now >= due.at {
                        return Ok(due.reason);
                    }
                    sleep.as_mut().reset(self.next_look(now).into());
                }
            }
        }
    }

    /// Writes as much as the kernel takes at once. Returns how many bytes it took.
    async fn write(&mut self) -> io::Result<usize> {
        std::future::poll_fn(|cx| Poll::Ready(self.output.write(&mut self.stream, cx))).await
    }

    /// Waits for the end of a pause before the last answers are written. Otherwise an address with
    /// too many refused messages could avoid the pause by opening other connections.
    async fn sit_out_pause(&mut self) {
        if self.phase == Phase::Closing
            && let Some(until) = self.pressure.paused_until()
        {
            tokio::time::sleep_until(until.into()).await;
            self.pressure.end_pause(Instant::now());
        }
    }

    /// Returns when this session is closed unless something happens.
    fn due(&self) -> Due {
        self.timeouts.due(Waiting {
            has_output: !self.output.is_empty(),
            is_idle: self.calls.is_empty(),
            reads: match self.phase {
                Phase::Open => self.pressure.reads(self.timeouts.message_bytes),
                Phase::HalfClosed | Phase::Closing => Reads::Nothing,
            },
        })
    }

    /// Returns when to wake up at the latest.
    fn next_look(&self, now: Instant) -> Instant {
        self.pressure.next_look(self.due().at, now)
    }

    /// Returns whether more bytes are read.
    fn reads(&self) -> bool {
        self.phase == Phase::Open && self.takes_more() && !self.pressure.waits_for_room()
    }

    /// Returns how many bytes are read at once.
    fn read_limit(&self) -> usize {
        match self.input.framing() {
            Framing::Framed => READ_BYTES,
            Framing::Lines => self.pressure.read_limit(self.input.pending()),
        }
    }

    /// Returns whether the limits of this session leave room for another message.
    fn takes_more(&self) -> bool {
        let limits = &self.shared.limits;
        let has_space =
            self.calls.len() < limits.session_calls && self.held_bytes < limits.queued_bytes;
        has_space && !self.is_clogged() && self.pressure.paused_until().is_none()
    }

    /// Returns whether the peer has too many unread answers, so that none of its calls start.
    fn is_clogged(&self) -> bool {
        self.output.len() >= self.shared.limits.queued_bytes
    }

    fn is_finished(&self) -> bool {
        let no_more = match self.phase {
            Phase::Closing => true,
            Phase::HalfClosed => self.input.is_empty(),
            Phase::Open => false,
        };
        no_more && self.calls.is_empty() && self.last_answer.is_none() && self.output.is_empty()
    }

    fn handle_stream_event(&mut self, event: StreamEvent) {
        match event {
            StreamEvent::Read(0) => self.phase = Phase::HalfClosed,
            StreamEvent::Read(count) => {
                self.read_bytes += count;
                self.timeouts.message_since.get_or_insert_with(Instant::now);
            }
            StreamEvent::Wrote => self.timeouts.taken_at = Instant::now(),
        }
    }

    /// Handles the complete messages that have come, as many as a turn allows.
    fn handle_messages(&mut self) -> Progress {
        let turn_ends = self.served + u64::from(MESSAGES_PER_TURN);
        while self.phase != Phase::Closing {
            if !self.takes_more() {
                return Progress::UpToLimits;
            }
            if self.served >= turn_ends {
                return Progress::TurnOver;
            }
            match self.input.next(self.phase == Phase::HalfClosed) {
                Ok(NextMessage::Whole(place)) => {
                    self.pressure.end_message();
                    let bytes = std::mem::take(&mut self.input.bytes);
                    self.handle_message(&bytes[place]);
                    self.input.bytes = bytes;
                    self.timeouts.active_at = Instant::now();
                    let next_since = (!self.input.is_empty()).then_some(self.timeouts.active_at);
                    self.timeouts.end_message(next_since);
                }
                Ok(NextMessage::Unfinished { come, length }) => {
                    if come == 0 && self.served > 0 {
                        self.timeouts.message_since = None;
                    }
                    self.timeouts.message_bytes = come;
                    self.pressure.claim_room(length);
                    return Progress::All;
                }
                Ok(NextMessage::End) => return Progress::All,
                Err(FrameError::TooLong { .. }) if self.raise_limit() => {}
                Err(error) => self.end_with_frame_error(&error),
            }
        }
        Progress::All
    }

    /// Sets the limit of a message again: a stranger may have become a client or proved the deploy
    /// key.
    fn raise_limit(&mut self) -> bool {
        let limit = self.pressure.frame_limit(self.may_deploy());
        let is_higher = self.input.raise_limit(limit);
        if is_higher {
            // The line may become longer than the room that it has.
            self.pressure.end_message();
        }
        is_higher
    }

    fn may_deploy(&self) -> bool {
        self.deploy
            .as_ref()
            .is_some_and(|deploy| deploy.may_deploy())
    }

    /// Returns the limit of connections because of which this one is not served.
    fn turned_away(&self) -> Option<ConnectionLimit> {
        self.admission.exceeded()
    }

    fn count_refusal(&mut self) {
        self.pressure.count_refusal(Instant::now());
    }

    /// Takes this answer and every other one that is ready.
    fn collect(&mut self, first: FinishedAnswer) {
        let now = Instant::now();
        self.observers.set_now(now);
        self.collect_one(first);
        while let Some(Some(finished)) = self.calls.next().now_or_never() {
            self.collect_one(finished);
        }
        self.observers.flush();
        self.timeouts.active_at = now;
    }

    fn collect_one(&mut self, finished: FinishedAnswer) {
        self.held_bytes -= finished.held_bytes;
        if let Some(call) = &finished.call {
            self.observers
                .call_ended(&call.record(&self.pressure.remote));
        }
        if finished.ends_session {
            self.phase = Phase::Closing;
        }
        if finished.is_last {
            self.last_answer = Some(finished.message);
        } else {
            self.put(finished.message);
        }
    }

    fn put(&mut self, message: Vec<u8>) {
        if self.output.is_empty() {
            self.timeouts.taken_at = Instant::now();
        }
        self.output.put(self.input.framing(), message);
    }

    fn answer_exception(&mut self, id: &AnswerId, exception: &Exception) {
        let remote = &self.pressure.remote;
        if remote.logs() {
            tracing::warn!(event = "refused", peer = %remote, exception = exception.for_log());
        }
        let mut message = Vec::new();
        message::write_exception(id, exception, &mut message);
        self.put(message);
    }

    fn release_last_answer(&mut self) {
        if self.calls.is_empty()
            && let Some(message) = self.last_answer.take()
        {
            self.put(message);
        }
    }

    fn end_with_frame_error(&mut self, error: &FrameError) {
        if *error == FrameError::Tls {
            self.stop_reading();
            if self.pressure.remote.logs() {
                tracing::warn!(event = "tls hello on a plain port", peer = %self.pressure.remote);
            }
            self.output.put_raw(&TLS_ALERT);
            return;
        }
        self.end_with(&Exception::refused(
            ExceptionType::MalformedMessage,
            self.pressure.describe(error),
        ));
    }

    /// Answers bytes that hold no id, and accepts no more.
    fn end_with(&mut self, exception: &Exception) {
        self.stop_reading();
        self.answer_exception(&AnswerId::Null, exception);
    }

    /// Drops the bytes that have come, and accepts no more.
    fn stop_reading(&mut self) {
        self.count_refusal();
        self.close_input();
    }

    /// Drops what has come, and accepts no more.
    fn close_input(&mut self) {
        self.input.clear();
        self.pressure.end_message();
        self.phase = Phase::Closing;
    }

    /// Begins to end the session because the server stops: calls in flight are answered, and the
    /// peer is told which request is the last.
    fn begin_drain(&mut self) {
        self.close_input();
        // A peer that has not sent a complete message does not expect this one.
        if self.served > 0 {
            let mut notice = Vec::new();
            message::write_drain(self.last_id.as_deref(), &mut notice);
            self.put(notice);
        }
    }
}

/// Reads into `input`, if it is given, or writes of `output`. Nothing is lost if the future is
/// dropped.
async fn stream_event(
    stream: &mut Stream,
    mut input: Option<Limit<&mut Vec<u8>>>,
    output: &mut TextOutput,
) -> io::Result<StreamEvent> {
    std::future::poll_fn(|cx| {
        if let Some(input) = &mut input
            && let Poll::Ready(read) = std::pin::pin!(stream.read_buf(input)).poll(cx)
        {
            return Poll::Ready(read.map(StreamEvent::Read));
        }
        match output.write(stream, cx) {
            Ok(0) => Poll::Pending,
            written => Poll::Ready(written.map(|_| StreamEvent::Wrote)),
        }
    })
    .await
}

/// Waits until that time, if there is one.
async fn pause(until: Option<Instant>) {
    match until {
        Some(until) => tokio::time::sleep_until(until.into()).await,
        None => std::future::pending().await,
    }
}
