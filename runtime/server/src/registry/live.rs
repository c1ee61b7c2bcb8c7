//! [`LiveRegistry`]: the live generation, and the notification when another one becomes live.

use std::sync::Arc;

use arc_swap::{ArcSwap, Guard};
use tokio::sync::watch;

use super::Registry;
use crate::limits::Limits;
use crate::resources::warn_of_shortage;

/// The live registry. Sessions keep what they found in it, so they are notified when another
/// registry becomes live.
#[derive(Debug)]
pub(crate) struct LiveRegistry {
    registry: ArcSwap<Registry>,
    /// Number of swaps so far.
    swaps: watch::Sender<u64>,
    limits: Limits,
}

impl LiveRegistry {
    pub(crate) fn new(registry: Registry, limits: &Limits) -> Self {
        registry.share_workers();
        warn_of_shortage(limits, registry.max_workers());
        Self {
            registry: ArcSwap::from_pointee(registry),
            swaps: watch::Sender::new(0),
            limits: *limits,
        }
    }

    pub(crate) fn load(&self) -> Guard<Arc<Registry>> {
        self.registry.load()
    }

    pub(crate) fn load_full(&self) -> Arc<Registry> {
        self.registry.load_full()
    }

    /// Makes another registry live. Returns the one before.
    pub(crate) fn swap(&self, registry: Arc<Registry>) -> Arc<Registry> {
        registry.share_workers();
        let workers = registry.max_workers();
        if workers > self.load().max_workers() {
            warn_of_shortage(&self.limits, workers);
        }
        let before = self.registry.swap(registry);
        self.swaps.send_modify(|swaps| *swaps += 1);
        before
    }

    /// Returns a receiver that is notified whenever another registry becomes live.
    pub(crate) fn swaps(&self) -> watch::Receiver<u64> {
        self.swaps.subscribe()
    }
}
