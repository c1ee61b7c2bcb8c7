//! [`Lanes`]: the threads that serve connections.
//!
//! Each lane is one thread with a scheduler of its own. A session lives on one lane, so that a
//! wake-up of it wakes no other thread: that costs more than a short call.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::runtime::{Builder, Handle};
use tokio::sync::oneshot;

/// The threads that serve connections. When this is dropped, they end.
#[derive(Debug)]
pub(crate) struct Lanes {
    lanes: Vec<Lane>,
}

#[derive(Debug)]
struct Lane {
    runtime: Handle,
    /// How many sessions it has.
    sessions: Arc<AtomicUsize>,
    /// Dropped, it ends the thread.
    _end: oneshot::Sender<()>,
}

/// A place on a lane; dropping it makes room.
#[derive(Debug)]
pub(crate) struct Place {
    sessions: Arc<AtomicUsize>,
}

impl Lanes {
    /// Starts so many threads.
    pub(crate) fn start(count: usize) -> io::Result<Self> {
        let lanes = (0..count.max(1))
            .map(Lane::start)
            .collect::<io::Result<_>>()?;
        Ok(Self { lanes })
    }

    /// The first lane, where connections are accepted.
    pub(crate) fn first(&self) -> &Handle {
        &self.lanes[0].runtime
    }

    /// The lane with the fewest sessions; the first of those, since what is accepted there need not
    /// change threads.
    pub(crate) fn emptiest(&self) -> (&Handle, Place) {
        let load = |lane: &&Lane| lane.sessions.load(Ordering::Relaxed);
        let lane = self.lanes.iter().min_by_key(load).unwrap_or(&self.lanes[0]);
        lane.sessions.fetch_add(1, Ordering::Relaxed);
        (
            &lane.runtime,
            Place {
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
                // It ends by being dropped.
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

impl Drop for Place {
    fn drop(&mut self) {
        self.sessions.fetch_sub(1, Ordering::Relaxed);
    }
}
