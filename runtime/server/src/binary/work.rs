//! [`Work`]: what a session waits for beside its stream: calls, the server's drain, another
//! generation, its own timer.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Instant;

use futures_util::future::{AbortHandle, Abortable};
use futures_util::stream::{FuturesUnordered, Stream, StreamExt as _};
use tokio::sync::watch;
use wire::exception::{Exception, ExceptionType};
use wire::outbox::Outbox;

use crate::calls::dispatch::Grant;
use crate::engine::InFlight;

/// Something that was waited for.
pub(super) enum Done {
    Call(EndedCall),
    /// The server stops.
    Drain,
    /// Another generation is live; the same tells of the next.
    Swap(watch::Receiver<u64>),
    /// The timer that was set for then is due.
    Timer(Instant),
}

/// A call that has ended.
pub(super) struct EndedCall {
    pub(super) call: u64,
    pub(super) grant: Grant,
    pub(super) generation: u64,
    pub(super) began_at: Instant,
    /// The returned values.
    pub(super) result: Result<Outbox, Exception>,
}

/// Controls a call that runs.
#[derive(Debug)]
pub(super) struct CallControl {
    abort: AbortHandle,
    /// The call counts against the limits at least as long as it is in the session's table.
    _in_flight: InFlight,
}

impl CallControl {
    /// Gives the call up.
    pub(super) fn cancel(&self) {
        self.abort.abort();
    }
}

/// What a session waits for. Only what was woken is polled.
pub(super) struct Work {
    waiting: FuturesUnordered<Pin<Box<dyn Future<Output = Done> + Send>>>,
    /// When each timer is due.
    timers: Vec<Instant>,
}

impl Work {
    pub(super) fn new(mut drain: watch::Receiver<bool>, swaps: watch::Receiver<u64>) -> Self {
        let waiting: FuturesUnordered<Pin<Box<dyn Future<Output = Done> + Send>>> =
            FuturesUnordered::new();
        waiting.push(Box::pin(async move {
            // A dropped sender also means shutdown.
            let _ = drain.wait_for(|drain| *drain).await;
            Done::Drain
        }));
        let mut work = Self {
            waiting,
            timers: Vec::new(),
        };
        work.await_swap(swaps);
        work
    }

    /// Waits until another generation is live.
    pub(super) fn await_swap(&mut self, mut swaps: watch::Receiver<u64>) {
        self.waiting.push(Box::pin(async move {
            if swaps.changed().await.is_err() {
                // No other generation will become live.
                std::future::pending::<()>().await;
            }
            Done::Swap(swaps)
        }));
    }

    /// Waits for a call's end. `ended` makes the ended call of its result.
    pub(super) fn wait_for(
        &mut self,
        in_flight: InFlight,
        result: impl Future<Output = Result<Outbox, Exception>> + Send + 'static,
        ended: impl FnOnce(Result<Outbox, Exception>) -> EndedCall + Send + 'static,
    ) -> CallControl {
        let (abort, registration) = AbortHandle::new_pair();
        let control = CallControl {
            abort,
            _in_flight: in_flight.clone(),
        };
        self.waiting.push(Box::pin(async move {
            let result = Abortable::new(result, registration)
                .await
                .unwrap_or_else(|_| {
                    let message = "the caller gave up";
                    Err(Exception::new(
                        ExceptionType::Cancelled,
                        in_flight.executed(),
                        message,
                    ))
                });
            Done::Call(ended(result))
        }));
        control
    }

    /// Wakes the session at that time, or earlier. Returns whether a timer was added for it.
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

    /// Removes a timer that has gone off.
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
