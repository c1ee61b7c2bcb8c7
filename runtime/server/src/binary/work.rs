//! [`Work`]: what a session waits for: calls under way, the server's drain, its own timer.

use std::collections::HashMap;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use futures_util::future::{AbortHandle, Abortable};
use futures_util::stream::{FuturesUnordered, Stream, StreamExt as _};
use tokio::sync::watch;

use crate::dispatch::Found;
use crate::engine::InFlight;
use wire::exception::{Exception, ExceptionType};
use wire::outbox::Outbox;

/// No call takes longer, whatever its deadline.
pub(super) const LONGEST_CALL: Duration = Duration::from_hours(24 * 366);

/// Something that was waited for.
pub(super) enum Done {
    Call(Answer),
    /// The server stops.
    Drain,
    /// Another generation is live; the same tells of the next.
    Swap(watch::Receiver<u64>),
    /// The timer that was set for then is due.
    Timer(Instant),
}

/// A call that has ended.
pub(super) struct Answer {
    pub(super) call: u64,
    pub(super) found: Found,
    pub(super) generation: u64,
    pub(super) began: Instant,
    /// How many bytes of arguments it held.
    pub(super) held_bytes: usize,
    /// The returned values.
    pub(super) result: Result<Outbox, Exception>,
}

/// What a session waits for. Only what was woken is polled.
pub(super) struct Work {
    waiting: FuturesUnordered<Pin<Box<dyn Future<Output = Done> + Send>>>,
    calls: HashMap<u64, (AbortHandle, InFlight)>,
    /// When each timer is due.
    timers: Vec<Instant>,
}

impl Work {
    pub(super) fn new(mut drain: watch::Receiver<bool>, swaps: watch::Receiver<u64>) -> Self {
        let waiting: FuturesUnordered<Pin<Box<dyn Future<Output = Done> + Send>>> = FuturesUnordered::new();
        waiting.push(Box::pin(async move {
            // Whoever could say so being gone is a stop too.
            let _ = drain.wait_for(|drain| *drain).await;
            Done::Drain
        }));
        let mut work = Self { waiting, calls: HashMap::new(), timers: Vec::new() };
        work.await_swap(swaps);
        work
    }

    /// Waits until another generation is live.
    pub(super) fn await_swap(&mut self, mut swaps: watch::Receiver<u64>) {
        self.waiting.push(Box::pin(async move {
            if swaps.changed().await.is_err() {
                // Nobody is left who could make another one live.
                std::future::pending::<()>().await;
            }
            Done::Swap(swaps)
        }));
    }

    /// Waits for a call's end. `answer` makes an answer of its result.
    pub(super) fn begin(
        &mut self,
        call: u64,
        in_flight: InFlight,
        result: impl Future<Output = Result<Outbox, Exception>> + Send + 'static,
        answer: impl FnOnce(Result<Outbox, Exception>) -> Answer + Send + 'static,
    ) {
        let (abort, registration) = AbortHandle::new_pair();
        self.calls.insert(call, (abort, in_flight.clone()));
        self.waiting.push(Box::pin(async move {
            let result = Abortable::new(result, registration).await.unwrap_or_else(|_| {
                let message = "the caller gave up";
                Err(Exception::new(ExceptionType::Cancelled, in_flight.executed(), message))
            });
            Done::Call(answer(result))
        }));
    }

    /// A call has ended.
    pub(super) fn end(&mut self, call: u64) {
        self.calls.remove(&call);
    }

    /// Gives a call up, if it has not ended.
    pub(super) fn cancel(&self, call: u64) {
        if let Some((abort, _)) = self.calls.get(&call) {
            abort.abort();
        }
    }

    /// How many calls are under way.
    pub(super) fn len(&self) -> usize {
        self.calls.len()
    }

    /// Whether no call is under way.
    pub(super) fn is_idle(&self) -> bool {
        self.calls.is_empty()
    }

    /// Wakes the session at that time, or earlier. The answer: whether that takes a timer that was not set before.
    pub(super) fn set_timer(&mut self, due: Instant, now: Instant) -> bool {
        if self.timers.iter().any(|timer| *timer <= due.max(now)) {
            return false;
        }
        self.timers.push(due);
        self.waiting.push(Box::pin(async move {
            tokio::time::sleep_until(due.into()).await;
            Done::Timer(due)
        }));
        true
    }

    /// A timer has gone off.
    pub(super) fn end_timer(&mut self, due: Instant) {
        self.timers.retain(|timer| *timer != due);
    }
}

impl Stream for Work {
    type Item = Done;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Done>> {
        self.waiting.poll_next_unpin(cx)
    }
}
