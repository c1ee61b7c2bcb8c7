//! [`InFlight`]: a call that counts against the limits until everything it started has stopped.
//! [`SessionLoad`]: what the calls of one session share.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use tokio::sync::{Notify, OwnedSemaphorePermit};

use crate::connection::budget::Reservation;
use crate::log::meter::Meter;
use wire::exception::Executed;

/// What the calls of one session share with the engines that run them.
#[derive(Debug)]
pub struct SessionLoad {
    /// Number of calls in flight, including calls whose callers have given up.
    in_flight: AtomicUsize,
    /// Bytes of answers that engines have returned and that the peer has not read.
    untaken: AtomicUsize,
    /// While `untaken >= max_untaken`, no call starts.
    max_untaken: usize,
    /// Notified when calls may start again.
    may_start_again: Notify,
    /// Limits the log lines about this peer.
    line_meter: Arc<Meter>,
}

impl SessionLoad {
    /// Returns the load of a session without calls. Its calls start only while the peer has fewer
    /// than `max_untaken` bytes of unread answers.
    pub fn new(max_untaken: usize, line_meter: Arc<Meter>) -> Self {
        Self {
            in_flight: AtomicUsize::new(0),
            untaken: AtomicUsize::new(0),
            max_untaken,
            may_start_again: Notify::new(),
            line_meter,
        }
    }

    /// Returns the number of calls in flight, including calls whose callers have given up.
    pub fn in_flight(&self) -> usize {
        self.in_flight.load(Ordering::Relaxed)
    }

    /// Returns the meter that limits the log lines about the peer.
    pub fn line_meter(&self) -> &Meter {
        &self.line_meter
    }

    /// Counts the bytes of an answer. An engine must call this before it gives the slot of the call
    /// to another call.
    pub fn add_untaken(&self, bytes: usize) {
        self.untaken.fetch_add(bytes, Ordering::Relaxed);
    }

    /// Sets the number of bytes of all answers that the peer has not read.
    pub fn set_untaken(&self, bytes: usize) {
        let before = self.untaken.swap(bytes, Ordering::Relaxed);
        if before >= self.max_untaken && bytes < self.max_untaken {
            self.may_start_again.notify_waiters();
        }
    }

    /// Returns whether calls of this session may start.
    pub fn may_start(&self) -> bool {
        self.untaken.load(Ordering::Relaxed) < self.max_untaken
    }

    /// Waits until calls of this session may start.
    pub async fn until_may_start(&self) {
        while !self.may_start() {
            let may_start_again = self.may_start_again.notified();
            // Check again: the notification may have come before `notified` was called.
            if self.may_start() {
                return;
            }
            may_start_again.await;
        }
    }
}

/// A call in flight. Everything that works on the call keeps a clone: its session, and the thread
/// or process that runs it. The call counts until the last clone is dropped, even if its caller has
/// given up.
#[derive(Debug, Clone)]
pub struct InFlight {
    call: Arc<CallGuard>,
}

#[derive(Debug)]
struct CallGuard {
    /// One of the server's permits for calls. Dropping this frees it.
    _permit: OwnedSemaphorePermit,
    /// The bytes of its arguments. Dropping this frees them.
    _arguments: Option<Reservation>,
    session: Arc<SessionLoad>,
    has_begun: AtomicBool,
}

impl InFlight {
    /// Counts a call of that session, and the bytes of its arguments.
    pub(crate) fn new(
        permit: OwnedSemaphorePermit,
        arguments: Option<Reservation>,
        session: &Arc<SessionLoad>,
    ) -> Self {
        session.in_flight.fetch_add(1, Ordering::Relaxed);
        Self {
            call: Arc::new(CallGuard {
                _permit: permit,
                _arguments: arguments,
                session: Arc::clone(session),
                has_begun: AtomicBool::new(false),
            }),
        }
    }

    /// Returns the load of the call's session.
    pub fn session(&self) -> &SessionLoad {
        &self.call.session
    }

    /// Records that the procedure is about to run.
    pub fn begin(&self) {
        self.call.has_begun.store(true, Ordering::Relaxed);
    }

    /// Returns whether the procedure may have run, for a call that is given up.
    pub fn executed(&self) -> Executed {
        if self.call.has_begun.load(Ordering::Relaxed) {
            Executed::Unknown
        } else {
            Executed::No
        }
    }
}

impl Drop for CallGuard {
    fn drop(&mut self) {
        self.session.in_flight.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt as _;

    use super::*;

    #[tokio::test]
    async fn no_call_starts_while_the_peer_has_too_many_unread_answers() {
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
