//! [`ProofTries`]: how often an address may try to prove that it has the deploy key.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// Number of wrong proofs of an address that are answered at once. The answers to further wrong
/// proofs are delayed.
const FREE_TRIES: u32 = 3;

/// Delay of the answer to a wrong proof. The delays of one address follow one another.
const TRY_PAUSE: Duration = Duration::from_millis(100);

/// Maximum number of delayed answers to one address. Further answers are not delayed, so that
/// these connections end sooner.
const MAX_WAITING_TRIES: usize = 50;

/// Time after its last wrong proof when the wrong proofs of an address are forgotten.
const TRIES_REMEMBERED: Duration = Duration::from_mins(1);

/// The wrong proofs of one address. After [`FREE_TRIES`] of them, further ones are answered one
/// after the other, each with a delay.
/// [`count_refusal`](crate::connection::pressure::Pressure::count_refusal) limits how many can be
/// sent.
#[derive(Debug, Default)]
pub(crate) struct ProofTries {
    /// The number of wrong proofs, and the time of the last one.
    wrong: Mutex<(u32, Option<Instant>)>,
    /// Number of tries in [`wait_for_turn`](Self::wait_for_turn). At most [`MAX_WAITING_TRIES`] of
    /// them are delayed.
    waiting: AtomicUsize,
    turn: tokio::sync::Mutex<()>,
}

impl ProofTries {
    /// Returns whether wrong proofs of this address still count.
    pub(crate) fn are_remembered(&self, now: Instant) -> bool {
        self.count(now) > 0
    }

    /// Waits until a wrong proof of this address may be answered. Returns at once if too many
    /// others wait.
    pub(crate) async fn wait_for_turn(&self) {
        if self.count(Instant::now()) < FREE_TRIES {
            return;
        }
        let before = self.waiting.fetch_add(1, Ordering::Relaxed);
        let _waiting = WaitingTry(&self.waiting);
        if before >= MAX_WAITING_TRIES {
            return;
        }
        let _turn = self.turn.lock().await;
        tokio::time::sleep(TRY_PAUSE).await;
    }

    pub(crate) fn count_wrong(&self, now: Instant) {
        let count = self.count(now);
        *self.lock() = (count.saturating_add(1), Some(now));
    }

    fn count(&self, now: Instant) -> u32 {
        let (count, last) = *self.lock();
        let is_recent = |last| now.saturating_duration_since(last) < TRIES_REMEMBERED;
        if last.is_some_and(is_recent) {
            count
        } else {
            0
        }
    }

    fn lock(&self) -> MutexGuard<'_, (u32, Option<Instant>)> {
        self.wrong.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Counts a try that waits. Dropping this ends the count.
struct WaitingTry<'a>(&'a AtomicUsize);

impl Drop for WaitingTry<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt as _;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn after_some_wrong_proofs_the_answers_to_an_address_are_delayed_one_after_the_other() {
        let tries = ProofTries::default();
        for _ in 0..FREE_TRIES {
            assert_eq!(tries.wait_for_turn().now_or_never(), Some(()));
            tries.count_wrong(Instant::now());
        }
        let began = tokio::time::Instant::now();
        let turns = (0..MAX_WAITING_TRIES + 7).map(|_| async {
            tries.wait_for_turn().await;
            began.elapsed()
        });
        let delays = futures_util::future::join_all(turns).await;
        let waited = delays.iter().filter(|delay| !delay.is_zero()).count();
        assert_eq!(
            waited, MAX_WAITING_TRIES,
            "further tries are answered at once"
        );
        assert!(began.elapsed() >= TRY_PAUSE * MAX_WAITING_TRIES as u32);
        assert!(tries.are_remembered(Instant::now()));
        assert!(!tries.are_remembered(Instant::now() + TRIES_REMEMBERED));
        assert_eq!(tries.waiting.load(Ordering::Relaxed), 0);
    }
}
