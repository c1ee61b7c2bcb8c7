//! [`MultiplexedSession`]: a binary session that tasks share. One more task, the driver, does the
//! system calls.
//!
//! ```text
//! call --begin--> outbox ~~~wakes~~~> driver --> socket
//! call <~~~wakes~~~ answer <-- inbox <-- driver <-- socket
//! ```
//!
//! Calls that begin during one turn of the scheduler are sent in one write, since the driver has
//! its turn after them.

use std::io::{self, IoSlice};
use std::pin::{Pin, pin};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use bytes::BufMut as _;
use tokio::io::{AsyncReadExt as _, AsyncWrite as _};
use tokio::time::Sleep;

use crate::async_stream::ClientStream;
use crate::connect::{DEADLINE_GRACE, loss};
use wire::GREETING_TIMEOUT;
use wire::block::{MAX_KEPT_BYTES, Target};
use wire::calls::client_session::{CallTime, ClientSession};
use wire::calls::failure::{CallFailure, Disconnect, SessionLoss};
use wire::inbox::Inbox;
use wire::outbox::{MAX_SLICES, Outbox};
use wire::procedure::Procedure;
use wire::value::Value;

/// Time after which a session is given up if the server takes no bytes.
const WRITE_TIMEOUT: Duration = Duration::from_secs(30);

/// Maximum number of reads in one turn of the driver. Then deadlines are checked and other tasks
/// run.
const READS_PER_TURN: usize = 32;

/// A connection to a server. Its driver ends when this is dropped and no call waits.
#[derive(Debug)]
pub(crate) struct MultiplexedSession {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    state: Mutex<SessionState>,
    /// Number of waiting calls. It may be a little too high.
    call_count: AtomicUsize,
    /// Whether the session has ended or takes no more calls.
    has_ended: AtomicBool,
}

#[derive(Debug)]
struct SessionState {
    session: ClientSession<Waker>,
    /// The waker of the driver while it waits.
    driver: Option<Waker>,
    /// When a call last began or bytes last arrived.
    last_activity: Instant,
    /// The earliest deadline of the waiting calls, or an earlier time.
    next_deadline: Option<Instant>,
    /// Whether a frame has begun to arrive. If no call waits, nobody has asked for it.
    has_partial_frame: bool,
    /// Whether the session was dropped, so that no further calls begin.
    is_abandoned: bool,
}

impl MultiplexedSession {
    /// Begins a session on this connection. Its driver is a task of the current runtime.
    pub(crate) fn start(stream: ClientStream, client: &str) -> Self {
        let state = SessionState {
            session: ClientSession::new(client),
            driver: None,
            last_activity: Instant::now(),
            next_deadline: None,
            has_partial_frame: false,
            is_abandoned: false,
        };
        let shared = Arc::new(Shared {
            state: Mutex::new(state),
            call_count: AtomicUsize::new(0),
            has_ended: AtomicBool::new(false),
        });
        let mut driver = Driver::new(stream, Arc::clone(&shared));
        tokio::spawn(async move {
            let loss = std::future::poll_fn(|cx| driver.poll_turn(cx)).await;
            driver.end(loss);
        });
        Self { shared }
    }

    /// Returns the number of waiting calls. `None` if no further call may begin.
    pub(crate) fn load(&self) -> Option<usize> {
        let calls = self.shared.call_count.load(Ordering::Relaxed);
        let is_usable =
            !self.shared.has_ended.load(Ordering::Relaxed) && (calls > 0 || self.is_still_open());
        is_usable.then_some(calls)
    }

    /// Returns whether the idle timeout leaves time for a call to arrive before the server closes
    /// the session, and the server has sent nothing that nobody asked for.
    fn is_still_open(&self) -> bool {
        let state = self.shared.lock();
        if state.has_partial_frame {
            return false;
        }
        let idle_timeout = Duration::from_millis(
            state
                .session
                .server()
                .map_or(0, |server| server.idle_timeout_ms)
                .into(),
        );
        let idle = state.last_activity.elapsed();
        idle_timeout.is_zero() || idle < idle_timeout / 4 * 3
    }

    /// Sends a call and waits for its answer. `put` appends the arguments. If the future is
    /// dropped, the call is abandoned and the server is told.
    pub(crate) fn call<R: Value>(
        &self,
        procedure: &'static Procedure,
        time: CallTime,
        put: impl FnOnce(&mut Outbox),
    ) -> impl Future<Output = Result<R, CallFailure>> {
        self.shared.call_count.fetch_add(1, Ordering::Relaxed);
        let mut call = PendingCall {
            shared: &self.shared,
            number: None,
            deadline: None,
        };
        let mut put = Some(put);
        std::future::poll_fn(move |cx| match put.take() {
            Some(put) => match call.begin(procedure, time, cx.waker().clone(), put) {
                Ok(()) => Poll::Pending,
                Err(failure) => Poll::Ready(Err(failure)),
            },
            None => call.poll(cx),
        })
    }
}

impl Drop for MultiplexedSession {
    fn drop(&mut self) {
        let mut state = self.shared.lock();
        state.is_abandoned = true;
        wake_driver(state);
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, SessionState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A waiting call. It is abandoned when this is dropped.
struct PendingCall<'a> {
    shared: &'a Shared,
    /// `None` before the call begins, and once it is done.
    number: Option<u64>,
    /// When the caller stops waiting. `None` before the call begins.
    deadline: Option<Instant>,
}

impl PendingCall<'_> {
    fn begin(
        &mut self,
        procedure: &'static Procedure,
        time: CallTime,
        waker: Waker,
        put: impl FnOnce(&mut Outbox),
    ) -> Result<(), CallFailure> {
        let mut state = self.shared.lock();
        self.number = Some(state.session.begin(procedure, time, Some(waker), put)?);
        self.deadline = Some(time.deadline);
        state.last_activity = time.now;
        state.next_deadline = Some(
            state
                .next_deadline
                .map_or(time.deadline, |next| next.min(time.deadline)),
        );
        wake_driver(state);
        Ok(())
    }

    fn poll<R: Value>(&mut self, cx: &mut Context<'_>) -> Poll<Result<R, CallFailure>> {
        let Some(number) = self.number else {
            return Poll::Pending;
        };
        let mut state = self.shared.lock();
        if let Some(done) = state.session.take(number) {
            self.number = None;
            return Poll::Ready(done);
        }
        // A wake-up without an answer may be for the deadline.
        if self
            .deadline
            .is_some_and(|deadline| Instant::now() >= deadline + DEADLINE_GRACE)
        {
            return Poll::Ready(Err(CallFailure::TimedOut));
        }
        state.session.set_waiter(number, cx.waker().clone());
        Poll::Pending
    }
}

/// Unlocks the state, and wakes the driver if it waits.
fn wake_driver(mut state: MutexGuard<'_, SessionState>) {
    let driver = state.driver.take();
    drop(state);
    driver.into_iter().for_each(Waker::wake);
}

impl Drop for PendingCall<'_> {
    fn drop(&mut self) {
        self.shared.call_count.fetch_sub(1, Ordering::Relaxed);
        let Some(number) = self.number else { return };
        let mut state = self.shared.lock();
        state.session.give_up(number);
        wake_driver(state);
    }
}

/// Does the system calls of a session.
struct Driver {
    stream: ClientStream,
    shared: Arc<Shared>,
    /// The bytes that are being written.
    batch: Outbox,
    /// The inbox of the session. The session has it only while it takes frames from it.
    inbox: Inbox,
    timer: Pin<Box<Sleep>>,
    /// Since when the server has taken no bytes.
    stalled_since: Option<Instant>,
    /// Until when the server must send its HELLO. `None` after the HELLO.
    greeting_deadline: Option<Instant>,
    /// The callers to wake when the state is unlocked.
    wake: Vec<Waker>,
}

impl Driver {
    fn new(stream: ClientStream, shared: Arc<Shared>) -> Self {
        let inbox = std::mem::replace(&mut shared.lock().session.link.inbox, Inbox::new(0));
        let timer = Box::pin(tokio::time::sleep(WRITE_TIMEOUT));
        Self {
            stream,
            shared,
            batch: Outbox::default(),
            inbox,
            timer,
            stalled_since: None,
            greeting_deadline: Some(Instant::now() + GREETING_TIMEOUT),
            wake: Vec::new(),
        }
    }

    /// Fails every waiting call.
    fn end(&mut self, loss: SessionLoss) {
        self.shared.has_ended.store(true, Ordering::Relaxed);
        let mut wake = Vec::new();
        self.shared
            .lock()
            .session
            .lose(loss, |waker| wake.push(waker));
        wake.into_iter().for_each(Waker::wake);
    }

    /// Writes, reads and checks deadlines. Returns why the session ended, or `Pending`.
    fn poll_turn(&mut self, cx: &mut Context<'_>) -> Poll<SessionLoss> {
        for _ in 0..READS_PER_TURN {
            match self.write(cx).and_then(|()| self.read(cx)) {
                Ok(true) => {}
                Ok(false) => return self.wait(cx),
                Err(error) => return Poll::Ready(loss(error)),
            }
        }
        cx.waker().wake_by_ref();
        self.wait(cx)
    }

    /// Writes the output, as far as the kernel takes it.
    fn write(&mut self, cx: &mut Context<'_>) -> io::Result<()> {
        loop {
            if self.batch.is_empty() {
                let mut state = self.shared.lock();
                if state.session.link.outbox.is_empty() {
                    return Ok(());
                }
                std::mem::swap(&mut self.batch, &mut state.session.link.outbox);
            }
            let polled = if self.batch.has_blocks() {
                let mut slices = [IoSlice::new(&[]); MAX_SLICES];
                let count = self.batch.slices(&mut slices);
                Pin::new(&mut self.stream).poll_write_vectored(cx, &slices[..count])
            } else {
                Pin::new(&mut self.stream).poll_write(cx, self.batch.front())
            };
            match polled {
                Poll::Ready(Ok(0)) => return Err(io::ErrorKind::WriteZero.into()),
                Poll::Ready(Ok(count)) => self.wrote(count),
                Poll::Ready(Err(error)) => return self.read_last_messages(cx, error),
                Poll::Pending => {
                    self.stalled_since.get_or_insert_with(Instant::now);
                    return Ok(());
                }
            }
        }
    }

    fn wrote(&mut self, count: usize) {
        self.batch.advance(count);
        self.stalled_since = None;
        self.shared.lock().session.wrote(count);
        if self.batch.is_empty() {
            self.inbox.lend_spare(self.batch.take_spare());
            self.batch.trim(MAX_KEPT_BYTES);
        }
    }

    /// Reads what the server sent before it closed the connection, such as the reason. Returns
    /// `error`.
    fn read_last_messages(&mut self, cx: &mut Context<'_>, error: io::Error) -> io::Result<()> {
        while self.read(cx).is_ok_and(|has_read| has_read) {}
        Err(error)
    }

    /// Reads once, and wakes the callers whose answers arrived. Returns whether bytes arrived.
    fn read(&mut self, cx: &mut Context<'_>) -> io::Result<bool> {
        let polled = match self.inbox.target() {
            Target::Append { bytes, most } => {
                pin!(self.stream.read_buf(&mut bytes.limit(most))).poll(cx)
            }
            Target::Fill(room) => pin!(self.stream.read(room)).poll(cx),
        };
        let count = match polled {
            Poll::Ready(Ok(0)) => return Err(io::ErrorKind::UnexpectedEof.into()),
            Poll::Ready(Ok(count)) => count,
            Poll::Ready(Err(error)) => return Err(error),
            Poll::Pending => return Ok(false),
        };
        self.inbox.received(count);
        let now = Instant::now();
        let mut state = self.shared.lock();
        std::mem::swap(&mut state.session.link.inbox, &mut self.inbox);
        state.session.receive(now, |waker| self.wake.push(waker));
        std::mem::swap(&mut state.session.link.inbox, &mut self.inbox);
        state.has_partial_frame = self.inbox.has_partial_frame();
        state.last_activity = now;
        if !state.session.takes_more() {
            self.shared.has_ended.store(true, Ordering::Relaxed);
        }
        drop(state);
        self.wake.drain(..).for_each(Waker::wake);
        Ok(true)
    }

    /// Waits for calls, answers, or the next deadline.
    fn wait(&mut self, cx: &mut Context<'_>) -> Poll<SessionLoss> {
        let mut state = self.shared.lock();
        if state.session.is_lost() {
            return Poll::Ready(SessionLoss::Connection(Disconnect::new(
                "the session ended",
            )));
        }
        if state.is_abandoned && state.session.waiting() == 0 {
            return Poll::Ready(SessionLoss::Connection(Disconnect::new(
                "the session is no longer used",
            )));
        }
        let mut wake_at = state.next_deadline.map(|wake_at| wake_at + DEADLINE_GRACE);
        if let Some(stalled) = self.stalled_since {
            wake_at = Some(wake_at.map_or(stalled + WRITE_TIMEOUT, |wake_at| {
                wake_at.min(stalled + WRITE_TIMEOUT)
            }));
        }
        self.greeting_deadline = self
            .greeting_deadline
            .filter(|_| state.session.server().is_none());
        if let Some(greeting_deadline) = self.greeting_deadline {
            wake_at =
                Some(wake_at.map_or(greeting_deadline, |wake_at| wake_at.min(greeting_deadline)));
        }
        if let Some(wake_at) = wake_at {
            if self.timer.deadline().into_std() != wake_at {
                self.timer.as_mut().reset(wake_at.into());
            }
            if self.timer.as_mut().poll(cx).is_ready() {
                let now = Instant::now();
                if self
                    .stalled_since
                    .is_some_and(|since| now >= since + WRITE_TIMEOUT)
                {
                    return Poll::Ready(SessionLoss::Stalled);
                }
                if self
                    .greeting_deadline
                    .is_some_and(|greeting_deadline| now >= greeting_deadline)
                {
                    return Poll::Ready(SessionLoss::NoGreeting);
                }
                let late = now.checked_sub(DEADLINE_GRACE).unwrap_or(now);
                state.next_deadline = state.session.expire(late, |waker| self.wake.push(waker));
                cx.waker().wake_by_ref();
            }
        }
        // A call that began after the last write found no waker of the driver.
        if self.batch.is_empty() && !state.session.link.outbox.is_empty() {
            cx.waker().wake_by_ref();
        }
        state.driver = Some(cx.waker().clone());
        drop(state);
        self.wake.drain(..).for_each(Waker::wake);
        Poll::Pending
    }
}

/// Ends the session if the runtime ends first.
impl Drop for Driver {
    fn drop(&mut self) {
        self.end(SessionLoss::Connection(Disconnect::new(
            "the tokio runtime of the session ended",
        )));
    }
}

#[cfg(test)]
mod tests;
