//! [`BusyPoll`]: looks for the next request of a fast caller before the thread sleeps.
//!
//! Waking a sleeping thread costs more than a short call. If a caller sends its next requests as
//! soon as it has its answers, the session looks at the socket again and again for
//! [`MAX_POLL_TIME`], as long as no other session of the lane has anything to do. Every look lets
//! other threads run first. After one slow request the session sleeps as usual.

use std::cell::Cell;
use std::io;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use wire::block::Target;
use wire::inbox::Inbox;

use super::stream_io::ReadOutcome;
use crate::connection::stream::read_now;
use tls::Stream;

/// Maximum time for which the socket is looked at.
const MAX_POLL_TIME: Duration = Duration::from_micros(50);

/// Maximum time between the begins of two turns of a fast caller: a short call, and the time to
/// make the next one.
const MAX_TURN_INTERVAL: Duration = Duration::from_micros(100);

thread_local! {
    /// The session that had this lane's last turn.
    static LAST_SESSION: Cell<u64> = const { Cell::new(0) };
}

/// Decides whether a session looks at its socket before its lane sleeps.
#[derive(Debug)]
pub(super) struct BusyPoll {
    session: u64,
    /// When the last turn began.
    turn_began_at: Instant,
    /// Whether the caller is fast and the lane has no other session with work.
    is_on: bool,
}

impl BusyPoll {
    pub(super) fn new(now: Instant) -> Self {
        static SESSIONS: AtomicU64 = AtomicU64::new(1);
        Self {
            session: SESSIONS.fetch_add(1, Ordering::Relaxed),
            turn_began_at: now,
            is_on: false,
        }
    }

    /// Records that a turn begins.
    pub(super) fn begin(&mut self, now: Instant) {
        let alone = LAST_SESSION.replace(self.session) == self.session;
        self.is_on = alone && now.saturating_duration_since(self.turn_began_at) < MAX_TURN_INTERVAL;
        self.turn_began_at = now;
    }

    /// Looks for the next request, if that is worth it.
    ///
    /// # Errors
    /// Returns the error of the operating system.
    pub(super) fn look(
        &mut self,
        stream: &mut Stream,
        inbox: &mut Inbox,
    ) -> io::Result<ReadOutcome> {
        if !self.is_on || inbox.is_amid_long_frame() {
            return Ok(ReadOutcome::Nothing);
        }
        let Target::Append { bytes, .. } = inbox.target() else {
            return Ok(ReadOutcome::Nothing);
        };
        let until = Instant::now() + MAX_POLL_TIME;
        loop {
            match read_now(stream, bytes) {
                Ok(0) => return Ok(ReadOutcome::End),
                Ok(count) => {
                    inbox.received(count);
                    return Ok(ReadOutcome::Data(count));
                }
                Err(error)
                    if matches!(
                        error.kind(),
                        io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted
                    ) => {}
                Err(error) => return Err(error),
            }
            if Instant::now() >= until {
                self.is_on = false;
                return Ok(ReadOutcome::Nothing);
            }
            std::thread::yield_now();
        }
    }
}
