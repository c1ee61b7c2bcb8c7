//! [`WorkerPool`]: the workers of one service at one version.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};

use super::worker::{Worker, WorkerAnswer};
use super::zygote::PythonEngine;
use crate::engine::failure::{EngineFailure, PrepareError};
use crate::engine::{InFlight, ServiceSetup, Share, Shares};
use crate::log::meter::Meter;
use wire::exception::Executed;

/// The workers of one service at one version. It starts them as calls need them.
#[derive(Debug)]
pub(crate) struct WorkerPool {
    engine: Arc<PythonEngine>,
    setup: ServiceSetup,
    /// A slot for each call that may run.
    slots: Arc<Shares>,
    /// A permit for each worker that is starting.
    starting: Arc<Semaphore>,
    /// Used last at the back.
    idle: Mutex<VecDeque<Idle>>,
    /// How many there are, idle or in a call.
    alive: Arc<AtomicUsize>,
}

/// Counts a worker for as long as this is there.
#[derive(Debug)]
pub(super) struct Counted(Arc<AtomicUsize>);

impl Counted {
    fn new(alive: &Arc<AtomicUsize>) -> Self {
        alive.fetch_add(1, Ordering::Relaxed);
        Self(Arc::clone(alive))
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

#[derive(Debug)]
struct Idle {
    worker: Worker,
    since: Instant,
}

/// A worker in a call. When it is dropped before the answer came (the caller is gone), the worker
/// is given the rest of the call's time to finish; its slot is free only when it has.
struct Busy {
    pool: Arc<WorkerPool>,
    /// `None` once the worker went back, or died.
    worker: Option<(Worker, Share)>,
    deadline: tokio::time::Instant,
    in_call: bool,
    /// The call counts until its worker is done with it.
    in_flight: InFlight,
}

impl WorkerPool {
    /// Returns a pool without workers.
    pub(crate) fn new(engine: Arc<PythonEngine>, setup: ServiceSetup) -> Arc<Self> {
        let workers = setup.limits.workers;
        Arc::new(Self {
            engine,
            setup,
            slots: Shares::new(workers),
            starting: Arc::new(Semaphore::new(workers)),
            idle: Mutex::default(),
            alive: Arc::default(),
        })
    }

    /// Checks every source against its signature and loads it, in a worker that then waits for
    /// calls; and starts more until there are as many as `wanted`, so that calls that come at once
    /// need not wait for theirs.
    ///
    /// # Errors
    /// What is wrong with which source, or why no worker could be had.
    pub async fn prepare(self: &Arc<Self>, wanted: usize) -> Result<(), PrepareError> {
        self.put_back(self.make_worker(true).await?);
        for _ in 1..wanted.min(self.setup.limits.workers) {
            let Ok(starting) = Arc::clone(&self.starting).try_acquire_owned() else {
                break;
            };
            // Ignore failures here: a call starts a worker on demand.
            if let Ok(worker) = self.start_worker(starting).await {
                self.put_back(worker);
            }
        }
        Ok(())
    }

    /// Says how many clients may call. Where they are several, one of them holds at most all
    /// workers but one.
    pub fn set_tenants(&self, tenants: usize) {
        let workers = self.setup.limits.workers;
        self.slots.set_per_client(if tenants > 1 {
            workers.saturating_sub(1)
        } else {
            workers
        });
    }

    /// How many workers there are.
    pub fn workers(&self) -> usize {
        self.alive.load(Ordering::Relaxed)
    }

    /// Whether there is a worker that lives, or one can be started.
    ///
    /// # Errors
    /// Why not.
    pub async fn probe(self: &Arc<Self>) -> Result<(), String> {
        // It stays where it is, for a call that comes at this moment.
        if self
            .lock_idle()
            .iter_mut()
            .any(|idle| idle.worker.process.lives())
        {
            return Ok(());
        }
        // One that is in a call.
        if self.slots.is_used() {
            return Ok(());
        }
        let starting = Arc::clone(&self.starting)
            .acquire_owned()
            .await
            .map_err(|_| "closing".to_owned())?;
        match self.start_worker(starting).await {
            Ok(worker) => {
                self.put_back(worker);
                Ok(())
            }
            Err(error) => Err(error.to_string()),
        }
    }

    /// Calls the procedure at that place in the setup with the binary values of its arguments. A
    /// call that is the only one to run on the server polls for its answer for a moment before it
    /// sleeps; see [`Worker::call`].
    ///
    /// # Errors
    /// The exception that the caller gets.
    pub async fn call(
        self: &Arc<Self>,
        procedure: usize,
        arguments: &[u8],
        client: &Arc<str>,
        deadline: tokio::time::Instant,
        in_flight: InFlight,
    ) -> Result<Vec<u8>, EngineFailure> {
        let queued = tokio::time::timeout_at(deadline, self.take_worker(client, &in_flight));
        let (worker, slot) = queued.await.map_err(|_| expired_in_queue())??;
        in_flight.begin();
        let pool = Arc::clone(self);
        let worker = Some((worker, slot));
        let mut busy = Busy {
            pool,
            worker,
            deadline,
            in_call: true,
            in_flight: in_flight.clone(),
        };
        let running = self.engine.count_running();
        let answer = busy.call(procedure, arguments, running.is_alone()).await?;
        drop(running);
        busy.in_call = false;
        if let WorkerAnswer::Values(values) = &answer {
            in_flight.session().add_untaken(values.len());
        }
        drop(busy);
        self.outcome(procedure, answer, in_flight.session().lines())
    }

    /// Lets workers go that have been idle for longer than the limit.
    pub fn drop_idle(&self, now: Instant) {
        let mut idle = self.lock_idle();
        let long = |idle: &Idle| now.saturating_duration_since(idle.since) > self.setup.limits.idle;
        let leaving: Vec<_> =
            std::iter::from_fn(|| idle.pop_front_if(|first| long(first))).collect();
        drop(idle);
        for idle in leaving {
            tracing::debug!(
                event = "worker leaves",
                pid = idle.worker.process.pid,
                service = self.setup.service
            );
        }
    }

    async fn take_worker(
        self: &Arc<Self>,
        client: &Arc<str>,
        in_flight: &InFlight,
    ) -> Result<(Worker, Share), EngineFailure> {
        let slot = self.slots.take_for(client, in_flight).await;
        if let Some(worker) = self.take_idle() {
            return Ok((worker, slot));
        }
        let closing = |_| EngineFailure::Unavailable("the service is closing".to_owned());
        let starting = Arc::clone(&self.starting)
            .acquire_owned()
            .await
            .map_err(closing)?;
        // The one that came back meanwhile is as good.
        if let Some(worker) = self.take_idle() {
            return Ok((worker, slot));
        }
        match self.start_worker(starting).await {
            Ok(worker) => Ok((worker, slot)),
            Err(error) => Err(EngineFailure::Unavailable(error.to_string())),
        }
    }

    /// Starts a worker. It is ready for the next call if this one gives up before.
    async fn start_worker(
        self: &Arc<Self>,
        starting: OwnedSemaphorePermit,
    ) -> Result<Worker, PrepareError> {
        let (sender, receiver) = oneshot::channel();
        let pool = Arc::clone(self);
        tokio::spawn(async move {
            let started = pool.make_worker(false).await;
            if let Err(Ok(worker)) = sender.send(started) {
                pool.put_back(worker);
            }
            drop(starting);
        });
        receiver
            .await
            .unwrap_or_else(|_| Err(PrepareError::Failed("the start broke off".to_owned())))
    }

    async fn make_worker(&self, check: bool) -> Result<Worker, PrepareError> {
        if let Some(tree) = self.setup.tree.clone() {
            let laid_out = tokio::task::spawn_blocking(move || tree.lay_out()).await;
            let failed = |what: String| {
                PrepareError::Failed(format!("service `{}`: {what}", self.setup.service))
            };
            laid_out
                .map_err(|error| failed(error.to_string()))?
                .map_err(|error| failed(error.to_string()))?;
        }
        let mut worker = Worker::start(&self.engine, &self.setup, check).await?;
        worker.counted = Some(Counted::new(&self.alive));
        Ok(worker)
    }

    fn take_idle(&self) -> Option<Worker> {
        loop {
            let mut idle = self.lock_idle().pop_back()?;
            if idle.worker.process.lives() {
                return Some(idle.worker);
            }
        }
    }

    fn put_back(&self, worker: Worker) {
        self.lock_idle().push_back(Idle {
            worker,
            since: Instant::now(),
        });
    }

    fn lock_idle(&self) -> MutexGuard<'_, VecDeque<Idle>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn outcome(
        &self,
        procedure: usize,
        answer: WorkerAnswer,
        lines: &Meter,
    ) -> Result<Vec<u8>, EngineFailure> {
        match answer {
            WorkerAnswer::Values(values) => Ok(values),
            WorkerAnswer::WrongType(message) => Err(EngineFailure::WrongType(message)),
            WorkerAnswer::Raised(raised) => {
                let key = self
                    .setup
                    .procedures
                    .get(procedure)
                    .map(|procedure| procedure.key.as_str());
                if lines.admit(Instant::now()) {
                    tracing::warn!(
                        event = "raised",
                        key,
                        kind = raised.kind,
                        traceback = raised.traceback
                    );
                }
                Err(EngineFailure::Raised {
                    kind: raised.kind,
                    message: raised.message,
                })
            }
        }
    }
}

impl Busy {
    async fn call(
        &mut self,
        procedure: usize,
        arguments: &[u8],
        alone: bool,
    ) -> Result<WorkerAnswer, EngineFailure> {
        let Some((worker, _)) = &mut self.worker else {
            return Err(EngineFailure::Died("it is gone".to_owned()));
        };
        match tokio::time::timeout_at(self.deadline, worker.call(procedure, arguments, alone)).await
        {
            Ok(Ok(answer)) => Ok(answer),
            Ok(Err(error)) => {
                worker.process.kill();
                let how = worker.process.ended().await;
                if self.in_flight.session().lines().admit(Instant::now()) {
                    tracing::warn!(event = "worker died", pid = worker.process.pid, how, error = %error);
                }
                self.worker = None;
                Err(EngineFailure::Died(how))
            }
            Err(_) => {
                let pid = worker.process.pid;
                if self.in_flight.session().lines().admit(Instant::now()) {
                    tracing::warn!(event = "worker killed", pid, reason = "the deadline passed");
                }
                // Its slot is free when it is gone.
                worker.process.kill();
                worker.process.ended().await;
                self.worker = None;
                Err(EngineFailure::expired_running())
            }
        }
    }
}

impl Drop for Busy {
    fn drop(&mut self) {
        let Some((mut worker, slot)) = self.worker.take() else {
            return;
        };
        if !self.in_call {
            self.pool.put_back(worker);
            return;
        }
        let pool = Arc::clone(&self.pool);
        let deadline = self.deadline;
        let in_flight = self.in_flight.clone();
        tokio::spawn(async move {
            if let Ok(Ok(())) = tokio::time::timeout_at(deadline, worker.finish()).await {
                pool.put_back(worker);
            }
            drop((slot, in_flight));
        });
    }
}

fn expired_in_queue() -> EngineFailure {
    EngineFailure::Expired("the call was waiting for a worker", Executed::No)
}
