//! [`Shares`]: hands a bounded number of slots to clients, so that none of them holds all while
//! others wait.
//!
//! A slot that becomes free goes to the waiting client that holds the fewest, and among those to
//! the one that has waited longest. A client holds at most [`per_client`](Shares::set_per_client)
//! slots.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::oneshot;

use super::InFlight;

/// Waiters that gave up are removed each time so many have come.
const SWEEP: u64 = 256;

/// A bounded number of slots.
#[derive(Debug)]
pub struct Shares {
    slots: usize,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    /// `free + the sum of all held == slots`
    free: usize,
    /// The most slots that one client may hold; `1 <= per_client <= slots`.
    per_client: usize,
    /// Every client that holds a slot or waits for one.
    clients: HashMap<Arc<str>, Client>,
    /// The number of the next waiter.
    next: u64,
}

#[derive(Debug, Default)]
struct Client {
    held: usize,
    /// First come at the front, each with its number.
    waiting: VecDeque<(u64, oneshot::Sender<Share>)>,
}

/// A slot that a client holds. It is free again when this is dropped.
#[derive(Debug)]
pub struct Share {
    shares: Arc<Shares>,
    client: Arc<str>,
}

impl Shares {
    /// `slots` free slots, all of which one client may hold.
    pub fn new(slots: usize) -> Arc<Self> {
        let state = State {
            free: slots,
            per_client: slots,
            clients: HashMap::new(),
            next: 0,
        };
        Arc::new(Self {
            slots,
            state: Mutex::new(state),
        })
    }

    /// Sets the most slots that one client may hold.
    pub fn set_per_client(self: &Arc<Self>, per_client: usize) {
        let mut state = self.lock();
        state.per_client = per_client.clamp(1, self.slots.max(1));
        self.hand_out(state);
    }

    /// Whether any slot is held.
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
                state.wait(client)
            };
            // The sender is dropped only where it was given up.
            if let Ok(share) = waiting.await {
                return share;
            }
        }
    }

    /// Waits for a slot for a call. While the peer of its session leaves too many answers untaken,
    /// it gets none.
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

    /// Gives free slots to those who wait.
    fn hand_out(self: &Arc<Self>, mut state: MutexGuard<'_, State>) {
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
            // Where the waiter has just gone, the share is dropped here, which hands it out again.
            let _ = waiter.send(share);
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Takes a slot at once, if one is free, the client may hold one more, and none of its own
    /// calls waits.
    fn take_free(&mut self, client: &Arc<str>) -> bool {
        let per_client = self.per_client;
        if self.free == 0 {
            return false;
        }
        let entry = self.clients.entry(Arc::clone(client)).or_default();
        entry.waiting.retain(|(_, waiter)| !waiter.is_closed());
        let takes = entry.held < per_client && entry.waiting.is_empty();
        if takes {
            entry.held += 1;
            self.free -= 1;
        }
        takes
    }

    fn wait(&mut self, client: &Arc<str>) -> oneshot::Receiver<Share> {
        let (waiter, waiting) = oneshot::channel();
        let number = self.next;
        self.next += 1;
        if number % SWEEP == SWEEP - 1 {
            for client in self.clients.values_mut() {
                client.waiting.retain(|(_, waiter)| !waiter.is_closed());
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

    /// Takes a free slot for the waiter whose turn it is.
    fn grant(&mut self) -> Option<(Arc<str>, oneshot::Sender<Share>)> {
        let per_client = self.per_client;
        while self.free > 0 {
            let waits = |(_, client): &(&Arc<str>, &mut Client)| {
                client.held < per_client && !client.waiting.is_empty()
            };
            let turn = |(_, client): &(&Arc<str>, &mut Client)| {
                (
                    client.held,
                    client.waiting.front().map(|(number, _)| *number),
                )
            };
            let (name, client) = self.clients.iter_mut().filter(waits).min_by_key(turn)?;
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
    fn a_client_leaves_a_slot_to_the_others() {
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
        let (greedy, other) = (client("greedy"), client("other"));
        let (again, late) = (shares.take(&greedy), shares.take(&other));
        tokio::pin!(again, late);
        assert!(again.as_mut().now_or_never().is_none() && late.as_mut().now_or_never().is_none());
        drop(first);
        let late = late.await;
        assert!(
            again.as_mut().now_or_never().is_none(),
            "the other one holds fewer"
        );
        drop(second);
        drop((again.await, late));
        assert!(!shares.is_used());
    }

    #[test]
    fn who_gave_up_holds_nothing() {
        let shares = Shares::new(1);
        let held = take(&shares, "a").expect("the slot");
        for _ in 0..2 * SWEEP {
            assert!(take(&shares, "b").is_none());
        }
        let waiting = shares
            .lock()
            .clients
            .get("b")
            .map_or(0, |client| client.waiting.len());
        assert!(waiting <= SWEEP as usize, "{waiting} are kept");
        drop(held);
        assert!(take(&shares, "c").is_some());
    }

    #[test]
    fn a_slot_is_never_lost_between_who_frees_it_and_who_gives_up() {
        let shares = Shares::new(1);
        let held = take(&shares, "a").expect("the slot");
        let other = client("b");
        let mut waiting = Box::pin(shares.take(&other));
        assert!(waiting.as_mut().now_or_never().is_none());
        drop(held);
        // It was handed the slot and never looks.
        drop(waiting);
        assert!(take(&shares, "c").is_some());
    }
}
