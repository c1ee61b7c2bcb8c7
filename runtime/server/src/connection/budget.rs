//! [`Budget`]: bytes that all sessions of a server share, of which one address gets at most half.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// A bounded number of bytes.
#[derive(Debug)]
pub(crate) struct Budget {
    limit: usize,
    /// `used <= limit`
    used: AtomicUsize,
}

/// How much of a budget the sessions of one address hold.
#[derive(Debug, Default)]
pub(crate) struct AddressUse(AtomicUsize);

/// A session's part of a budget. Its bytes are free again when this is dropped.
#[derive(Debug)]
pub(crate) struct Reserved {
    budget: Arc<Budget>,
    address: Arc<AddressUse>,
    bytes: usize,
}

impl Budget {
    /// A budget of `limit` bytes.
    pub(crate) fn new(limit: usize) -> Arc<Self> {
        Arc::new(Self {
            limit,
            used: AtomicUsize::new(0),
        })
    }

    /// The limit in bytes.
    pub(crate) fn limit(&self) -> usize {
        self.limit
    }

    /// A part of no bytes, for a session from the address of that use.
    pub(crate) fn part(self: &Arc<Self>, address: &Arc<AddressUse>) -> Reserved {
        Reserved {
            budget: Arc::clone(self),
            address: Arc::clone(address),
            bytes: 0,
        }
    }
}

impl Reserved {
    /// Holds so many bytes from here on. The answer: whether the budget had as many; if not,
    /// nothing has changed.
    pub(crate) fn set(&mut self, bytes: usize) -> bool {
        if bytes <= self.bytes {
            self.give_back(self.bytes - bytes);
            return true;
        }
        let more = bytes - self.bytes;
        let limit = self.budget.limit;
        if !add(&self.address.0, more, limit / 2) {
            return false;
        }
        if !add(&self.budget.used, more, limit) {
            self.address.0.fetch_sub(more, Ordering::Relaxed);
            return false;
        }
        self.bytes = bytes;
        true
    }

    /// Whether it holds any bytes.
    pub(crate) fn is_used(&self) -> bool {
        self.bytes > 0
    }

    fn give_back(&mut self, bytes: usize) {
        if bytes > 0 {
            self.address.0.fetch_sub(bytes, Ordering::Relaxed);
            self.budget.used.fetch_sub(bytes, Ordering::Relaxed);
            self.bytes -= bytes;
        }
    }
}

impl Drop for Reserved {
    fn drop(&mut self) {
        self.give_back(self.bytes);
    }
}

/// Adds to a counter, unless that would exceed the limit.
fn add(counter: &AtomicUsize, more: usize, limit: usize) -> bool {
    let sum = |used: usize| used.checked_add(more).filter(|sum| *sum <= limit);
    counter
        .fetch_update(Ordering::Relaxed, Ordering::Relaxed, sum)
        .is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_address_gets_half_and_all_together_no_more_than_the_limit() {
        let budget = Budget::new(100);
        let [one, two, three] = [(); 3].map(|()| Arc::new(AddressUse::default()));
        let (mut first, mut second) = (budget.part(&one), budget.part(&one));
        assert!(first.set(30) && second.set(20) && !second.set(21));
        let (mut third, mut fourth) = (budget.part(&two), budget.part(&three));
        assert!(third.set(45) && !fourth.set(6) && fourth.set(5));
        drop(first);
        assert!(fourth.set(35) && !fourth.set(36));
        assert!(third.set(0) && fourth.set(50));
        drop((second, third, fourth));
        assert_eq!(budget.used.load(Ordering::Relaxed), 0);
        assert_eq!(one.0.load(Ordering::Relaxed), 0);
    }
}
