//! [`Meter`]: limits how many lines per second are logged about a procedure, a worker or a peer.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

/// Maximum number of lines per second about one procedure or worker. Further lines are counted.
pub(crate) const MAX_LINES_PER_SECOND: u64 = 100;

/// Counts the lines that are logged about one procedure, worker or peer.
#[derive(Debug)]
pub(crate) struct Meter {
    /// Maximum number of lines per second.
    limit: u64,
    /// The second to which `in_second` belongs; see [`second`].
    second: AtomicU64,
    in_second: AtomicU64,
    suppressed: AtomicU64,
}

/// Counts the events of each second.
#[derive(Debug, Default)]
pub(crate) struct PerSecond {
    /// The second to which `in_second` belongs; see [`second`].
    second: AtomicU64,
    in_second: AtomicU64,
}

impl PerSecond {
    /// Counts an event. Returns how many events were counted in this second.
    pub(crate) fn count(&self, now: Instant) -> u64 {
        let second = second(now);
        if self.second.swap(second, Ordering::Relaxed) != second {
            self.in_second.store(0, Ordering::Relaxed);
        }
        self.in_second.fetch_add(1, Ordering::Relaxed) + 1
    }

    /// Returns how many events were counted in this second.
    pub(crate) fn counted(&self, now: Instant) -> u64 {
        if self.second.load(Ordering::Relaxed) == second(now) {
            self.in_second.load(Ordering::Relaxed)
        } else {
            0
        }
    }
}

impl Default for Meter {
    fn default() -> Self {
        Self::with_limit(MAX_LINES_PER_SECOND)
    }
}

/// Returns the number of seconds from the first call of this function to `now`.
pub(crate) fn second(now: Instant) -> u64 {
    static FIRST_CALL: OnceLock<Instant> = OnceLock::new();
    now.saturating_duration_since(*FIRST_CALL.get_or_init(|| now))
        .as_secs()
}

impl Meter {
    pub(crate) fn new() -> Self {
        Self::default()
    }

    /// Returns a meter that admits at most `limit` lines per second.
    pub(crate) fn with_limit(limit: u64) -> Self {
        Self {
            limit,
            second: AtomicU64::default(),
            in_second: AtomicU64::default(),
            suppressed: AtomicU64::default(),
        }
    }

    /// Returns whether an event at `now` gets a line. Otherwise the event is counted.
    pub(crate) fn admit(&self, now: Instant) -> bool {
        let admitted = self.admit_in(second(now));
        if !admitted {
            self.suppress(1);
        }
        admitted
    }

    /// Returns whether an event in that [`second`] gets a line. Otherwise the caller must
    /// [count](Self::suppress) it.
    pub(crate) fn admit_in(&self, second: u64) -> bool {
        if self.second.load(Ordering::Relaxed) != second {
            self.second.store(second, Ordering::Relaxed);
            self.in_second.store(0, Ordering::Relaxed);
        }
        self.in_second.load(Ordering::Relaxed) < self.limit
            && self.in_second.fetch_add(1, Ordering::Relaxed) < self.limit
    }

    /// Counts events that got no line.
    pub(crate) fn suppress(&self, count: u64) {
        self.suppressed.fetch_add(count, Ordering::Relaxed);
    }

    /// Returns how many events were counted since the last call, and resets the count.
    pub(crate) fn take_suppressed(&self) -> u64 {
        self.suppressed.swap(0, Ordering::Relaxed)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn each_second_has_its_own_count() {
        let counter = PerSecond::default();
        let now = Instant::now();
        let later = now + Duration::from_secs(1);
        assert_eq!([counter.count(now), counter.count(now)], [1, 2]);
        assert_eq!([counter.counted(now), counter.counted(later)], [2, 0]);
        assert_eq!([counter.count(later), counter.counted(later)], [1, 1]);
    }

    #[test]
    fn events_beyond_the_limit_are_counted() {
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
