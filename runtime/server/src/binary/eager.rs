//! [`Eager`]: looking for the next request of a session in quick succession before the thread sleeps.
//!
//! Waking a sleeping thread costs more than a short call. A caller that sends its next requests as soon as it has its
//! answers is met awake: the socket is looked at again and again for [`PATIENCE`], while nothing else wants the lane, and
//! every look lets other threads go first. A caller that was slower once is not waited for.

use std::cell::Cell;
use std::io;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use rustix::buffer::spare_capacity;
use rustix::net::{RecvFlags, recv};
use tokio::net::TcpStream;

use super::socket::Came;
use wire::block::Target;
use wire::inbox::Inbox;

/// How long the socket is looked at.
const PATIENCE: Duration = Duration::from_micros(50);

/// Turns that begin so soon after each other are a quick succession: a short call, and what its caller takes to make the
/// next.
const SUCCESSION: Duration = Duration::from_micros(100);

thread_local! {
    /// The session that had this lane's last turn.
    static LAST: Cell<u64> = const { Cell::new(0) };
}

/// Whether a session is looked at before its lane sleeps.
#[derive(Debug)]
pub(super) struct Eager {
    session: u64,
    /// When the last turn began.
    turn: Instant,
    /// Whether requests come in quick succession, and the lane has nobody else.
    expects: bool,
}

impl Eager {
    pub(super) fn new(now: Instant) -> Self {
        static SESSIONS: AtomicU64 = AtomicU64::new(1);
        Self { session: SESSIONS.fetch_add(1, Ordering::Relaxed), turn: now, expects: false }
    }

    /// A turn begins.
    pub(super) fn begin(&mut self, now: Instant) {
        let alone = LAST.replace(self.session) == self.session;
        self.expects = alone && now.saturating_duration_since(self.turn) < SUCCESSION;
        self.turn = now;
    }

    /// Looks for what comes next, where that is worth it.
    ///
    /// # Errors
    /// What the operating system says.
    pub(super) fn look(&mut self, stream: &TcpStream, inbox: &mut Inbox) -> io::Result<Came> {
        if !self.expects {
            return Ok(Came::Nothing);
        }
        if inbox.is_amid_long_frame() {
            return Ok(Came::Nothing);
        }
        let Target::Append { bytes, .. } = inbox.target() else { return Ok(Came::Nothing) };
        let until = Instant::now() + PATIENCE;
        loop {
            match recv(stream, spare_capacity(bytes), RecvFlags::DONTWAIT) {
                Ok((0, _)) => return Ok(Came::End),
                Ok((count, _)) => {
                    inbox.came(count);
                    return Ok(Came::Some);
                }
                Err(rustix::io::Errno::AGAIN | rustix::io::Errno::INTR) => {}
                Err(error) => return Err(error.into()),
            }
            if Instant::now() >= until {
                self.expects = false;
                return Ok(Came::Nothing);
            }
            std::thread::yield_now();
        }
    }
}
