//! [`InFlight`]: a call that counts against the limits, until what it set going has really stopped.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use tokio::sync::OwnedSemaphorePermit;

use crate::wire::exception::Executed;

/// Kept by everything that works on a call: its session, and whatever thread or process runs it. The call counts until
/// the last of them lets go, whether its caller still waits or not.
#[derive(Debug, Clone)]
pub struct InFlight {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    /// Of the server's calls.
    _permit: OwnedSemaphorePermit,
    /// How many calls of the session are in flight.
    session: Arc<AtomicUsize>,
    began: AtomicBool,
}

impl InFlight {
    /// Counts a call of that session.
    pub fn new(permit: OwnedSemaphorePermit, session: &Arc<AtomicUsize>) -> Self {
        session.fetch_add(1, Ordering::Relaxed);
        let inner = Inner { _permit: permit, session: Arc::clone(session), began: AtomicBool::new(false) };
        Self { inner: Arc::new(inner) }
    }

    /// The procedure is about to run.
    pub fn begin(&self) {
        self.inner.began.store(true, Ordering::Relaxed);
    }

    /// What there is to say of a call that is given up.
    pub fn executed(&self) -> Executed {
        if self.inner.began.load(Ordering::Relaxed) { Executed::Unknown } else { Executed::No }
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.session.fetch_sub(1, Ordering::Relaxed);
    }
}
