//! One binary session: frames in, answers out, its limits.
//!
//! ```text
//!                   +--in place--> outbox -------+
//! socket --> inbox --> desk                      +--> socket   (one write for all that is ready)
//!                   +--waits--> work --> outbox -+
//! ```
//!
//! A wake-up takes what has come, answers what is ready at once, polls what waits, and writes. It knows one time. After
//! [some calls or some time](turn) it lets the lane's other sessions go first.

mod calls;
mod desk;
mod eager;
mod slots;
mod socket;
mod turn;
mod work;

use std::io;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use futures_util::stream::StreamExt as _;
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;

use self::desk::Desk;
use self::eager::Eager;
use self::socket::Came;
use self::work::{Done, Work};
use super::Shared;
use super::linger;
use super::pressure::Pressure;
use wire::binary::{self, Kind};
use wire::exception::{Exception, ExceptionType};
use wire::frame::FrameError;
use wire::inbox::Inbox;
use wire::link::{Event, Link, LinkError};

/// How often a session looks whether calls that were given up have stopped, where those are all that it may have.
const STRAYS_PAUSE: Duration = Duration::from_millis(10);

/// Why a session ends whose peer is still to read its last answers.
const DONE: &str = "done";

struct Session {
    stream: TcpStream,
    link: Link,
    desk: Desk,
    work: Work,
    eager: Eager,
    state: State,
    /// Since when a frame is awaited whole.
    amid_frame_since: Option<Instant>,
    /// When the peer last took answers, or had none to take.
    taken: Instant,
    /// When a frame last came whole, or an answer was ready.
    active: Instant,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Open,
    /// The peer sends no more; what it sent is still answered.
    HalfClosed,
    /// No more frames are taken on; what is in flight is answered.
    Closing,
}

/// Serves a binary session of which `input` has come, to its end. The answer: how many calls came, and why it ended.
pub(super) async fn serve(
    stream: TcpStream,
    pressure: Pressure,
    shared: Arc<Shared>,
    overloaded: bool,
    input: Vec<u8>,
) -> (u64, io::Result<&'static str>) {
    let mut session = Session::new(stream, pressure, shared, overloaded, input);
    let ended = std::future::poll_fn(|cx| session.turn(cx)).await;
    let ended = match ended {
        Ok(DONE) => session.linger().await,
        ended => ended,
    };
    (session.desk.calls.served, ended)
}

impl Session {
    fn new(
        stream: TcpStream,
        pressure: Pressure,
        shared: Arc<Shared>,
        overloaded: bool,
        input: Vec<u8>,
    ) -> Self {
        let now = Instant::now();
        let inbox = Inbox::with_bytes(pressure.frame_limit(false), input);
        Self {
            stream,
            link: Link::with_inbox(inbox),
            work: Work::new(shared.drain.clone(), shared.registry.swaps()),
            desk: Desk::new(pressure, shared, overloaded),
            eager: Eager::new(now),
            state: State::Open,
            amid_frame_since: Some(now),
            taken: now,
            active: now,
        }
    }

    /// One wake-up.
    fn turn(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<&'static str>> {
        let now = Instant::now();
        if self.link.outbox.is_empty() {
            self.taken = now;
        }
        self.link.tick(now);
        self.desk.begin_turn(now);
        self.desk.calls.pressure.end_pause(now);
        self.eager.begin(now);
        socket::lend_room(&mut self.link.inbox, &mut self.link.outbox);
        let turned = self.turn_with_room(cx, now);
        self.desk.end_turn();
        socket::take_room(&mut self.link.inbox, &mut self.link.outbox);
        turned
    }

    fn turn_with_room(&mut self, cx: &mut Context<'_>, now: Instant) -> Poll<io::Result<&'static str>> {
        loop {
            let held_back = self.take_frames(cx);
            self.take_done(cx, now);
            self.desk.calls.turn.wrote();
            if socket::write(&mut self.stream, &mut self.link.outbox, cx)? > 0 {
                self.taken = now;
            }
            if let Err(limit) = self.desk.calls.pressure.set_untaken(self.link.outbox.len()) {
                return Poll::Ready(Ok(limit));
            }
            if held_back && self.desk.calls.turn.is_over() {
                cx.waker().wake_by_ref();
                return Poll::Pending;
            }
            if held_back && !self.holds_back() {
                continue;
            }
            if !held_back && self.is_finished() {
                let reason = if self.state == State::HalfClosed { "end of the connection" } else { DONE };
                return Poll::Ready(Ok(reason));
            }
            if held_back {
                // A frame that waits in the socket is not late.
                self.amid_frame_since = self.amid_frame_since.map(|_| now);
            }
            match self.read(cx, now)? {
                Came::Some => {}
                Came::End => self.state = State::HalfClosed,
                Came::Nothing => match self.due() {
                    (due, limit) if now >= due => return Poll::Ready(Ok(limit)),
                    // A timer begins with its first poll, in another round.
                    (due, _) if self.work.set_timer(self.next_look(due, now), now) => {}
                    _ => return Poll::Pending,
                },
            }
        }
    }

    fn read(&mut self, cx: &mut Context<'_>, now: Instant) -> io::Result<Came> {
        if self.state != State::Open || self.holds_back() {
            return Ok(Came::Nothing);
        }
        let mut came = socket::read(&mut self.stream, &mut self.link.inbox, cx)?;
        if came == Came::Nothing
            && self.work.is_idle()
            && self.link.outbox.is_empty()
            && self.desk.calls.turn.take_has_answered()
        {
            came = self.eager.look(&self.stream, &mut self.link.inbox)?;
        }
        if came == Came::Some {
            self.amid_frame_since.get_or_insert(now);
        }
        Ok(came)
    }

    /// Takes on every whole frame that has come. The answer: whether limits held some back.
    fn take_frames(&mut self, cx: &mut Context<'_>) -> bool {
        while self.state != State::Closing {
            if self.holds_back() || self.desk.calls.turn.wants_write() {
                return self.link.inbox.is_amid_frame();
            }
            let desk = &mut self.desk;
            let taken = match self.link.next(|head| desk.find_block(head)) {
                Ok(Some((Event::Settled, _))) => Ok(()),
                Ok(Some((Event::Hello(hello), outbox))) => self.desk.greet(&hello, outbox),
                Ok(Some((Event::Frame(frame, values), outbox))) => {
                    self.desk.take(frame, values, outbox, &mut self.work, cx)
                }
                Ok(None) => {
                    if !self.link.inbox.is_amid_frame() && self.desk.is_greeted() {
                        self.amid_frame_since = None;
                    }
                    let pending = self.link.inbox.pending();
                    if let Err(exception) = self.desk.calls.pressure.set_unfinished(pending) {
                        self.end_by(&exception);
                    }
                    return false;
                }
                Err(error) => Err(error),
            };
            if let Err(LinkError::Frame(FrameError::TooLong { .. })) = &taken
                && self.raise_limit()
            {
                continue;
            }
            self.desk.calls.pressure.end_message();
            self.active = self.desk.calls.turn.now;
            self.amid_frame_since = self.link.inbox.is_amid_frame().then_some(self.active);
            if let Err(error) = taken {
                self.end_by(&Exception::refused(ExceptionType::MalformedMessage, error.to_string()));
            } else if self.desk.has_turned_away() {
                self.drain();
            }
        }
        false
    }

    /// Puts every answer that is ready.
    fn take_done(&mut self, cx: &mut Context<'_>, now: Instant) {
        while let Poll::Ready(Some(done)) = self.work.poll_next_unpin(cx) {
            match done {
                Done::Call(answer) => {
                    self.desk.calls.finish(answer, &mut self.link.outbox, &mut self.work);
                    self.active = now;
                }
                Done::Drain if self.state == State::Open => self.drain(),
                Done::Timer(due) => self.work.end_timer(due),
                Done::Swap(swaps) => {
                    self.desk.forget();
                    self.work.await_swap(swaps);
                }
                Done::Drain => {}
            }
        }
    }

    /// When to wake up at the latest: nobody says when a call has stopped that was given up.
    fn next_look(&self, due: Instant, now: Instant) -> Instant {
        let calls = &self.desk.calls;
        let due = calls.pressure.paused_until().map_or(due, |until| due.min(until));
        let waits = !calls.takes_more() && calls.has_strays(self.work.len());
        if waits { due.min(now + STRAYS_PAUSE) } else { due }
    }

    /// When this session is closed unless something happens, and by which limit.
    fn due(&self) -> (Instant, &'static str) {
        let limits = &self.desk.calls.shared.limits;
        let mut first = (self.active + work::LONGEST_CALL, "idle timeout");
        let mut apply = |since: Instant, limit, words| first = first.min((since + limit, words));
        if !self.link.outbox.is_empty() {
            apply(self.taken, limits.write_timeout, "write timeout: no answers taken");
        } else if self.work.is_idle() {
            apply(self.active, self.desk.idle_timeout, "idle timeout");
        }
        if let Some(since) = self.amid_frame_since
            && self.state == State::Open
        {
            apply(since, limits.header_timeout, "header timeout: no whole message");
        }
        first
    }

    /// Whether the next frame has to wait: any where answers are not taken, a call where the limits leave no room.
    fn holds_back(&self) -> bool {
        let is_call = || self.link.inbox.next_byte() == Some(Kind::Request as u8);
        let calls = &self.desk.calls;
        self.is_clogged() || calls.pressure.paused_until().is_some() || (!calls.takes_more() && is_call())
    }

    /// Whether the peer has left so many answers untaken that no more calls start for it.
    fn is_clogged(&self) -> bool {
        self.link.outbox.len() >= self.desk.calls.shared.limits.queued_bytes
    }

    fn is_finished(&self) -> bool {
        self.state != State::Open && self.work.is_idle() && self.link.outbox.is_empty()
    }

    /// Says the last call that is answered, and takes on no more.
    fn drain(&mut self) {
        binary::put_drain(self.desk.calls.last, &mut self.link.outbox);
        self.state = State::Closing;
    }

    /// A stranger may have become a client since the limit was set.
    fn raise_limit(&mut self) -> bool {
        let limit = self.desk.calls.pressure.frame_limit(false);
        let is_higher = limit > self.link.inbox.limit();
        self.link.inbox.set_limit(limit);
        is_higher
    }

    fn end_by(&mut self, exception: &Exception) {
        let remote = &self.desk.calls.pressure.remote;
        if remote.logs() {
            tracing::warn!(event = "refused", peer = %remote, exception = exception.for_log());
        }
        self.desk.calls.pressure.count_refusal(Instant::now());
        binary::put_exception(0, exception, &mut self.link.outbox);
        self.state = State::Closing;
    }

    /// Says that nothing more will come, and lets the peer finish reading.
    async fn linger(&mut self) -> io::Result<&'static str> {
        if let Some(until) = self.desk.calls.pressure.paused_until() {
            tokio::time::sleep_until(until.into()).await;
        }
        self.stream.shutdown().await?;
        linger::drain(&mut self.stream).await.map(|()| DONE)
    }
}
