//! [`Room`]: a number of bytes for the long messages that are incomplete. A message that finds none
//! waits for it, and its connection is not read meanwhile.
//!
//! A message takes room for its whole length before more of it is read. So no two messages wait for
//! each other. Nothing is allocated for a length that was only declared.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Number of bytes of one permit.
const PERMIT_BYTES: usize = 1 << 10;

/// A number of bytes for incomplete messages, either of all addresses or of one of them.
#[derive(Debug)]
pub(crate) struct Room {
    permits: Arc<Semaphore>,
    /// Number of messages that wait.
    waiting: AtomicUsize,
}

/// The rooms that a message needs: that of its address and that of the server.
#[derive(Debug, Clone)]
pub(crate) struct Rooms {
    pub(crate) of_address: Arc<Room>,
    pub(crate) of_server: Arc<Room>,
}

/// What a connection has of its rooms.
#[derive(Default)]
pub(crate) enum Claim {
    #[default]
    None,
    /// The room is taken as soon as there is some. The result is `None` if there is none in time.
    Waits(Pin<Box<dyn Future<Output = Option<Taken>> + Send>>),
    Has {
        _room: Taken,
    },
}

/// Room that is taken. Dropping this gives it back.
#[derive(Debug)]
pub(crate) struct Taken {
    _of_address: OwnedSemaphorePermit,
    _of_server: OwnedSemaphorePermit,
}

/// A message that waits for a room. Dropping this says that it waits no more.
struct Waiter<'a>(&'a Room);

impl Room {
    /// Returns a room of that many bytes.
    pub(crate) fn new(bytes: usize) -> Arc<Self> {
        Arc::new(Self {
            permits: Arc::new(Semaphore::new(
                (bytes / PERMIT_BYTES).min(Semaphore::MAX_PERMITS),
            )),
            waiting: AtomicUsize::new(0),
        })
    }

    async fn take(&self, permits: u32) -> Option<OwnedSemaphorePermit> {
        let _waiter = Waiter::new(self);
        let taken = Arc::clone(&self.permits).acquire_many_owned(permits).await;
        taken.ok()
    }

    fn is_awaited(&self) -> bool {
        self.waiting.load(Ordering::Relaxed) > 0
    }
}

impl Rooms {
    /// Returns whether a message waits for one of these rooms.
    pub(crate) fn are_awaited(&self) -> bool {
        self.of_address.is_awaited() || self.of_server.is_awaited()
    }

    /// Takes room for a message of that many bytes, or begins to wait for it, at most for `timeout`.
    pub(crate) fn claim(&self, bytes: usize, timeout: Duration) -> Claim {
        let permits = u32::try_from(bytes.div_ceil(PERMIT_BYTES)).unwrap_or(u32::MAX);
        if let Some(taken) = self.try_take(permits) {
            return Claim::Has { _room: taken };
        }
        let rooms = self.clone();
        Claim::Waits(Box::pin(async move {
            let taken = tokio::time::timeout(timeout, rooms.take(permits)).await;
            taken.ok().flatten()
        }))
    }

    fn try_take(&self, permits: u32) -> Option<Taken> {
        let try_take = |room: &Room| {
            Arc::clone(&room.permits)
                .try_acquire_many_owned(permits)
                .ok()
        };
        Some(Taken {
            _of_address: try_take(&self.of_address)?,
            _of_server: try_take(&self.of_server)?,
        })
    }

    /// Waits for room, first for that of the address, so that an address with many messages does not
    /// fill the queue for that of the server.
    async fn take(&self, permits: u32) -> Option<Taken> {
        Some(Taken {
            _of_address: self.of_address.take(permits).await?,
            _of_server: self.of_server.take(permits).await?,
        })
    }
}

impl Claim {
    /// Waits for the room. Returns whether the connection has it; if not, there was none in time.
    pub(crate) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<bool> {
        let Self::Waits(waiting) = self else {
            return Poll::Ready(true);
        };
        waiting.as_mut().poll(cx).map(|taken| {
            *self = taken.map_or(Self::None, |taken| Self::Has { _room: taken });
            matches!(self, Self::Has { .. })
        })
    }
}

impl std::fmt::Debug for Claim {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::None => "None",
            Self::Waits(_) => "Waits",
            Self::Has { .. } => "Has",
        })
    }
}

impl<'a> Waiter<'a> {
    fn new(room: &'a Room) -> Self {
        room.waiting.fetch_add(1, Ordering::Relaxed);
        Self(room)
    }
}

impl Drop for Waiter<'_> {
    fn drop(&mut self) {
        self.0.waiting.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KIB: usize = 1 << 10;
    const TIMEOUT: Duration = Duration::from_secs(30);

    /// Returns the rooms of two addresses with half of the server's room each.
    fn rooms() -> [Rooms; 2] {
        let of_server = Room::new(100 * KIB);
        [50, 50].map(|kib| Rooms {
            of_address: Room::new(kib * KIB),
            of_server: Arc::clone(&of_server),
        })
    }

    async fn wait(claim: &mut Claim) -> bool {
        std::future::poll_fn(|cx| claim.poll(cx)).await
    }

    /// Polls a claim once. Returns whether it still waits.
    async fn waits(claim: &mut Claim) -> bool {
        std::future::poll_fn(|cx| Poll::Ready(claim.poll(cx).is_pending())).await
    }

    #[tokio::test(start_paused = true)]
    async fn a_message_waits_until_there_is_room_and_others_get_theirs_in_turn() {
        let [one, two] = rooms();
        let first = one.claim(30 * KIB, TIMEOUT);
        assert!(matches!(first, Claim::Has { .. }));
        let mut second = one.claim(21 * KIB, TIMEOUT);
        assert!(waits(&mut second).await && one.are_awaited());
        // A shorter message does not overtake the one that waits.
        let mut third = one.claim(KIB, TIMEOUT);
        assert!(waits(&mut third).await);
        let other = two.claim(50 * KIB, TIMEOUT);
        assert!(matches!(other, Claim::Has { .. }) && !two.are_awaited());
        drop(first);
        assert!(wait(&mut second).await && wait(&mut third).await);
        assert!(!one.are_awaited());
        drop((second, third, other));
        assert_eq!(one.of_server.permits.available_permits(), 100);
        assert_eq!(one.of_address.permits.available_permits(), 50);
    }

    #[tokio::test(start_paused = true)]
    async fn a_message_for_which_there_is_no_room_in_time_is_told_so() {
        let [one, _] = rooms();
        let first = one.claim(50 * KIB, TIMEOUT);
        let mut second = one.claim(1, TIMEOUT);
        assert!(!wait(&mut second).await);
        assert!(matches!(second, Claim::None) && !one.are_awaited());
        drop(first);
        assert!(matches!(one.claim(1, TIMEOUT), Claim::Has { .. }));
    }
}
