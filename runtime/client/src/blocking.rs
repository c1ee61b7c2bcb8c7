//! [`BlockingSession`]: a binary session that threads share, each doing its system calls itself.
//!
//! Of the threads that wait for answers one reads, for all; the others sleep. Who has its answer
//! and was reading hands that over to one that still waits. Of the threads that have something to
//! write one writes, for all.

use std::io::{self, IoSlice, Write as _};
use std::net::TcpStream;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread::Thread;
use std::time::{Duration, Instant};

use rustix::buffer::spare_capacity;

use crate::connect::{describe, is_quiet, time_left};
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

/// How long a caller whose request could not be written waits for the server's reason.
const LAST_WORDS: Duration = Duration::from_millis(250);

/// The kernel takes so much without anybody waiting.
const MOST_AT_ONCE: usize = 64 * 1024;

/// Room for more output than this is given back.
const MAX_KEPT: usize = 4 << 20;

/// A connection to a server.
#[derive(Debug)]
pub(crate) struct BlockingSession {
    stream: TcpStream,
    shared: Mutex<Shared>,
}

#[derive(Debug)]
struct Shared {
    session: ClientSession<Thread>,
    /// Some thread writes.
    writing: bool,
    /// Some thread reads; the core's inbox is with it.
    reading: bool,
    /// Whether the last write took more than one system call.
    wrote_long: bool,
    /// When the last call began.
    active: Instant,
    /// When the server must have greeted.
    greet_by: Instant,
    /// How long the kernel lets a read wait, and a write.
    timeouts: [Duration; 2],
}

type Locked<'a> = MutexGuard<'a, Shared>;

impl BlockingSession {
    pub(crate) fn new(stream: TcpStream, client: &str) -> Self {
        let shared = Shared {
            session: ClientSession::new(client),
            writing: false,
            reading: false,
            wrote_long: false,
            active: Instant::now(),
            greet_by: Instant::now() + GREETING_TIMEOUT,
            timeouts: [Duration::ZERO; 2],
        };
        Self {
            stream,
            shared: Mutex::new(shared),
        }
    }

    /// Sends a call and waits for its answer. `put` appends the arguments.
    pub(crate) fn call<R: Value>(
        &self,
        procedure: &'static Procedure,
        time: CallTime,
        put: impl FnOnce(&mut Outbox),
    ) -> Result<R, CallFailure> {
        let mut state = self.lock();
        let call = state.session.begin(procedure, time, None, put)?;
        state.active = time.now;
        let state = self.write(state, time.now, time.deadline);
        // A long write has taken its time.
        let now = if state.wrote_long {
            Instant::now()
        } else {
            time.now
        };
        self.wait(state, call, now, time.deadline + DEADLINE_GRACE)
    }

    /// Whether another call may follow, as far as can be told without asking the server.
    pub(crate) fn is_usable(&self, now: Instant) -> bool {
        /// A session that was used so lately has not ended, or its end has no other word for it
        /// than a failed call.
        const LATELY: Duration = Duration::from_millis(20);
        let state = self.lock();
        if !state.session.takes_more() {
            return false;
        }
        let idle = now.saturating_duration_since(state.active);
        if state.session.waiting() > 0 || idle < LATELY {
            return true;
        }
        let kept = state
            .session
            .server()
            .map_or(0, |server| server.idle_timeout_ms);
        let kept = Duration::from_millis(u64::from(kept));
        // Before the server closes it.
        (kept.is_zero() || idle < kept / 4 * 3) && is_quiet(&self.stream)
    }

    fn lock(&self) -> Locked<'_> {
        self.shared.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Writes what there is, unless another thread does, which then writes this too.
    fn write<'a>(&'a self, mut state: Locked<'a>, now: Instant, until: Instant) -> Locked<'a> {
        if state.writing {
            return state;
        }
        state.writing = true;
        while !state.session.link.outbox.is_empty() {
            let mut batch = std::mem::take(&mut state.session.link.outbox);
            let timeout = state.timeouts[1];
            let before = batch.len();
            state.session.writes(before);
            drop(state);
            let (timeout, result) = self.write_batch(&mut batch, timeout, now, until);
            state = self.lock();
            state.timeouts[1] = timeout;
            state.wrote_long = before > MOST_AT_ONCE;
            state.session.wrote(before - batch.len());
            if let Err(error) = result {
                if error.kind() == io::ErrorKind::WouldBlock && state.session.waiting() > 1 {
                    return Self::leave_writing(state, batch);
                }
                return self.give_up_writing(state, error);
            }
            state.session.link.inbox.lend_spare(batch.take_spare());
            batch.trim(MAX_KEPT);
            if state.session.link.outbox.is_empty() {
                state.session.link.outbox = batch;
            }
        }
        state.writing = false;
        state
    }

    fn write_batch(
        &self,
        batch: &mut Outbox,
        mut timeout: Duration,
        mut now: Instant,
        until: Instant,
    ) -> (Duration, io::Result<()>) {
        let result = (|| {
            while !batch.is_empty() {
                if bound(&mut timeout, now, until) {
                    self.stream.set_write_timeout(Some(timeout))?;
                }
                let written = if batch.has_blocks() {
                    let mut slices = [IoSlice::new(&[]); MAX_SLICES];
                    let count = batch.slices(&mut slices);
                    (&self.stream).write_vectored(&slices[..count])
                } else {
                    (&self.stream).write(batch.front())
                };
                match written {
                    Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                    Ok(count) => batch.advance(count),
                    Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                    Err(error) => return Err(error),
                }
                if !batch.is_empty() {
                    now = Instant::now();
                    if now >= until {
                        return Err(io::ErrorKind::WouldBlock.into());
                    }
                }
            }
            Ok(())
        })();
        (timeout, result)
    }

    /// This thread's time is over, and others have some left: one of them writes on.
    fn leave_writing(mut state: Locked<'_>, mut batch: Outbox) -> Locked<'_> {
        batch.append(std::mem::take(&mut state.session.link.outbox));
        state.session.link.outbox = batch;
        state.writing = false;
        let next = state.session.any_waiter();
        next.inspect(Thread::unpark);
        state
    }

    /// Nothing more can be written, by any thread.
    fn give_up_writing<'a>(&'a self, mut state: Locked<'a>, error: io::Error) -> Locked<'a> {
        if error.kind() == io::ErrorKind::WouldBlock {
            state
                .session
                .lose(SessionLoss::Stalled, |thread| thread.unpark());
            // Wakes the thread that reads.
            let _ = self.stream.shutdown(std::net::Shutdown::Both);
            return state;
        }
        // The server may have said why before it closed; a thread that reads finds out by itself.
        let until = Instant::now() + LAST_WORDS;
        let mut result = Ok(());
        while !state.reading && result.is_ok() {
            (state, result) = self.read(state, Instant::now(), until);
            if result
                .as_ref()
                .is_err_and(|error: &io::Error| error.kind() == io::ErrorKind::Interrupted)
            {
                result = Ok(());
            }
        }
        if result.is_err() {
            state
                .session
                .lose(SessionLoss::Connection(disconnect(error)), |thread| {
                    thread.unpark();
                });
        }
        state
    }

    /// Waits until the call is done, reading for all who wait unless another thread does.
    fn wait<'a, R: Value>(
        &'a self,
        mut state: Locked<'a>,
        call: u64,
        mut now: Instant,
        until: Instant,
    ) -> Result<R, CallFailure> {
        loop {
            if let Some(done) = state.session.take(call) {
                Self::hand_over(state);
                return done;
            }
            if now >= until {
                state.session.give_up(call);
                let state = self.write(state, now, now + LAST_WORDS);
                Self::hand_over(state);
                return Err(CallFailure::TimedOut);
            }
            let greeted = state.session.server().is_some();
            if !greeted && now >= state.greet_by {
                state
                    .session
                    .lose(SessionLoss::NoGreeting, |thread| thread.unpark());
                continue;
            }
            if state.reading {
                state.session.set_waiter(call, std::thread::current());
                drop(state);
                std::thread::park_timeout(time_left(until));
                now = Instant::now();
                state = self.lock();
                if !state.writing && !state.session.link.outbox.is_empty() {
                    state = self.write(state, now, until);
                }
                continue;
            }
            let read_until = if greeted {
                until
            } else {
                until.min(state.greet_by)
            };
            let result;
            (state, result) = self.read(state, now, read_until);
            match result {
                // A process that is stopped and goes on is interrupted.
                Err(error)
                    if matches!(
                        error.kind(),
                        io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted
                    ) =>
                {
                    now = Instant::now();
                }
                Err(error) => {
                    let loss = SessionLoss::Connection(disconnect(error));
                    state.session.lose(loss, |thread| thread.unpark());
                }
                // A PING wants its answer.
                Ok(()) if !state.session.link.outbox.is_empty() => {
                    now = Instant::now();
                    state = self.write(state, now, until);
                }
                // Other calls' answers came.
                Ok(()) if state.session.is_waiting(call) => now = Instant::now(),
                Ok(()) => {}
            }
        }
    }

    /// Another thread that waits reads from here on.
    fn hand_over(mut state: Locked<'_>) {
        if !state.reading && state.session.waiting() > 0 {
            let next = state.session.any_waiter();
            drop(state);
            next.inspect(Thread::unpark);
        }
    }

    /// Reads once, and deals with what came.
    fn read<'a>(
        &'a self,
        mut state: Locked<'a>,
        now: Instant,
        until: Instant,
    ) -> (Locked<'a>, io::Result<()>) {
        state.reading = true;
        let mut inbox = std::mem::replace(&mut state.session.link.inbox, Inbox::new(0));
        let mut timeout = state.timeouts[0];
        drop(state);
        let result = self.read_into(&mut inbox, &mut timeout, now, until);
        let mut state = self.lock();
        state.reading = false;
        state.timeouts[0] = timeout;
        std::mem::swap(&mut state.session.link.inbox, &mut inbox);
        state.session.link.inbox.lend_spare(inbox.release_spare());
        if result.is_ok() {
            state.session.receive(now, |thread| thread.unpark());
        }
        (state, result)
    }

    fn read_into(
        &self,
        inbox: &mut Inbox,
        timeout: &mut Duration,
        now: Instant,
        until: Instant,
    ) -> io::Result<()> {
        if bound(timeout, now, until) {
            self.stream.set_read_timeout(Some(*timeout))?;
        }
        let count = match inbox.target() {
            Target::Append { bytes, most } if most == bytes.capacity() - bytes.len() => {
                rustix::io::read(&self.stream, spare_capacity(bytes))
            }
            Target::Append { bytes, most } => {
                // There is room for more than may be read.
                let mut piece = [0; 16 * 1024];
                let most = most.min(piece.len());
                rustix::io::read(&self.stream, &mut piece[..most])
                    .inspect(|count| bytes.extend_from_slice(&piece[..*count]))
            }
            Target::Fill(room) => rustix::io::read(&self.stream, room),
        }?;
        if count == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        inbox.came(count);
        Ok(())
    }
}

/// Whether the kernel's timeout is to be set, and to what: only where it is off by much, since
/// setting it costs a system call.
fn bound(timeout: &mut Duration, now: Instant, until: Instant) -> bool {
    let left = until
        .saturating_duration_since(now)
        .max(Duration::from_millis(1));
    let is_off = *timeout < left || *timeout > left + left / 8;
    if is_off {
        *timeout = left + left / 16;
    }
    is_off
}

fn disconnect(error: io::Error) -> Disconnect {
    let reason = describe(&error);
    Disconnect::by(error, reason)
}
