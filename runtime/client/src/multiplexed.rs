//! [`MultiplexedSession`]: a binary session that tasks share. One task of its own does the system
//! calls.
//!
//! ```text
//! call --begin--> outbox ~~~wakes~~~> driver --> socket
//! call <~~~wakes~~~ answer <-- inbox <-- driver <-- socket
//! ```
//!
//! Calls that begin during one turn of the scheduler leave in one write, since the driver's turn
//! comes after theirs.

use std::io::{self, IoSlice};
use std::pin::{Pin, pin};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use bytes::BufMut as _;
use tokio::io::{AsyncReadExt as _, AsyncWrite as _};
use tokio::net::TcpStream;
use tokio::time::Sleep;

use crate::connect::describe;
use wire::GREETING_TIMEOUT;
use wire::block::Target;
use wire::calls::client_session::{CallTime, ClientSession};
use wire::calls::failure::{CallFailure, Disconnect, SessionLoss};
use wire::inbox::Inbox;
use wire::outbox::{MAX_SLICES, Outbox};
use wire::procedure::Procedure;
use wire::value::Value;

/// How much longer than the deadline a caller waits, so that the server's own word about it
/// arrives.
const DEADLINE_GRACE: Duration = Duration::from_millis(250);

/// A server that takes nothing for so long is given up.
const WRITE_TIMEOUT: Duration = Duration::from_secs(30);

/// Room for more output than this is given back.
const MAX_KEPT: usize = 4 << 20;

/// However much comes, deadlines are looked at and other tasks have their turn after so many reads.
const READS_PER_TURN: usize = 32;

/// A connection to a server; its driver ends when the last of these is dropped and no call waits.
#[derive(Debug)]
pub(crate) struct MultiplexedSession {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    state: Mutex<State>,
    /// How many calls wait, or a little more.
    calls: AtomicUsize,
    /// The session has ended, or takes no more.
    ended: AtomicBool,
}

#[derive(Debug)]
struct State {
    session: ClientSession<Waker>,
    /// The driver, while it waits.
    driver: Option<Waker>,
    /// When something was last sent or came.
    active: Instant,
    /// The earliest deadline of the calls that wait, or an earlier time.
    due: Option<Instant>,
    /// Nobody will call any more.
    abandoned: bool,
}

impl MultiplexedSession {
    /// Begins a session on this connection; its driver is a task of the runtime around.
    pub(crate) fn start(stream: TcpStream, client: &str) -> Self {
        let state = State {
            session: ClientSession::new(client),
            driver: None,
            active: Instant::now(),
            due: None,
            abandoned: false,
        };
        let (calls, ended) = (AtomicUsize::new(0), AtomicBool::new(false));
        let shared = Arc::new(Shared {
            state: Mutex::new(state),
            calls,
            ended,
        });
        let mut driver = Driver::new(stream, Arc::clone(&shared));
        tokio::spawn(async move {
            let loss = std::future::poll_fn(|cx| driver.turn(cx)).await;
            driver.end(loss);
        });
        Self { shared }
    }

    /// How many calls wait; `None` where no other may follow.
    pub(crate) fn load(&self) -> Option<usize> {
        let calls = self.shared.calls.load(Ordering::Relaxed);
        let is_usable =
            !self.shared.ended.load(Ordering::Relaxed) && (calls > 0 || self.is_fresh());
        is_usable.then_some(calls)
    }

    /// Whether the server will not close it before a call arrives.
    fn is_fresh(&self) -> bool {
        let state = self.shared.lock();
        let kept = Duration::from_millis(
            state
                .session
                .server()
                .map_or(0, |server| server.idle_timeout_ms)
                .into(),
        );
        let idle = state.active.elapsed();
        kept.is_zero() || idle < kept / 4 * 3
    }

    /// Sends a call and waits for its answer. `put` appends the arguments. If the future is
    /// dropped, the call is given up and the server is told.
    pub(crate) fn call<R: Value>(
        &self,
        procedure: &'static Procedure,
        time: CallTime,
        put: impl FnOnce(&mut Outbox),
    ) -> impl Future<Output = Result<R, CallFailure>> {
        self.shared.calls.fetch_add(1, Ordering::Relaxed);
        let mut call = Call {
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
        state.abandoned = true;
        wake_unlocked(state);
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A call that waits. It is given up when this is dropped.
struct Call<'a> {
    shared: &'a Shared,
    /// `None` before the call begins, and once it is done.
    number: Option<u64>,
    /// When the caller stops waiting. `None` before the call begins.
    deadline: Option<Instant>,
}

impl Call<'_> {
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
        state.active = time.now;
        state.due = Some(
            state
                .due
                .map_or(time.deadline, |due| due.min(time.deadline)),
        );
        wake_unlocked(state);
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
        // What wakes it without an answer is its deadline, or somebody else.
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

/// Wakes the driver, if it waits.
fn wake_unlocked(mut state: MutexGuard<'_, State>) {
    let driver = state.driver.take();
    drop(state);
    driver.into_iter().for_each(Waker::wake);
}

impl Drop for Call<'_> {
    fn drop(&mut self) {
        self.shared.calls.fetch_sub(1, Ordering::Relaxed);
        let Some(number) = self.number else { return };
        let mut state = self.shared.lock();
        state.session.give_up(number);
        wake_unlocked(state);
    }
}

/// What does a session's system calls.
struct Driver {
    stream: TcpStream,
    shared: Arc<Shared>,
    /// What is being written.
    batch: Outbox,
    /// With the driver, but for the moments in which frames are taken from it.
    inbox: Inbox,
    timer: Pin<Box<Sleep>>,
    /// Since when the server has taken nothing of what is being written.
    stuck_since: Option<Instant>,
    /// When the server must have greeted; `None` once it has.
    greet_by: Option<Instant>,
    wake: Vec<Waker>,
}

impl Driver {
    fn new(stream: TcpStream, shared: Arc<Shared>) -> Self {
        let inbox = std::mem::replace(&mut shared.lock().session.link.inbox, Inbox::new(0));
        let timer = Box::pin(tokio::time::sleep(WRITE_TIMEOUT));
        Self {
            stream,
            shared,
            batch: Outbox::default(),
            inbox,
            timer,
            stuck_since: None,
            greet_by: Some(Instant::now() + GREETING_TIMEOUT),
            wake: Vec::new(),
        }
    }

    /// No call gets an answer any more.
    fn end(&mut self, loss: SessionLoss) {
        self.shared.ended.store(true, Ordering::Relaxed);
        let mut wake = Vec::new();
        self.shared
            .lock()
            .session
            .lose(loss, |waker| wake.push(waker));
        wake.into_iter().for_each(Waker::wake);
    }

    /// One wake-up; the answer is why the session ended.
    fn turn(&mut self, cx: &mut Context<'_>) -> Poll<SessionLoss> {
        for _ in 0..READS_PER_TURN {
            match self.write(cx).and_then(|()| self.read(cx)) {
                Ok(true) => {}
                Ok(false) => return self.rest(cx),
                Err(error) => return Poll::Ready(SessionLoss::Connection(disconnect(error))),
            }
        }
        cx.waker().wake_by_ref();
        self.rest(cx)
    }

    /// Writes what the calls have put there, as far as the kernel takes it.
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
                Poll::Ready(Err(error)) => return self.read_last_words(cx, error),
                Poll::Pending => {
                    self.stuck_since.get_or_insert_with(Instant::now);
                    return Ok(());
                }
            }
        }
    }

    fn wrote(&mut self, count: usize) {
        self.batch.advance(count);
        self.stuck_since = None;
        self.shared.lock().session.wrote(count);
        if self.batch.is_empty() {
            self.inbox.lend_spare(self.batch.take_spare());
            self.batch.trim(MAX_KEPT);
        }
    }

    /// What can no longer be written to may have said why.
    fn read_last_words(&mut self, cx: &mut Context<'_>, error: io::Error) -> io::Result<()> {
        while self.read(cx).is_ok_and(|came| came) {}
        Err(error)
    }

    /// Reads what has come and wakes whose answers are in it. The answer: whether anything had
    /// come.
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
        self.inbox.came(count);
        let now = Instant::now();
        let mut state = self.shared.lock();
        std::mem::swap(&mut state.session.link.inbox, &mut self.inbox);
        state.session.receive(now, |waker| self.wake.push(waker));
        std::mem::swap(&mut state.session.link.inbox, &mut self.inbox);
        state.active = now;
        if !state.session.takes_more() {
            self.shared.ended.store(true, Ordering::Relaxed);
        }
        drop(state);
        self.wake.drain(..).for_each(Waker::wake);
        Ok(true)
    }

    /// Waits for calls, answers, or the next deadline.
    fn rest(&mut self, cx: &mut Context<'_>) -> Poll<SessionLoss> {
        let mut state = self.shared.lock();
        if state.session.is_lost() {
            return Poll::Ready(SessionLoss::Connection(Disconnect::new(
                "the session ended",
            )));
        }
        if state.abandoned && state.session.waiting() == 0 {
            return Poll::Ready(SessionLoss::Connection(Disconnect::new(
                "nobody calls any more",
            )));
        }
        let mut due = state.due.map(|due| due + DEADLINE_GRACE);
        if let Some(stuck) = self.stuck_since {
            due = Some(due.map_or(stuck + WRITE_TIMEOUT, |due| due.min(stuck + WRITE_TIMEOUT)));
        }
        self.greet_by = self.greet_by.filter(|_| state.session.server().is_none());
        if let Some(greet_by) = self.greet_by {
            due = Some(due.map_or(greet_by, |due| due.min(greet_by)));
        }
        if let Some(due) = due {
            if self.timer.deadline().into_std() != due {
                self.timer.as_mut().reset(due.into());
            }
            if self.timer.as_mut().poll(cx).is_ready() {
                let now = Instant::now();
                if self
                    .stuck_since
                    .is_some_and(|since| now >= since + WRITE_TIMEOUT)
                {
                    return Poll::Ready(SessionLoss::Stalled);
                }
                if self.greet_by.is_some_and(|greet_by| now >= greet_by) {
                    return Poll::Ready(SessionLoss::NoGreeting);
                }
                let late = now.checked_sub(DEADLINE_GRACE).unwrap_or(now);
                state.due = state.session.expire(late, |waker| self.wake.push(waker));
                cx.waker().wake_by_ref();
            }
        }
        // A call that began since there was nothing to write found nobody to wake.
        if self.batch.is_empty() && !state.session.link.outbox.is_empty() {
            cx.waker().wake_by_ref();
        }
        state.driver = Some(cx.waker().clone());
        drop(state);
        self.wake.drain(..).for_each(Waker::wake);
        Poll::Pending
    }
}

/// The runtime may end before the session does.
impl Drop for Driver {
    fn drop(&mut self) {
        self.end(SessionLoss::Connection(Disconnect::new(
            "its runtime ended",
        )));
    }
}

fn disconnect(error: io::Error) -> Disconnect {
    let reason = describe(&error);
    Disconnect::by(error, reason)
}

#[cfg(test)]
mod tests;
