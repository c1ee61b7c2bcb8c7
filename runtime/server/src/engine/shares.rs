//! [`Shares`]: gives a bounded number of slots to clients, so that no client holds all slots while
//! others wait.
//!
//! A free slot goes to the waiting client that holds the fewest slots. If several clients hold the
//! fewest, it goes to the one that has waited longest. A client holds at most
//! [`per_client`](Shares::set_per_client) slots.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::oneshot;

use super::InFlight;

/// Number of waiters after which those that gave up are removed.
const SWEEP_INTERVAL: u64 = 256;

/// A bounded number of slots.
#[derive(Debug)]
pub struct Shares {
    slots: usize,
    state: Mutex<SharesState>,
}

#[derive(Debug)]
struct SharesState {
    /// Number of free slots. `free + the sum of all held == slots`
    free: usize,
    /// Maximum number of slots that one client may hold. `1 <= per_client <= max(slots, 1)`
    per_client: usize,
    /// All clients that hold a slot or wait for one.
    clients: HashMap<Arc<str>, ClientShares>,
    /// The number of the next waiter.
    next_waiter: u64,
}

#[derive(Debug, Default)]
struct ClientShares {
    /// Number of slots that the client holds.
    held: usize,
    /// The waiters with their numbers, the earliest at the front.
    waiting: VecDeque<(u64, oneshot::Sender<Share>)>,
}

/// A slot that a client holds. Dropping this frees the slot.
#[derive(Debug)]
pub struct Share {
    shares: Arc<Shares>,
    client: Arc<str>,
}

impl Shares {
    /// Returns `slots` free slots. One client may hold all of them.
    pub fn new(slots: usize) -> Arc<Self> {
        let state = SharesState {
            free: slots,
            per_client: slots,
            clients: HashMap::new(),
            next_waiter: 0,
        };
        Arc::new(Self {
            slots,
            state: Mutex::new(state),
        })
    }

    /// Sets the maximum number of slots that one client may hold.
    pub fn set_per_client(self: &Arc<Self>, per_client: usize) {
        let mut state = self.lock();
        state.per_client = per_client.clamp(1, self.slots.max(1));
        self.hand_out(state);
    }

    /// Returns whether any slot is held.
    pub fn is_used(&self) -> bool {
        self.lock().free < self.slots
    }

    /// Waits for a slot.
    pub async fn take(self: &Arc<Self>, client: &Arc<str>) -> Share {
        loop {
            let waiting = {
                let mut state = self.lock();
                if state.take_free(client) {
                    return Share {
                        shares: Arc::clone(self),
                        client: Arc::clone(client),
                    };
                }
                state.add_waiter(client)
            };
            // An error is not expected: senders are dropped only after their receivers.
            if let Ok(share) = waiting.await {
                return share;
            }
        }
    }

    /// Waits for a slot for a call. The call gets none while the peer of its session has too many
    /// unread answers.
    pub async fn take_for(self: &Arc<Self>, client: &Arc<str>, in_flight: &InFlight) -> Share {
        let session = in_flight.session();
        loop {
            session.until_may_start().await;
            let share = self.take(client).await;
            if session.may_start() {
                return share;
            }
        }
    }

    /// Gives free slots to waiters.
    fn hand_out(self: &Arc<Self>, mut state: MutexGuard<'_, SharesState>) {
        let mut granted = Vec::new();
        while let Some((client, waiter)) = state.grant() {
            granted.push((
                waiter,
                Share {
                    shares: Arc::clone(self),
                    client,
                },
            ));
        }
        drop(state);
        for (waiter, share) in granted {
            // If the waiter has given up, the share is dropped here, which hands it out again.
            let _ = waiter.send(share);
        }
    }

    fn lock(&self) -> MutexGuard<'_, SharesState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl SharesState {
    /// Takes a slot if one is free, the client may hold another one, and the client has no waiters.
    /// Returns whether a slot was taken.
    fn take_free(&mut self, client: &Arc<str>) -> bool {
        let per_client = self.per_client;
        if self.free == 0 {
            return false;
        }
        let entry = self.clients.entry(Arc::clone(client)).or_default();
        entry.remove_closed_waiters();
        let takes = entry.held < per_client && entry.waiting.is_empty();
        if takes {
            entry.held += 1;
            self.free -= 1;
        }
        takes
    }

    /// Adds a waiter of that client. Removes waiters that gave up, once per [`SWEEP_INTERVAL`].
    fn add_waiter(&mut self, client: &Arc<str>) -> oneshot::Receiver<Share> {
        let (waiter, waiting) = oneshot::channel();
        let number = self.next_waiter;
        self.next_waiter += 1;
        if number % SWEEP_INTERVAL == SWEEP_INTERVAL - 1 {
            for client in self.clients.values_mut() {
                client.remove_closed_waiters();
            }
            self.clients
                .retain(|_, client| client.held > 0 || !client.waiting.is_empty());
        }
        self.clients
            .entry(Arc::clone(client))
            .or_default()
            .waiting
            .push_back((number, waiter));
        waiting
    }

    /// Takes a free slot for the waiter whose turn it is, if there are both.
    fn grant(&mut self) -> Option<(Arc<str>, oneshot::Sender<Share>)> {
        let per_client = self.per_client;
        while self.free > 0 {
            let may_get_one = |(_, client): &(&Arc<str>, &mut ClientShares)| {
                client.held < per_client && !client.waiting.is_empty()
            };
            let rank = |(_, client): &(&Arc<str>, &mut ClientShares)| {
                (
                    client.held,
                    client.waiting.front().map(|(number, _)| *number),
                )
            };
            let (name, client) = self
                .clients
                .iter_mut()
                .filter(may_get_one)
                .min_by_key(rank)?;
            let (_, waiter) = client.waiting.pop_front()?;
            if waiter.is_closed() {
                continue;
            }
            client.held += 1;
            self.free -= 1;
            return Some((Arc::clone(name), waiter));
        }
        None
    }
}

impl ClientShares {
    /// Removes waiters that gave up.
    fn remove_closed_waiters(&mut self) {
        self.waiting.retain(|(_, waiter)| !waiter.is_closed());
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        let mut state = self.shares.lock();
        state.free += 1;
        if let Some(client) = state.clients.get_mut(&self.client) {
            client.held -= 1;
            if client.held == 0 && client.waiting.is_empty() {
                state.clients.remove(&self.client);
            }
        }
        self.shares.hand_out(state);
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt as _;

    use super::*;

    fn client(name: &str) -> Arc<str> {
        Arc::from(name)
    }

    fn take(shares: &Arc<Shares>, name: &str) -> Option<Share> {
        shares.take(&client(name)).now_or_never()
    }

    #[test]
    fn one_client_cannot_hold_all_slots() {
        let shares = Shares::new(4);
        shares.set_per_client(3);
        let held: Vec<_> = (0..3)
            .map(|_| take(&shares, "greedy").expect("a slot"))
            .collect();
        assert!(
            take(&shares, "greedy").is_none(),
            "the last slot is for others"
        );
        let other = take(&shares, "other").expect("the last slot");
        assert!(take(&shares, "other").is_none() && shares.is_used());
        drop((held, other));
        assert!(!shares.is_used() && shares.lock().clients.is_empty());
    }

    #[tokio::test]
    async fn a_free_slot_goes_to_the_client_that_holds_the_fewest() {
        let shares = Shares::new(2);
        let first = take(&shares, "greedy").expect("a slot");
        let second = take(&shares, "greedy").expect("a slot");
        let greedy = client("greedy");
        let other = client("other");
        let earlier = shares.take(&greedy);
        let later = shares.take(&other);
        tokio::pin!(earlier, later);
        assert!(
            earlier.as_mut().now_or_never().is_none() && later.as_mut().now_or_never().is_none()
        );
        drop(first);
        let later = later.await;
        assert!(
            earlier.as_mut().now_or_never().is_none(),
            "the client `other` holds fewer slots"
        );
        drop(second);
        drop((earlier.await, later));
        assert!(!shares.is_used());
    }

    #[test]
    fn waiters_that_gave_up_are_removed() {
        let shares = Shares::new(1);
        let held = take(&shares, "a").expect("the slot");
        for _ in 0..2 * SWEEP_INTERVAL {
            assert!(take(&shares, "b").is_none());
        }
        let waiting = shares
            .lock()
            .clients
            .get("b")
            .map_or(0, |client| client.waiting.len());
        assert!(
            waiting <= SWEEP_INTERVAL as usize,
            "{waiting} waiters are kept"
        );
        drop(held);
        assert!(take(&shares, "c").is_some());
    }

    #[test]
    fn a_slot_that_is_given_to_a_waiter_that_gave_up_is_not_lost() {
        let shares = Shares::new(1);
        let held = take(&shares, "a").expect("the slot");
        let other = client("b");
        let mut waiting = Box::pin(shares.take(&other));
        assert!(waiting.as_mut().now_or_never().is_none());
        drop(held);
        // The waiter has been given the slot, but gives up before it takes the slot.
        drop(waiting);
        assert!(take(&shares, "c").is_some());
    }
}
