//! [`BlockingSession`]: a binary session that threads share. Each thread does system calls itself.
//!
//! One of the threads that wait for answers reads for all of them; the others sleep. When the
//! reading thread has its answer, it hands the reading over to a thread that still waits. One of
//! the threads that have something to write writes for all of them.

#[cfg(feature = "tls")]
mod sealed;

use std::io::{self, IoSlice, Write as _};
use std::net::TcpStream;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread::Thread;
use std::time::{Duration, Instant};

use rustix::buffer::spare_capacity;
#[cfg(feature = "tls")]
use tls::TlsSession;

use crate::connect::{
    Connected, DEADLINE_GRACE, adjust_timeout, is_quiet, is_to_be_repeated, loss, time_left,
};
use wire::GREETING_TIMEOUT;
use wire::block::{MAX_KEPT_BYTES, Target};
use wire::calls::client_session::{CallTime, ClientSession};
use wire::calls::failure::{CallFailure, SessionLoss};
use wire::inbox::Inbox;
use wire::outbox::{MAX_SLICES, Outbox};
use wire::procedure::Procedure;
use wire::value::Value;

/// Maximum time to wait for the server's last message if a request cannot be written. Also the
/// maximum time to write a CANCEL.
const LAST_MESSAGE_TIMEOUT: Duration = Duration::from_millis(250);

/// Maximum number of bytes that the kernel usually takes without waiting for the peer.
const MAX_SHORT_WRITE: usize = 64 * 1024;

/// Number of bytes that are read at once to where there is more room than may be filled.
const PIECE_BYTES: usize = 16 * 1024;

/// A connection to a server.
#[derive(Debug)]
pub(crate) struct BlockingSession {
    stream: TcpStream,
    state: Mutex<SessionState>,
}

#[derive(Debug)]
struct SessionState {
    session: ClientSession<Thread>,
    /// The TLS session over the socket, if there is one. It changes under the lock of this state;
    /// system calls are made outside of it.
    #[cfg(feature = "tls")]
    tls: Option<TlsSession>,
    /// Whether a thread writes.
    is_writing: bool,
    /// Whether a thread reads. That thread then has the inbox of the session.
    is_reading: bool,
    /// Whether the last write had more than [`MAX_SHORT_WRITE`] bytes.
    last_write_was_long: bool,
    /// When the last call began.
    last_call_at: Instant,
    /// Until when the server must send its HELLO.
    greeting_deadline: Instant,
    /// The timeout of reads that is set in the kernel.
    read_timeout: Duration,
    /// The timeout of writes that is set in the kernel.
    write_timeout: Duration,
}

type Locked<'a> = MutexGuard<'a, SessionState>;

impl BlockingSession {
    pub(crate) fn new(connected: Connected, client: &str) -> Self {
        let state = SessionState {
            session: ClientSession::new(client),
            #[cfg(feature = "tls")]
            tls: connected.tls,
            is_writing: false,
            is_reading: false,
            last_write_was_long: false,
            last_call_at: Instant::now(),
            greeting_deadline: Instant::now() + GREETING_TIMEOUT,
            read_timeout: Duration::ZERO,
            write_timeout: Duration::ZERO,
        };
        Self {
            stream: connected.socket,
            state: Mutex::new(state),
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
        state.last_call_at = time.now;
        let state = self.write(state, time.now, time.deadline);
        // A long write may have taken long.
        let now = if state.last_write_was_long {
            Instant::now()
        } else {
            time.now
        };
        self.wait(state, call, now, time.deadline + DEADLINE_GRACE)
    }

    /// Returns whether another call may follow, as far as this is known without asking the server.
    pub(crate) fn is_usable(&self, now: Instant) -> bool {
        /// A session that was used within this time counts as open without a check.
        const RECENT: Duration = Duration::from_millis(20);
        let state = self.lock();
        if !state.session.takes_more() {
            return false;
        }
        if state.session.waiting() > 0 {
            return true;
        }
        // An answer that nobody waits for has begun to arrive.
        if state.session.link.inbox.has_partial_frame() {
            return false;
        }
        let idle = now.saturating_duration_since(state.last_call_at);
        if idle < RECENT {
            return true;
        }
        let idle_timeout_ms = state
            .session
            .server()
            .map_or(0, |server| server.idle_timeout_ms);
        let idle_timeout = Duration::from_millis(u64::from(idle_timeout_ms));
        // Well before the server closes the session.
        (idle_timeout.is_zero() || idle < idle_timeout / 4 * 3) && is_quiet(&self.stream)
    }

    fn lock(&self) -> Locked<'_> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Writes the output. If another thread writes already, that thread writes this output too.
    fn write<'a>(&'a self, mut state: Locked<'a>, now: Instant, until: Instant) -> Locked<'a> {
        if state.is_writing {
            return state;
        }
        state.is_writing = true;
        #[cfg(feature = "tls")]
        if state.tls.is_some() {
            return self.write_sealed(state, now, until);
        }
        while !state.session.link.outbox.is_empty() {
            let mut batch = std::mem::take(&mut state.session.link.outbox);
            let timeout = state.write_timeout;
            let before = batch.len();
            state.session.writes(before);
            drop(state);
            let (timeout, result) = self.write_batch(&mut batch, timeout, now, until);
            state = self.lock();
            state.write_timeout = timeout;
            state.last_write_was_long = before > MAX_SHORT_WRITE;
            state.session.wrote(before - batch.len());
            if let Err(error) = result {
                if error.kind() == io::ErrorKind::WouldBlock && state.session.waiting() > 1 {
                    return Self::leave_writing_to_others(state, batch);
                }
                return self.fail_writing(state, error);
            }
            state.session.link.inbox.lend_spare(batch.take_spare());
            batch.trim(MAX_KEPT_BYTES);
            if state.session.link.outbox.is_empty() {
                state.session.link.outbox = batch;
            }
        }
        state.is_writing = false;
        state
    }

    /// Writes `batch`. Returns the timeout that is set in the kernel, and the result.
    fn write_batch(
        &self,
        batch: &mut Outbox,
        mut timeout: Duration,
        mut now: Instant,
        until: Instant,
    ) -> (Duration, io::Result<()>) {
        let result = (|| {
            while !batch.is_empty() {
                if adjust_timeout(&mut timeout, now, until) {
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
                    Err(error) if is_to_be_repeated(&error) => {}
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

    /// Stops writing, since the deadline of this thread has passed. Another thread continues.
    fn leave_writing_to_others(mut state: Locked<'_>, mut batch: Outbox) -> Locked<'_> {
        batch.append(std::mem::take(&mut state.session.link.outbox));
        state.session.link.outbox = batch;
        state.is_writing = false;
        let next = state.session.any_waiter();
        next.inspect(Thread::unpark);
        state
    }

    /// Ends the session, since nothing more can be written.
    fn fail_writing<'a>(&'a self, mut state: Locked<'a>, error: io::Error) -> Locked<'a> {
        if error.kind() == io::ErrorKind::WouldBlock {
            state
                .session
                .lose(SessionLoss::Stalled, |thread| thread.unpark());
            // Wakes the thread that reads.
            let _ = self.stream.shutdown(std::net::Shutdown::Both);
            return state;
        }
        // The server may have sent the reason before it closed the connection. If another thread
        // reads, that thread receives it.
        let until = Instant::now() + LAST_MESSAGE_TIMEOUT;
        let mut result = Ok(());
        while !state.is_reading && result.is_ok() {
            (state, result) = self.read(state, Instant::now(), until);
            if result
                .as_ref()
                .is_err_and(|error: &io::Error| error.kind() == io::ErrorKind::Interrupted)
            {
                result = Ok(());
            }
        }
        if result.is_err() {
            state.session.lose(loss(error), |thread| {
                thread.unpark();
            });
        }
        state
    }

    /// Waits until the call is done. Reads for all waiting threads, unless another thread does.
    fn wait<'a, R: Value>(
        &'a self,
        mut state: Locked<'a>,
        call: u64,
        mut now: Instant,
        until: Instant,
    ) -> Result<R, CallFailure> {
        loop {
            if let Some(done) = state.session.take(call) {
                Self::hand_over_reading(state);
                return done;
            }
            if now >= until {
                state.session.give_up(call);
                let state = self.write(state, now, now + LAST_MESSAGE_TIMEOUT);
                Self::hand_over_reading(state);
                return Err(CallFailure::TimedOut);
            }
            let greeted = state.session.server().is_some();
            if !greeted && now >= state.greeting_deadline {
                state
                    .session
                    .lose(SessionLoss::NoGreeting, |thread| thread.unpark());
                continue;
            }
            if state.is_reading {
                state.session.set_waiter(call, std::thread::current());
                drop(state);
                std::thread::park_timeout(time_left(until));
                now = Instant::now();
                state = self.lock();
                if !state.is_writing && !state.session.link.outbox.is_empty() {
                    state = self.write(state, now, until);
                }
                continue;
            }
            let read_until = if greeted {
                until
            } else {
                until.min(state.greeting_deadline)
            };
            let result;
            (state, result) = self.read(state, now, read_until);
            match result {
                // A process that is stopped and continued gets `Interrupted`.
                Err(error) if is_to_be_repeated(&error) => {
                    now = Instant::now();
                }
                Err(error) => {
                    state.session.lose(loss(error), |thread| thread.unpark());
                }
                // A PING was answered.
                Ok(()) if !state.session.link.outbox.is_empty() => {
                    now = Instant::now();
                    state = self.write(state, now, until);
                }
                // Only other calls were answered.
                Ok(()) if state.session.is_waiting(call) => now = Instant::now(),
                Ok(()) => {}
            }
        }
    }

    /// Wakes another waiting thread, which then reads.
    fn hand_over_reading(mut state: Locked<'_>) {
        if !state.is_reading && state.session.waiting() > 0 {
            let next = state.session.any_waiter();
            drop(state);
            next.inspect(Thread::unpark);
        }
    }

    /// Reads once, and handles the received frames.
    fn read<'a>(
        &'a self,
        mut state: Locked<'a>,
        now: Instant,
        until: Instant,
    ) -> (Locked<'a>, io::Result<()>) {
        state.is_reading = true;
        #[cfg(feature = "tls")]
        if state.tls.is_some() {
            return self.read_sealed(state, now, until);
        }
        let mut inbox = std::mem::replace(&mut state.session.link.inbox, Inbox::new(0));
        let mut timeout = state.read_timeout;
        drop(state);
        let result = self.read_into(&mut inbox, &mut timeout, now, until);
        let mut state = self.lock();
        state.is_reading = false;
        state.read_timeout = timeout;
        std::mem::swap(&mut state.session.link.inbox, &mut inbox);
        state.session.link.inbox.lend_spare(inbox.release_spare());
        if result.is_ok() {
            state.session.receive(now, |thread| thread.unpark());
        }
        (state, result)
    }

    /// Reads once into the inbox.
    fn read_into(
        &self,
        inbox: &mut Inbox,
        timeout: &mut Duration,
        now: Instant,
        until: Instant,
    ) -> io::Result<()> {
        if adjust_timeout(timeout, now, until) {
            self.stream.set_read_timeout(Some(*timeout))?;
        }
        let count = match inbox.target() {
            Target::Append { bytes, most } if most == bytes.capacity() - bytes.len() => {
                rustix::io::read(&self.stream, spare_capacity(bytes))
            }
            Target::Append { bytes, most } => {
                // The vector has more spare capacity than may be read.
                let mut piece = [0; PIECE_BYTES];
                let most = most.min(piece.len());
                rustix::io::read(&self.stream, &mut piece[..most])
                    .inspect(|count| bytes.extend_from_slice(&piece[..*count]))
            }
            Target::Fill(room) => rustix::io::read(&self.stream, room),
        }?;
        if count == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        inbox.received(count);
        Ok(())
    }
}
