//! One binary session: frames in, answers out.
//!
//! ```text
//!                                +--in place--> outbox -------+
//! stream --> inbox --> FrameHandler                           +--> stream   (one write for all that is ready)
//!                                +--waits--> work --> outbox -+
//! ```
//!
//! A wake-up handles the frames that have come, answers the calls that are ready, polls the calls
//! that wait, and writes. It reads the clock rarely. After [some frames or some time](turn) it lets
//! the other sessions of the lane go first.

mod busy_poll;
mod frame_handler;
mod running_calls;
mod slots;
mod stream_io;
mod turn;
mod work;

use std::io;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use futures_util::stream::StreamExt as _;
use wire::binary::{self, Kind};
use wire::exception::{Exception, ExceptionType};
use wire::frame::FrameError;
use wire::inbox::Inbox;
use wire::link::{Event, Link, LinkError};

use self::busy_poll::BusyPoll;
use self::frame_handler::FrameHandler;
use self::running_calls::Results;
use self::stream_io::ReadOutcome;
use self::work::{Work, WorkEvent};
use crate::connection::end::EndReason;
use crate::connection::stream;
use crate::connection::timeouts::{Due, Reads, Timeouts, Waiting};
use crate::connection::{Connection, SessionEnd};
use tls::Stream;

/// Interval at which a session checks whether abandoned calls have stopped, if it may begin no
/// other calls until then.
const ABANDONED_PAUSE: Duration = Duration::from_millis(10);

struct BinarySession {
    stream: Stream,
    link: Link,
    handler: FrameHandler,
    work: Work,
    busy_poll: BusyPoll,
    phase: Phase,
    timeouts: Timeouts,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    Open,
    /// The peer sends no more frames. Those that it sent are answered.
    HalfClosed,
    /// No more frames are accepted. Calls in flight are answered.
    Closing,
}

/// Serves a binary session to its end.
pub(crate) async fn serve(connection: Connection) -> SessionEnd {
    let mut session = BinarySession::new(connection);
    let reason = std::future::poll_fn(|cx| session.turn(cx)).await;
    let paused_until = session.handler.calls.pressure.paused_until();
    if let Some(until) = paused_until.filter(|_| matches!(reason, Ok(EndReason::Done))) {
        tokio::time::sleep_until(until.into()).await;
    }
    SessionEnd {
        served: session.handler.calls.incoming.accepted(),
        got_message: session.handler.has_greeted(),
        reason,
        stream: session.stream,
    }
}

impl BinarySession {
    fn new(connection: Connection) -> Self {
        let Connection {
            stream,
            input,
            pressure,
            timeouts,
            admission,
            shared,
        } = connection;
        let inbox = Inbox::with_bytes(pressure.frame_limit(false), input).holding_long_frames();
        Self {
            stream,
            link: Link::with_inbox(inbox),
            work: Work::new(shared.drain.clone(), shared.registry.swaps()),
            handler: FrameHandler::new(pressure, shared, admission),
            busy_poll: BusyPoll::new(Instant::now()),
            phase: Phase::Open,
            timeouts,
        }
    }

    /// Runs one wake-up. Returns why the session ended, once it has.
    fn turn(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<EndReason>> {
        let now = Instant::now();
        if self.link.outbox.is_empty() {
            self.timeouts.taken_at = now;
        }
        self.link.refill_allowance(now);
        self.handler.begin_turn(now);
        self.handler.calls.pressure.end_pause(now);
        self.busy_poll.begin(now);
        stream_io::lend_memory(&mut self.link.inbox, &mut self.link.outbox);
        let turned = self.turn_with_memory(cx, now);
        self.handler.end_turn();
        stream_io::take_memory(&mut self.link.inbox, &mut self.link.outbox);
        turned
    }

    fn turn_with_memory(
        &mut self,
        cx: &mut Context<'_>,
        now: Instant,
    ) -> Poll<io::Result<EndReason>> {
        loop {
            let is_held_back = self.handle_frames(cx);
            self.take_events(cx, now);
            self.handler.calls.turn.wrote();
            if stream::write(&mut self.stream, &mut self.link.outbox, cx)? > 0 {
                self.timeouts.taken_at = now;
            }
            if let Err(reason) = self
                .handler
                .calls
                .pressure
                .set_untaken(self.link.outbox.len())
            {
                return Poll::Ready(Ok(reason));
            }
            if is_held_back && self.handler.calls.turn.is_over() {
                cx.waker().wake_by_ref();
                return Poll::Pending;
            }
            if is_held_back && !self.holds_back() {
                continue;
            }
            if !is_held_back && self.is_finished() {
                let has_peer_closed = self.phase == Phase::HalfClosed;
                return Poll::Ready(Ok(if has_peer_closed {
                    EndReason::PeerClosed
                } else {
                    EndReason::Done
                }));
            }
            if is_held_back {
                // A frame that waits in the socket is not late.
                self.timeouts.message_since = self.timeouts.message_since.map(|_| now);
            }
            if let Poll::Ready(Err(exception)) = self.poll_room(cx, now) {
                self.end_with(&exception);
                continue;
            }
            match self.read(cx, now)? {
                ReadOutcome::Data(count) => {
                    if self.handler.calls.turn.count_read(count) {
                        cx.waker().wake_by_ref();
                        return Poll::Pending;
                    }
                }
                ReadOutcome::End => self.leave_open(Phase::HalfClosed),
                ReadOutcome::Nothing => match self.look(is_held_back, now) {
                    due if now >= due.at => return Poll::Ready(Ok(due.reason)),
                    // A timer begins with its first poll, in another round.
                    due if self.work.set_timer(self.next_look(due.at, now), now) => {}
                    _ => return Poll::Pending,
                },
            }
        }
    }

    /// Waits for room for the message that has begun, if it needs some.
    fn poll_room(&mut self, cx: &mut Context<'_>, now: Instant) -> Poll<Result<(), Exception>> {
        let pressure = &mut self.handler.calls.pressure;
        if !pressure.waits_for_room() {
            return Poll::Ready(Ok(()));
        }
        pressure.poll_room(cx).map_ok(|()| {
            self.link.inbox.admit();
            // A message that waits in the socket is not late.
            self.timeouts.message_since = Some(now);
        })
    }

    fn read(&mut self, cx: &mut Context<'_>, now: Instant) -> io::Result<ReadOutcome> {
        if self.phase != Phase::Open
            || self.holds_back()
            || self.handler.calls.pressure.waits_for_room()
        {
            return Ok(ReadOutcome::Nothing);
        }
        let mut outcome = stream_io::read(&mut self.stream, &mut self.link.inbox, cx)?;
        if outcome == ReadOutcome::Nothing
            && self.handler.calls.incoming.is_empty()
            && self.link.outbox.is_empty()
            && self.handler.calls.turn.take_has_answered()
        {
            outcome = self
                .busy_poll
                .look(&mut self.stream, &mut self.link.inbox)?;
        }
        if matches!(outcome, ReadOutcome::Data(_)) {
            self.timeouts.message_since.get_or_insert(now);
        }
        Ok(outcome)
    }

    /// Handles every complete frame that has come. Returns whether limits held some back.
    fn handle_frames(&mut self, cx: &mut Context<'_>) -> bool {
        while self.phase != Phase::Closing {
            if self.holds_back() || self.handler.calls.turn.wants_write() {
                return self.link.inbox.has_partial_frame();
            }
            let frames = &mut self.handler;
            let handled = match self.link.next(|head| frames.find_block(head)) {
                Ok(Some((Event::Handled, _))) => Ok(()),
                Ok(Some((Event::Hello(hello), out))) => {
                    let greeted = self.handler.greet(&hello, out);
                    greeted.map(|idle_timeout| self.timeouts.idle_timeout = idle_timeout)
                }
                Ok(Some((Event::Frame(frame, values), out))) => self.handler.handle(
                    frame,
                    values,
                    &mut Results {
                        out,
                        work: &mut self.work,
                        cx,
                    },
                ),
                Ok(None) => {
                    if !self.link.inbox.has_partial_frame() && self.handler.has_greeted() {
                        self.timeouts.message_since = None;
                    }
                    let pending = self.link.inbox.pending_bytes();
                    self.timeouts.message_bytes = pending;
                    if self.phase == Phase::Open {
                        let length = self.link.inbox.pending_length();
                        let pressure = &mut self.handler.calls.pressure;
                        pressure.claim_room(length);
                        if !pressure.waits_for_room() && self.link.inbox.admit() {
                            continue;
                        }
                    }
                    return false;
                }
                Err(error) => Err(error),
            };
            if let Err(LinkError::Frame(FrameError::TooLong { .. })) = &handled
                && self.raise_limit()
            {
                continue;
            }
            self.handler.calls.pressure.end_message();
            let now = self.handler.calls.turn.now;
            self.timeouts.active_at = now;
            let next_since = self.link.inbox.has_partial_frame().then_some(now);
            self.timeouts.end_message(next_since);
            if let Err(error) = handled {
                let what = match &error {
                    LinkError::Frame(error) => self.handler.calls.pressure.describe(error),
                    _ => error.to_string(),
                };
                self.end_with(&Exception::refused(ExceptionType::MalformedMessage, what));
            } else if self.handler.has_turned_away() {
                self.drain();
            }
        }
        false
    }

    /// Handles every event that is ready, such as the end of a call.
    fn take_events(&mut self, cx: &mut Context<'_>, now: Instant) {
        while let Poll::Ready(Some(event)) = self.work.poll_next_unpin(cx) {
            match event {
                WorkEvent::Call(ended) => {
                    self.handler.calls.finish(ended, &mut self.link.outbox);
                    self.timeouts.active_at = now;
                }
                WorkEvent::Drain if self.phase == Phase::Open => self.drain(),
                WorkEvent::Timer(due) => self.work.end_timer(due),
                WorkEvent::Swap(swaps) => {
                    self.handler.forget_stale();
                    self.work.await_swap(swaps);
                }
                WorkEvent::Drain => {}
            }
        }
    }

    /// Returns when to wake up at the latest. Abandoned calls that stop do not wake the session, so
    /// it checks them at an interval.
    fn next_look(&self, due: Instant, now: Instant) -> Instant {
        let calls = &self.handler.calls;
        let due = calls
            .pressure
            .paused_until()
            .map_or(due, |until| due.min(until));
        let due = calls.pressure.next_look(due, now);
        let waits = !calls.takes_more() && calls.has_abandoned();
        if waits {
            due.min(now + ABANDONED_PAUSE)
        } else {
            due
        }
    }

    /// Looks whether others wait for the room of the message that comes. Returns when this session is
    /// closed unless something happens.
    fn look(&mut self, is_held_back: bool, now: Instant) -> Due {
        let is_excused = is_held_back && !self.is_clogged();
        let come = self.timeouts.message_bytes;
        let pressure = &mut self.handler.calls.pressure;
        pressure.look_at_room(now, come, is_excused);
        self.due()
    }

    /// Reads no more messages. What has come of an incomplete one has no room any more.
    fn leave_open(&mut self, phase: Phase) {
        self.handler.calls.pressure.end_message();
        self.phase = phase;
    }

    /// Returns when this session is closed unless something happens.
    fn due(&self) -> Due {
        self.timeouts.due(Waiting {
            has_output: !self.link.outbox.is_empty(),
            is_idle: self.handler.calls.incoming.is_empty(),
            reads: match self.phase {
                Phase::Open => {
                    let come = self.timeouts.message_bytes;
                    self.handler.calls.pressure.reads(come)
                }
                Phase::HalfClosed | Phase::Closing => Reads::Nothing,
            },
        })
    }

    /// Returns whether the next frame has to wait: any frame while the peer has too many unread
    /// answers, and a call if the limits leave no room for it.
    fn holds_back(&self) -> bool {
        let is_call = || self.link.inbox.next_byte() == Some(Kind::Request as u8);
        let calls = &self.handler.calls;
        self.is_clogged()
            || calls.pressure.paused_until().is_some()
            || (!calls.takes_more() && is_call())
    }

    /// Returns whether the peer has too many unread answers, so that none of its calls start.
    fn is_clogged(&self) -> bool {
        self.link.outbox.len() >= self.handler.calls.shared.limits.queued_bytes
    }

    fn is_finished(&self) -> bool {
        self.phase != Phase::Open
            && self.handler.calls.incoming.is_empty()
            && self.link.outbox.is_empty()
    }

    /// Tells the peer which call is the last that is answered, and accepts no more.
    fn drain(&mut self) {
        // A peer that has not sent a complete HELLO expects only a HELLO.
        if self.handler.has_greeted() {
            binary::put_drain(self.handler.calls.incoming.last(), &mut self.link.outbox);
        }
        self.leave_open(Phase::Closing);
    }

    /// Sets the limit of a frame again: a stranger may have become a client.
    fn raise_limit(&mut self) -> bool {
        let limit = self.handler.calls.pressure.frame_limit(false);
        let is_higher = limit > self.link.inbox.limit();
        self.link.inbox.set_limit(limit);
        is_higher
    }

    fn end_with(&mut self, exception: &Exception) {
        let remote = &self.handler.calls.pressure.remote;
        if remote.logs() {
            tracing::warn!(event = "refused", peer = %remote, exception = exception.for_log());
        }
        self.handler.calls.pressure.count_refusal(Instant::now());
        binary::put_exception(0, exception, &mut self.link.outbox);
        self.leave_open(Phase::Closing);
    }
}
