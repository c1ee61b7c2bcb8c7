//! Native handlers at work: in place while they are quick, in a bounded pool of threads while they
//! are not.
//!
//! ```text
//! untried --quick PROVEN times in a row--> in place --slower than SLOW--> untried
//! ```
//!
//! What is untried, or declared blocking, is polled first on a thread of the pool, where it holds
//! nobody up.

use std::any::Any;
use std::panic::AssertUnwindSafe;
use std::pin::Pin;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use tokio::runtime::Handle;
use tokio::sync::Semaphore;

use super::failure::EngineFailure;
use super::{InFlight, Share, Shares};
use crate::log::meter::Meter;
use handler::{Call, Method, PollCall, RunningCall};
use wire::outbox::Outbox;
use wire::value::{DecodeError, Reader};

/// A method that holds its thread for longer is run in the pool from then on.
pub const SLOW: Duration = Duration::from_millis(1);

/// So many quick calls in a row let a method run in place.
const PROVEN: u32 = 16;

/// A method that was slow has to be quick for so many calls.
const PROVEN_AGAIN: u32 = 1000;

/// So many calls at once show how quick a method is of which nothing is known.
const TRIAL_CALLS: usize = 2;

/// The others wait so long for that at most.
const TRIAL: Duration = Duration::from_millis(5);

/// The threads for handlers that hold theirs.
#[derive(Debug, Clone)]
pub struct Threads {
    runtime: Handle,
    free: Arc<Shares>,
}

/// A native procedure, ready to be called.
pub struct NativeMethod {
    method: Method,
    threads: Threads,
    /// How many more quick calls it needs before it runs in place; more than [`PROVEN`] where it
    /// has been slow.
    unproven: AtomicU32,
    /// Of calls that come while nothing is known of it, a few show how quick it is; the others wait
    /// for that.
    trial: Semaphore,
}

impl Threads {
    /// At most `count` threads at once, of that runtime. One client holds at most all but one.
    pub fn new(runtime: Handle, count: usize) -> Self {
        let free = Shares::new(count);
        free.set_per_client(count.saturating_sub(1));
        Self { runtime, free }
    }
}

impl NativeMethod {
    pub fn new(method: Method, threads: Threads) -> Self {
        let trial = Semaphore::new(TRIAL_CALLS);
        Self {
            method,
            threads,
            unproven: AtomicU32::new(PROVEN),
            trial,
        }
    }

    /// The procedure it is.
    pub fn procedure(&self) -> &'static wire::procedure::Procedure {
        self.method.procedure()
    }

    /// Decodes the arguments and begins.
    pub fn start(
        &self,
        call: Call,
        arguments: &mut Reader<'_>,
    ) -> Result<RunningCall, DecodeError> {
        self.method.start(call, arguments)
    }

    /// Whether it may be polled where connections are served.
    pub fn runs_in_place(&self) -> bool {
        !self.method.is_blocking() && self.unproven.load(Ordering::Relaxed) == 0
    }

    /// It held its thread for so long.
    pub fn took(&self, time: Duration) {
        let unproven = self.unproven.load(Ordering::Relaxed);
        if time > SLOW {
            self.unproven.store(PROVEN_AGAIN, Ordering::Relaxed);
        } else if unproven > 0 {
            self.unproven.store(unproven - 1, Ordering::Relaxed);
        }
    }

    /// Runs a call to its end, beginning in the pool unless the method runs in place. The answer:
    /// the returned values.
    ///
    /// # Errors
    /// The exception that the caller gets.
    pub async fn finish(
        self: Arc<Self>,
        mut running: RunningCall,
        client: &Arc<str>,
        deadline: tokio::time::Instant,
        in_flight: InFlight,
    ) -> Result<Outbox, EngineFailure> {
        let unknown = !self.method.is_blocking()
            && (1..=PROVEN).contains(&self.unproven.load(Ordering::Relaxed));
        let trial = if unknown {
            tokio::time::timeout(TRIAL, self.trial.acquire()).await.ok()
        } else {
            None
        };
        if !self.runs_in_place() {
            let thread =
                tokio::time::timeout_at(deadline, self.threads.free.take_for(client, &in_flight))
                    .await;
            let Ok(thread) = thread else {
                let activity = "the call was waiting for a thread";
                return Err(EngineFailure::Expired(activity, in_flight.executed()));
            };
            // Once it is handed over, nothing keeps it from running.
            in_flight.begin();
            let (method, working) = (Arc::clone(&self), in_flight.clone());
            let first = self
                .threads
                .runtime
                .spawn_blocking(move || method.run(running, deadline, &(thread, working)));
            match tokio::time::timeout_at(deadline, first).await {
                Ok(Ok(First::Done(result))) => return taken_over(result, &in_flight),
                Ok(Ok(First::Waits(waits))) => running = waits,
                Ok(Err(error)) => return Err(broken_off(error)),
                Err(_) => return Err(EngineFailure::expired_running()),
            }
        }
        drop(trial);
        if tokio::time::timeout_at(deadline, in_flight.session().until_may_start())
            .await
            .is_err()
        {
            let activity = "earlier answers were not taken";
            return Err(EngineFailure::Expired(activity, in_flight.executed()));
        }
        in_flight.begin();
        let mut out = Outbox::default();
        let polled = std::future::poll_fn(|cx| poll(running.as_mut(), cx, &mut out));
        match tokio::time::timeout_at(deadline, polled).await {
            Ok(result) => taken_over(result.map(|()| out), &in_flight),
            Err(_) => Err(EngineFailure::expired_running()),
        }
    }

    /// On a thread of the pool: one that is declared blocking to its end, any other up to where it
    /// waits. The thread and the call are free when this is done.
    fn run(
        &self,
        mut running: RunningCall,
        deadline: tokio::time::Instant,
        _free_then: &(Share, InFlight),
    ) -> First {
        let mut out = Outbox::default();
        let begin = Instant::now();
        let polled = if self.method.is_blocking() {
            let to_end = std::future::poll_fn(|cx| poll(running.as_mut(), cx, &mut out));
            // One that only waits does not hold its thread beyond the deadline.
            let to_end = async { tokio::time::timeout_at(deadline, to_end).await };
            Poll::Ready(
                self.threads
                    .runtime
                    .block_on(to_end)
                    .unwrap_or_else(|_| Err(EngineFailure::expired_running())),
            )
        } else {
            poll(
                running.as_mut(),
                &mut Context::from_waker(Waker::noop()),
                &mut out,
            )
        };
        self.took(begin.elapsed());
        match polled {
            Poll::Ready(result) => First::Done(result.map(|()| out)),
            Poll::Pending => First::Waits(running),
        }
    }
}

/// Counts an answer before another call of its session starts.
fn taken_over(
    result: Result<Outbox, EngineFailure>,
    in_flight: &InFlight,
) -> Result<Outbox, EngineFailure> {
    result.inspect(|out| in_flight.session().add_untaken(out.len()))
}

/// What became of a call on a thread of the pool.
enum First {
    Done(Result<Outbox, EngineFailure>),
    Waits(RunningCall),
}

/// Goes on with a call; a panic is its failure alone.
pub fn poll(
    running: Pin<&mut dyn PollCall>,
    cx: &mut Context<'_>,
    out: &mut Outbox,
) -> Poll<Result<(), EngineFailure>> {
    let polled = std::panic::catch_unwind(AssertUnwindSafe(|| running.poll_into(cx, out)));
    match polled {
        Ok(Poll::Pending) => Poll::Pending,
        Ok(Poll::Ready(Ok(()))) => Poll::Ready(Ok(())),
        Ok(Poll::Ready(Err(failure))) => {
            let kind = failure.kind().to_owned();
            Poll::Ready(Err(EngineFailure::Raised {
                kind,
                message: failure.message().to_owned(),
            }))
        }
        Err(panic) => Poll::Ready(Err(panicked(&*panic))),
    }
}

/// Returns the failure of a call whose thread did not come to an end.
fn broken_off(error: tokio::task::JoinError) -> EngineFailure {
    error
        .try_into_panic()
        .map_or(EngineFailure::Stopping, |panic| panicked(&*panic))
}

fn panicked(panic: &(dyn Any + Send)) -> EngineFailure {
    static LINES: OnceLock<Meter> = OnceLock::new();
    let words = panic.downcast_ref::<&str>().copied().map(str::to_owned);
    let words = words.or_else(|| panic.downcast_ref::<String>().cloned());
    let words = words.unwrap_or_else(|| "without words".to_owned());
    if LINES.get_or_init(Meter::new).admit(Instant::now()) {
        tracing::error!(event = "handler panicked", message = words);
    }
    EngineFailure::Panicked(words)
}

impl std::fmt::Debug for NativeMethod {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("NativeMethod")
            .field("procedure", &self.method.procedure().rpc)
            .finish_non_exhaustive()
    }
}
