//! [`InFlight`]: a call that counts against the limits until everything it started has stopped; and
//! [`SessionLoad`]: what the calls of one session share.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use tokio::sync::{Notify, OwnedSemaphorePermit};

use crate::log::meter::Meter;
use wire::exception::Executed;

/// What the calls of one session share with the engines that run them.
#[derive(Debug)]
pub struct SessionLoad {
    /// Calls in flight, including those whose answers nobody awaits.
    in_flight: AtomicUsize,
    /// Bytes of answers that were taken over from engines and not yet by the peer.
    untaken: AtomicUsize,
    /// With as many untaken bytes, no further call starts.
    max_untaken: usize,
    /// Told when calls may start again.
    unclogged: Notify,
    /// Decides which log lines about this peer are written.
    lines: Arc<Meter>,
}

impl SessionLoad {
    /// The load of a session without calls, whose peer may leave fewer than `max_untaken` bytes of
    /// answers untaken. `lines` is the meter of its peer.
    pub fn new(max_untaken: usize, lines: Arc<Meter>) -> Self {
        let (in_flight, untaken) = (AtomicUsize::new(0), AtomicUsize::new(0));
        Self {
            in_flight,
            untaken,
            max_untaken,
            unclogged: Notify::new(),
            lines,
        }
    }

    /// The number of calls in flight, including those whose answers nobody awaits.
    pub fn in_flight(&self) -> usize {
        self.in_flight.load(Ordering::Relaxed)
    }

    /// The meter of this session's peer.
    pub fn lines(&self) -> &Meter {
        &self.lines
    }

    /// An engine has an answer of so many bytes. It says so before it gives the slot of the call to
    /// another one.
    pub fn add_untaken(&self, bytes: usize) {
        self.untaken.fetch_add(bytes, Ordering::Relaxed);
    }

    /// Sets how many bytes of all answers so far the peer has not taken.
    pub fn set_untaken(&self, bytes: usize) {
        let before = self.untaken.swap(bytes, Ordering::Relaxed);
        if before >= self.max_untaken && bytes < self.max_untaken {
            self.unclogged.notify_waiters();
        }
    }

    /// Whether calls of this session may start.
    pub fn may_start(&self) -> bool {
        self.untaken.load(Ordering::Relaxed) < self.max_untaken
    }

    /// Waits until calls of this session may start.
    pub async fn until_may_start(&self) {
        while !self.may_start() {
            let unclogged = self.unclogged.notified();
            // It may have happened before the line above.
            if self.may_start() {
                return;
            }
            unclogged.await;
        }
    }
}

/// Kept by everything that works on a call: its session, and whatever thread or process runs it.
/// The call counts until the last of them lets go, whether its caller still waits or not.
#[derive(Debug, Clone)]
pub struct InFlight {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    /// Of the server's calls.
    _permit: OwnedSemaphorePermit,
    session: Arc<SessionLoad>,
    began: AtomicBool,
}

impl InFlight {
    /// Counts a call of that session.
    pub fn new(permit: OwnedSemaphorePermit, session: &Arc<SessionLoad>) -> Self {
        session.in_flight.fetch_add(1, Ordering::Relaxed);
        let inner = Inner {
            _permit: permit,
            session: Arc::clone(session),
            began: AtomicBool::new(false),
        };
        Self {
            inner: Arc::new(inner),
        }
    }

    /// The load of the call's session.
    pub fn session(&self) -> &SessionLoad {
        &self.inner.session
    }

    /// The procedure is about to run.
    pub fn begin(&self) {
        self.inner.began.store(true, Ordering::Relaxed);
    }

    /// What there is to say of a call that is given up.
    pub fn executed(&self) -> Executed {
        if self.inner.began.load(Ordering::Relaxed) {
            Executed::Unknown
        } else {
            Executed::No
        }
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.session.in_flight.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt as _;

    use super::*;

    #[tokio::test]
    async fn a_clogged_session_starts_no_call_until_it_is_unclogged() {
        let load = Arc::new(SessionLoad::new(10, Arc::default()));
        load.add_untaken(9);
        load.until_may_start().await;
        load.add_untaken(1);
        let waiting = load.until_may_start();
        tokio::pin!(waiting);
        assert!(waiting.as_mut().now_or_never().is_none() && !load.may_start());
        load.set_untaken(9);
        waiting.await;
    }
}
