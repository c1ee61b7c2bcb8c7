//! The reading and writing of a [`BlockingSession`] over TLS.
//!
//! The TLS session changes under the lock of the session's state. Bytes from and to the wire are
//! taken out of it before a system call and given back after it, since one thread reads while
//! another writes.

use std::io::{self, IoSlice, Write as _};
use std::sync::PoisonError;
use std::thread::Thread;
use std::time::{Duration, Instant};

use tls::{Arrivals, TlsSession};
use wire::block::{MAX_KEPT_BYTES, Target};
use wire::calls::client_session::ClientSession;
use wire::outbox::{MAX_SLICES, Outbox};

use super::{BlockingSession, Locked, MAX_SHORT_WRITE, SessionState};
use crate::connect::{adjust_timeout, is_to_be_repeated};

impl BlockingSession {
    /// Seals the output and writes it. The output counts as written when all records that seal it
    /// are.
    pub(super) fn write_sealed<'a>(
        &'a self,
        mut state: Locked<'a>,
        now: Instant,
        until: Instant,
    ) -> Locked<'a> {
        while let SessionState {
            session,
            tls: Some(tls),
            ..
        } = &mut *state
        {
            if let Err(error) = seal(tls, &session.link.outbox) {
                return self.fail_writing(state, error);
            }
            let sealed = tls.sealed();
            let records = tls.take_unsent();
            if records.is_empty() {
                break;
            }
            session.writes(sealed);
            let mut timeout = state.write_timeout;
            drop(state);
            let (written, result) = self.write_records(&records, &mut timeout, now, until);
            state = self.lock();
            state.write_timeout = timeout;
            state.last_write_was_long = records.len() > MAX_SHORT_WRITE;
            let SessionState {
                session,
                tls: Some(tls),
                ..
            } = &mut *state
            else {
                break;
            };
            if let Err(error) = result {
                if written == 0 {
                    session.wrote(0);
                }
                tls.give_back(records[written..].to_vec());
                if error.kind() == io::ErrorKind::WouldBlock && session.waiting() > 1 {
                    // The deadline of this thread has passed. Another thread continues: the output
                    // that is sealed stays in the outbox until all of it is written.
                    state.is_writing = false;
                    let next = state.session.any_waiter();
                    next.inspect(Thread::unpark);
                    return state;
                }
                return self.fail_writing(state, error);
            }
            tls.wrote_all(records);
            session.wrote(sealed);
            session.link.outbox.advance(sealed);
            let spare = session.link.outbox.take_spare();
            session.link.inbox.lend_spare(spare);
        }
        state.session.link.outbox.trim(MAX_KEPT_BYTES);
        state.is_writing = false;
        state
    }

    /// Writes records. Returns how many bytes were written, and the result.
    fn write_records(
        &self,
        records: &[u8],
        timeout: &mut Duration,
        mut now: Instant,
        until: Instant,
    ) -> (usize, io::Result<()>) {
        let mut written = 0;
        while written < records.len() {
            if adjust_timeout(timeout, now, until)
                && let Err(error) = self.stream.set_write_timeout(Some(*timeout))
            {
                return (written, Err(error));
            }
            match (&self.stream).write(&records[written..]) {
                Ok(0) => return (written, Err(io::ErrorKind::WriteZero.into())),
                Ok(count) => written += count,
                Err(error) if is_to_be_repeated(&error) => {}
                Err(error) => return (written, Err(error)),
            }
            if written < records.len() {
                now = Instant::now();
                if now >= until {
                    return (written, Err(io::ErrorKind::WouldBlock.into()));
                }
            }
        }
        (written, Ok(()))
    }

    /// Reads once from the socket, unless plain bytes are there already, and handles the received
    /// frames.
    pub(super) fn read_sealed<'a>(
        &'a self,
        mut state: Locked<'a>,
        now: Instant,
        until: Instant,
    ) -> (Locked<'a>, io::Result<()>) {
        // Bytes that came with the end of the handshake.
        match state.open_records(now) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            result => {
                state.is_reading = false;
                return (state, result);
            }
        }
        let mut timeout = state.read_timeout;
        let mut arrivals = match &mut state.tls {
            Some(tls) => std::mem::take(tls.arrivals()),
            None => Arrivals::default(),
        };
        drop(state);
        let result = self.read_records(&mut arrivals, &mut timeout, now, until);
        let mut state = self.lock();
        state.is_reading = false;
        state.read_timeout = timeout;
        if let Some(tls) = &mut state.tls {
            *tls.arrivals() = arrivals;
        }
        let opened = result.and_then(|()| match state.open_records(now) {
            // A part of a record, or one of TLS itself.
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(()),
            result => result,
        });
        (state, opened)
    }

    /// Reads once from the socket.
    fn read_records(
        &self,
        arrivals: &mut Arrivals,
        timeout: &mut Duration,
        now: Instant,
        until: Instant,
    ) -> io::Result<()> {
        if adjust_timeout(timeout, now, until) {
            self.stream.set_read_timeout(Some(*timeout))?;
        }
        let count = rustix::io::read(&self.stream, arrivals.room())?;
        if count == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        arrivals.arrived(count);
        Ok(())
    }
}

impl SessionState {
    /// Opens the records that have come, and handles the frames in them.
    ///
    /// # Errors
    /// [`WouldBlock`](io::ErrorKind::WouldBlock) if there were no plain bytes in them.
    fn open_records(&mut self, now: Instant) -> io::Result<()> {
        let Self {
            session,
            tls: Some(tls),
            ..
        } = self
        else {
            return Ok(());
        };
        let mut has_opened = false;
        loop {
            match open_some(tls, session) {
                Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
                Ok(count) => {
                    has_opened = true;
                    session.link.inbox.received(count);
                    session.receive(now, |thread| thread.unpark());
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock && has_opened => {
                    return Ok(());
                }
                Err(error) => return Err(error),
            }
        }
    }
}

/// Opens records to where the inbox wants their bytes. Returns the number of bytes.
fn open_some(tls: &mut TlsSession, session: &mut ClientSession<Thread>) -> io::Result<usize> {
    match session.link.inbox.target() {
        Target::Append { bytes, most } => tls.read_with(|plain| {
            let count = plain.len().min(most);
            bytes.extend_from_slice(&plain[..count]);
            count
        }),
        Target::Fill(room) => tls.read(room),
    }
}

/// Seals output, unless some is sealed and not sent.
fn seal(tls: &mut TlsSession, outbox: &Outbox) -> io::Result<()> {
    if tls.sealed() > 0 || outbox.is_empty() {
        return Ok(());
    }
    if outbox.has_blocks() {
        let mut slices = [IoSlice::new(&[]); MAX_SLICES];
        let count = outbox.slices(&mut slices);
        tls.seal(&slices[..count])
    } else {
        tls.seal(&[IoSlice::new(outbox.front())])
    }
}

/// Tells the server that nothing is missing, as far as the kernel takes that at once.
impl Drop for BlockingSession {
    fn drop(&mut self) {
        let state = self.state.get_mut().unwrap_or_else(PoisonError::into_inner);
        if let Some(tls) = &mut state.tls
            && !state.session.is_lost()
        {
            crate::tls_connect::end(&self.stream, tls);
        }
    }
}
