//! [`Work`]: what a session waits for besides its stream: calls, the drain of the server, another
//! live generation, and timers.

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

/// An event that a session has waited for.
pub(super) enum WorkEvent {
    Call(EndedCall),
    /// The server stops.
    Drain,
    /// Another generation is live. The receiver is there to wait for the next one.
    Swap(watch::Receiver<u64>),
    /// The timer for this time has gone off.
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
    /// Counts the call against the limits at least as long as it is in the session's table.
    _in_flight: InFlight,
}

impl CallControl {
    /// Cancels the call.
    pub(super) fn cancel(&self) {
        self.abort.abort();
    }
}

/// What a session waits for. Only futures that were woken are polled.
pub(super) struct Work {
    waiting: FuturesUnordered<Pin<Box<dyn Future<Output = WorkEvent> + Send>>>,
    /// When each timer is due.
    timers: Vec<Instant>,
}

impl Work {
    pub(super) fn new(mut drain: watch::Receiver<bool>, swaps: watch::Receiver<u64>) -> Self {
        let waiting: FuturesUnordered<Pin<Box<dyn Future<Output = WorkEvent> + Send>>> =
            FuturesUnordered::new();
        waiting.push(Box::pin(async move {
            // A dropped sender also means shutdown.
            let _ = drain.wait_for(|drain| *drain).await;
            WorkEvent::Drain
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
            WorkEvent::Swap(swaps)
        }));
    }

    /// Waits for the end of a call. `ended` makes the ended call from its result.
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
            WorkEvent::Call(ended(result))
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
            WorkEvent::Timer(due)
        }));
        true
    }

    /// Removes a timer that has gone off.
    pub(super) fn end_timer(&mut self, due: Instant) {
        self.timers.retain(|timer| *timer != due);
    }
}

impl Stream for Work {
    type Item = WorkEvent;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<WorkEvent>> {
        self.waiting.poll_next_unpin(cx)
    }
}
