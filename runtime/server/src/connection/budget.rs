//! [`Budget`]: a number of bytes that all sessions of a server share. One address may use at most
//! half of it.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// A bounded number of bytes.
#[derive(Debug)]
pub(crate) struct Budget {
    limit: usize,
    /// `used <= limit`
    used: AtomicUsize,
}

/// Number of bytes of a budget that the sessions of one address use.
#[derive(Debug, Default)]
pub(crate) struct AddressUse(AtomicUsize);

/// The bytes of a budget that one session uses. Dropping this frees them.
#[derive(Debug)]
pub(crate) struct Reservation {
    budget: Arc<Budget>,
    address: Arc<AddressUse>,
    bytes: usize,
}

impl Budget {
    /// Returns a budget of `limit` bytes.
    pub(crate) fn new(limit: usize) -> Arc<Self> {
        Arc::new(Self {
            limit,
            used: AtomicUsize::new(0),
        })
    }

    /// Returns an empty reservation for a session. `address` is the use of the session's address.
    pub(crate) fn reservation(self: &Arc<Self>, address: &Arc<AddressUse>) -> Reservation {
        Reservation {
            budget: Arc::clone(self),
            address: Arc::clone(address),
            bytes: 0,
        }
    }
}

impl Reservation {
    /// Sets the number of reserved bytes. Returns whether the budget had that many; if not, nothing
    /// has changed.
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

    /// Returns whether any bytes are reserved.
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

impl Drop for Reservation {
    fn drop(&mut self) {
        self.give_back(self.bytes);
    }
}

/// Adds to a counter, unless the sum would exceed the limit. Returns whether it added.
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
    fn one_address_gets_half_and_all_addresses_together_get_the_limit() {
        let budget = Budget::new(100);
        let [one, two, three] = [(); 3].map(|()| Arc::new(AddressUse::default()));
        let mut first = budget.reservation(&one);
        let mut second = budget.reservation(&one);
        assert!(first.set(30) && second.set(20) && !second.set(21));
        let mut third = budget.reservation(&two);
        let mut fourth = budget.reservation(&three);
        assert!(third.set(45) && !fourth.set(6) && fourth.set(5));
        drop(first);
        assert!(fourth.set(35) && !fourth.set(36));
        assert!(third.set(0) && fourth.set(50));
        drop((second, third, fourth));
        assert_eq!(budget.used.load(Ordering::Relaxed), 0);
        assert_eq!(one.0.load(Ordering::Relaxed), 0);
    }
}
