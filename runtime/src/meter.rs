//! [`Meter`]: which calls of a procedure, or printed lines of a worker, get a log line of their own.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

/// Beyond so many in a second, the rest are counted instead of logged one by one.
pub(crate) const MAX_LINES_PER_SECOND: u64 = 100;

/// Counts what is logged of one procedure or worker.
#[derive(Debug)]
pub(crate) struct Meter {
    begin: Instant,
    second: AtomicU64,
    in_second: AtomicU64,
    suppressed: AtomicU64,
}

impl Meter {
    pub(crate) fn new() -> Self {
        Self {
            begin: Instant::now(),
            second: AtomicU64::new(0),
            in_second: AtomicU64::new(0),
            suppressed: AtomicU64::new(0),
        }
    }

    /// Whether what happens at `now` gets a line; else it is counted.
    pub(crate) fn admit(&self, now: Instant) -> bool {
        let second = now.saturating_duration_since(self.begin).as_secs();
        if self.second.swap(second, Ordering::Relaxed) != second {
            self.in_second.store(0, Ordering::Relaxed);
        }
        let admitted = self.in_second.fetch_add(1, Ordering::Relaxed) < MAX_LINES_PER_SECOND;
        if !admitted {
            self.suppressed.fetch_add(1, Ordering::Relaxed);
        }
        admitted
    }

    /// How many were counted instead of logged since this was asked last.
    pub(crate) fn take_suppressed(&self) -> u64 {
        self.suppressed.swap(0, Ordering::Relaxed)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn calls_beyond_the_rate_are_counted() {
        let meter = Meter::new();
        let now = meter.begin;
        let admitted = (0..MAX_LINES_PER_SECOND + 7).filter(|_| meter.admit(now)).count() as u64;
        assert_eq!((admitted, meter.take_suppressed()), (MAX_LINES_PER_SECOND, 7));
        assert!(meter.admit(now + Duration::from_secs(1)));
        assert_eq!(meter.take_suppressed(), 0);
    }
}
