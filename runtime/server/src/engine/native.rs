//! Runs native handlers: in place if they are quick, otherwise in a bounded pool of threads.
//!
//! ```text
//!            QUICK_CALLS calls are quick
//! unproven ------------------------------> in place
//!    ^                                        |
//!    +--------a call is slower than SLOW------+
//! ```
//!
//! "In place" is the thread that serves the connection. A method that is unproven or declared
//! blocking is first polled on a thread of the pool, where it holds up no connection.

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
use crate::blocking::panic_message;
use crate::log::meter::Meter;
use handler::{Call, Method, PollCall, RunningCall};
use wire::outbox::Outbox;
use wire::value::{DecodeError, Reader};

/// Time beyond which a call is slow. A method with a slow call runs in the pool from then on.
pub const SLOW: Duration = Duration::from_millis(1);

/// Number of quick calls in a row after which a method runs in place.
const QUICK_CALLS: u32 = 16;

/// Number of quick calls in a row after which a method that was slow runs in place again.
const QUICK_CALLS_AFTER_SLOW: u32 = 1000;

/// Maximum number of calls at once that try out a method.
const TRIAL_CALLS: usize = 2;

/// Maximum time for which other calls wait until the trial calls have ended.
const TRIAL_WAIT: Duration = Duration::from_millis(5);

/// The pool of threads for handlers that compute for long or that block.
#[derive(Debug, Clone)]
pub struct ThreadPool {
    runtime: Handle,
    threads: Arc<Shares>,
}

/// A native procedure, ready to be called.
pub struct NativeMethod {
    method: Method,
    pool: ThreadPool,
    /// How many more quick calls the method needs before it runs in place. More than
    /// [`QUICK_CALLS`] only if the method has been slow.
    quick_calls_needed: AtomicU32,
    /// Permits for the calls that try out the method. Other calls wait for one, so that they run in
    /// place if the method turns out to be quick.
    trial: Semaphore,
}

impl ThreadPool {
    /// Returns a pool of at most `count` threads of that runtime. One client holds at most all
    /// threads but one.
    pub fn new(runtime: Handle, count: usize) -> Self {
        let threads = Shares::new(count);
        threads.set_per_client(count.saturating_sub(1));
        Self { runtime, threads }
    }
}

impl NativeMethod {
    pub fn new(method: Method, pool: ThreadPool) -> Self {
        Self {
            method,
            pool,
            quick_calls_needed: AtomicU32::new(QUICK_CALLS),
            trial: Semaphore::new(TRIAL_CALLS),
        }
    }

    /// Returns the procedure of this method.
    pub fn procedure(&self) -> &'static wire::procedure::Procedure {
        self.method.procedure()
    }

    /// Decodes the arguments and begins a call.
    pub fn start(
        &self,
        call: Call,
        arguments: &mut Reader<'_>,
    ) -> Result<RunningCall, DecodeError> {
        self.method.start(call, arguments)
    }

    /// Returns whether the method may be polled on the thread that serves the connection.
    pub fn runs_in_place(&self) -> bool {
        !self.method.is_blocking() && self.quick_calls_needed.load(Ordering::Relaxed) == 0
    }

    /// Records for how long a call held its thread.
    pub fn record_time(&self, time: Duration) {
        let needed = self.quick_calls_needed.load(Ordering::Relaxed);
        if time > SLOW {
            self.quick_calls_needed
                .store(QUICK_CALLS_AFTER_SLOW, Ordering::Relaxed);
        } else if needed > 0 {
            self.quick_calls_needed.store(needed - 1, Ordering::Relaxed);
        }
    }

    /// Runs a call to its end. Begins in the pool unless the method runs in place. Returns the
    /// returned values.
    ///
    /// # Errors
    /// Returns why the call failed.
    pub async fn finish(
        self: Arc<Self>,
        mut running: RunningCall,
        client: &Arc<str>,
        deadline: tokio::time::Instant,
        in_flight: InFlight,
    ) -> Result<Outbox, EngineFailure> {
        let is_in_trial = !self.method.is_blocking()
            && (1..=QUICK_CALLS).contains(&self.quick_calls_needed.load(Ordering::Relaxed));
        let trial = if is_in_trial {
            tokio::time::timeout(TRIAL_WAIT, self.trial.acquire())
                .await
                .ok()
        } else {
            None
        };
        if !self.runs_in_place() {
            let thread =
                tokio::time::timeout_at(deadline, self.pool.threads.take_for(client, &in_flight))
                    .await;
            let Ok(thread) = thread else {
                let activity = "the call was waiting for a thread";
                return Err(EngineFailure::Expired(activity, in_flight.executed()));
            };
            // A call that was handed to the pool cannot be stopped any more.
            in_flight.begin();
            let method = Arc::clone(&self);
            let guards = (thread, in_flight.clone());
            let polled = self
                .pool
                .runtime
                .spawn_blocking(move || method.run_in_pool(running, deadline, &guards));
            match tokio::time::timeout_at(deadline, polled).await {
                Ok(Ok(PoolOutcome::Done(result))) => return count_untaken(result, &in_flight),
                Ok(Ok(PoolOutcome::Waits(waiting))) => running = waiting,
                Ok(Err(error)) => return Err(join_failure(error)),
                Err(_) => return Err(EngineFailure::expired_running()),
            }
        }
        drop(trial);
        if tokio::time::timeout_at(deadline, in_flight.session().until_may_start())
            .await
            .is_err()
        {
            let activity = "the caller had not read earlier answers";
            return Err(EngineFailure::Expired(activity, in_flight.executed()));
        }
        in_flight.begin();
        let mut out = Outbox::default();
        let polled = std::future::poll_fn(|cx| poll(running.as_mut(), cx, &mut out));
        match tokio::time::timeout_at(deadline, polled).await {
            Ok(result) => count_untaken(result.map(|()| out), &in_flight),
            Err(_) => Err(EngineFailure::expired_running()),
        }
    }

    /// Runs a call on a thread of the pool. A method that is declared blocking runs to its end; any
    /// other runs until it first waits. The caller drops the guards afterwards, which frees the
    /// thread and ends the count of the call.
    fn run_in_pool(
        &self,
        mut running: RunningCall,
        deadline: tokio::time::Instant,
        _guards: &(Share, InFlight),
    ) -> PoolOutcome {
        let mut out = Outbox::default();
        let begin = Instant::now();
        let polled = if self.method.is_blocking() {
            let to_end = std::future::poll_fn(|cx| poll(running.as_mut(), cx, &mut out));
            // A call that awaits something does not hold its thread beyond the deadline.
            let to_end = async { tokio::time::timeout_at(deadline, to_end).await };
            Poll::Ready(
                self.pool
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
        self.record_time(begin.elapsed());
        match polled {
            Poll::Ready(result) => PoolOutcome::Done(result.map(|()| out)),
            Poll::Pending => PoolOutcome::Waits(running),
        }
    }
}

/// Counts the bytes of an answer, before another call of its session starts.
fn count_untaken(
    result: Result<Outbox, EngineFailure>,
    in_flight: &InFlight,
) -> Result<Outbox, EngineFailure> {
    result.inspect(|out| in_flight.session().add_untaken(out.len()))
}

/// How far a call came on a thread of the pool.
enum PoolOutcome {
    Done(Result<Outbox, EngineFailure>),
    Waits(RunningCall),
}

/// Polls a call. If the handler panics, only this call fails.
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

/// Returns the failure of a call whose task in the pool panicked or was cancelled.
fn join_failure(error: tokio::task::JoinError) -> EngineFailure {
    error
        .try_into_panic()
        .map_or(EngineFailure::Stopping, |panic| panicked(&*panic))
}

fn panicked(panic: &(dyn Any + Send)) -> EngineFailure {
    static LINE_METER: OnceLock<Meter> = OnceLock::new();
    let text = panic_message(panic);
    if LINE_METER.get_or_init(Meter::new).admit(Instant::now()) {
        tracing::error!(event = "handler panicked", message = text);
    }
    EngineFailure::Panicked(text)
}

impl std::fmt::Debug for NativeMethod {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("NativeMethod")
            .field("procedure", &self.method.procedure().rpc)
            .finish_non_exhaustive()
    }
}
