//! [`LiveRegistry`]: the generation that answers, and the news of another one.

use std::sync::Arc;

use arc_swap::{ArcSwap, Guard};
use tokio::sync::watch;

use super::Registry;

/// The registry that is live. Who holds on to what it found there is told when another one is.
#[derive(Debug)]
pub(crate) struct LiveRegistry {
    registry: ArcSwap<Registry>,
    /// How often it was swapped.
    swaps: watch::Sender<u64>,
}

impl LiveRegistry {
    pub(crate) fn new(registry: Registry) -> Self {
        registry.share_workers();
        Self {
            registry: ArcSwap::from_pointee(registry),
            swaps: watch::Sender::new(0),
        }
    }

    pub(crate) fn load(&self) -> Guard<Arc<Registry>> {
        self.registry.load()
    }

    pub(crate) fn load_full(&self) -> Arc<Registry> {
        self.registry.load_full()
    }

    /// Makes another registry live; the answer is the one before.
    pub(crate) fn swap(&self, registry: Arc<Registry>) -> Arc<Registry> {
        registry.share_workers();
        let before = self.registry.swap(registry);
        self.swaps.send_modify(|swaps| *swaps += 1);
        before
    }

    /// Changes whenever another registry is live.
    pub(crate) fn swaps(&self) -> watch::Receiver<u64> {
        self.swaps.subscribe()
    }
}
