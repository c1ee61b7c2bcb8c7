//! [`Lanes`]: the threads that serve connections.
//!
//! Each lane is one thread with a scheduler of its own. A session stays on one lane, so that waking
//! it does not wake another thread, which costs more than a short call.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::runtime::{Builder, Handle};
use tokio::sync::oneshot;

/// The threads that serve connections. Dropping this ends them.
#[derive(Debug)]
pub(crate) struct Lanes {
    lanes: Vec<Lane>,
}

#[derive(Debug)]
struct Lane {
    runtime: Handle,
    /// Number of sessions on the lane.
    sessions: Arc<AtomicUsize>,
    /// Dropping this ends the thread.
    _end: oneshot::Sender<()>,
}

/// A session's place on a lane. Dropping this frees the place.
#[derive(Debug)]
pub(crate) struct LanePlace {
    sessions: Arc<AtomicUsize>,
}

impl Lanes {
    /// Starts `count` threads, but at least one.
    pub(crate) fn start(count: usize) -> io::Result<Self> {
        let lanes = (0..count.max(1))
            .map(Lane::start)
            .collect::<io::Result<_>>()?;
        Ok(Self { lanes })
    }

    /// Returns the first lane, on which connections are accepted.
    pub(crate) fn first(&self) -> &Handle {
        &self.lanes[0].runtime
    }

    /// Takes a place on the lane with the fewest sessions. Prefers the first lane, because a
    /// connection that is served where it was accepted does not change threads.
    pub(crate) fn take_place(&self) -> (&Handle, LanePlace) {
        let session_count = |lane: &&Lane| lane.sessions.load(Ordering::Relaxed);
        let lane = self
            .lanes
            .iter()
            .min_by_key(session_count)
            .unwrap_or(&self.lanes[0]);
        lane.sessions.fetch_add(1, Ordering::Relaxed);
        (
            &lane.runtime,
            LanePlace {
                sessions: Arc::clone(&lane.sessions),
            },
        )
    }
}

impl Lane {
    fn start(number: usize) -> io::Result<Self> {
        let runtime = Builder::new_current_thread().enable_all().build()?;
        let handle = runtime.handle().clone();
        let (end, ended) = oneshot::channel::<()>();
        std::thread::Builder::new()
            .name(format!("lane-{number}"))
            .spawn(move || {
                // Waits until the sender is dropped, which is an error of the receiver.
                let _ = runtime.block_on(ended);
                runtime.shutdown_background();
            })?;
        Ok(Self {
            runtime: handle,
            sessions: Arc::default(),
            _end: end,
        })
    }
}

impl Drop for LanePlace {
    fn drop(&mut self) {
        self.sessions.fetch_sub(1, Ordering::Relaxed);
    }
}
