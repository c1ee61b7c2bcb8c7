//! [`Meter`]: which calls of a procedure, or printed lines of a worker, get a log line of their
//! own.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

/// Maximum number of lines a second of one procedure or worker. What comes beyond is counted.
pub(crate) const MAX_LINES_PER_SECOND: u64 = 100;

/// Counts what is logged of one procedure, worker or peer.
#[derive(Debug)]
pub(crate) struct Meter {
    /// Maximum number of lines a second.
    limit: u64,
    /// The second in which something was admitted last; see [`second`].
    second: AtomicU64,
    in_second: AtomicU64,
    suppressed: AtomicU64,
}

/// Counts what happens in a second.
#[derive(Debug, Default)]
pub(crate) struct PerSecond {
    /// The second in which something was last counted; see [`second`].
    second: AtomicU64,
    in_second: AtomicU64,
}

impl PerSecond {
    /// Counts one. The answer: how many were counted in this second.
    pub(crate) fn count(&self, now: Instant) -> u64 {
        let second = second(now);
        if self.second.swap(second, Ordering::Relaxed) != second {
            self.in_second.store(0, Ordering::Relaxed);
        }
        self.in_second.fetch_add(1, Ordering::Relaxed) + 1
    }
}

impl Default for Meter {
    fn default() -> Self {
        Self::with_limit(MAX_LINES_PER_SECOND)
    }
}

/// How many seconds after the first time it was asked `now` is.
pub(crate) fn second(now: Instant) -> u64 {
    static BEGIN: OnceLock<Instant> = OnceLock::new();
    now.saturating_duration_since(*BEGIN.get_or_init(|| now))
        .as_secs()
}

impl Meter {
    pub(crate) fn new() -> Self {
        Self::default()
    }

    /// Returns a meter that admits at most `limit` lines a second.
    pub(crate) fn with_limit(limit: u64) -> Self {
        let (second, in_second, suppressed) = Default::default();
        Self {
            limit,
            second,
            in_second,
            suppressed,
        }
    }

    /// Whether what happens at `now` gets a line; else it is counted.
    pub(crate) fn admit(&self, now: Instant) -> bool {
        let admitted = self.admit_in(second(now));
        if !admitted {
            self.suppress(1);
        }
        admitted
    }

    /// Whether what happens in that [`second`] gets a line; else it is to be
    /// [counted](Self::suppress).
    pub(crate) fn admit_in(&self, second: u64) -> bool {
        if self.second.load(Ordering::Relaxed) != second {
            self.second.store(second, Ordering::Relaxed);
            self.in_second.store(0, Ordering::Relaxed);
        }
        self.in_second.load(Ordering::Relaxed) < self.limit
            && self.in_second.fetch_add(1, Ordering::Relaxed) < self.limit
    }

    /// So many got no line.
    pub(crate) fn suppress(&self, count: u64) {
        self.suppressed.fetch_add(count, Ordering::Relaxed);
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
    fn each_second_is_counted_by_itself() {
        let (counter, now) = (PerSecond::default(), Instant::now());
        let later = now + Duration::from_secs(1);
        assert_eq!(
            [counter.count(now), counter.count(now), counter.count(later)],
            [1, 2, 1]
        );
    }

    #[test]
    fn calls_beyond_the_rate_are_counted() {
        let meter = Meter::new();
        let now = Instant::now();
        let admitted = (0..MAX_LINES_PER_SECOND + 7)
            .filter(|_| meter.admit(now))
            .count() as u64;
        assert_eq!(
            (admitted, meter.take_suppressed()),
            (MAX_LINES_PER_SECOND, 7)
        );
        assert!(meter.admit(now + Duration::from_secs(1)));
        assert_eq!(meter.take_suppressed(), 0);
    }
}
