//! [`WorkerPool`]: the workers of one service at one version.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};

use super::worker::{AliveGuard, Worker, WorkerAnswer, child_program};
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
    /// One slot for each call that may run.
    slots: Arc<Shares>,
    /// One permit for each worker that may be starting.
    starting: Arc<Semaphore>,
    /// The worker that was used last is at the back.
    idle: Mutex<VecDeque<IdleWorker>>,
    /// Number of workers, idle or in a call.
    alive: Arc<AtomicUsize>,
}

#[derive(Debug)]
struct IdleWorker {
    worker: Worker,
    since: Instant,
}

/// A worker in a call. If this is dropped before the answer came, because the caller has given up,
/// the worker may finish until the deadline of the call. Only then is its slot free.
struct BusyWorker {
    pool: Arc<WorkerPool>,
    /// `None` after the worker has died or was put back.
    worker: Option<(Worker, Share)>,
    deadline: tokio::time::Instant,
    /// Whether the answer has not come yet.
    in_call: bool,
    /// Counts the call until the worker has finished it.
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
    /// calls. Then starts more workers until there are `wanted`, so that the first calls do not
    /// wait for workers to start.
    ///
    /// # Errors
    /// Returns the findings in the sources, or the reason why no worker could be started.
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

    /// Sets how many clients may call. If there are several, one of them holds at most all workers
    /// but one.
    pub fn set_tenants(&self, tenants: usize) {
        let workers = self.setup.limits.workers;
        self.slots.set_per_client(if tenants > 1 {
            workers.saturating_sub(1)
        } else {
            workers
        });
    }

    /// Returns the number of workers.
    pub fn workers(&self) -> usize {
        self.alive.load(Ordering::Relaxed)
    }

    /// Returns the largest number of workers.
    pub fn max_workers(&self) -> usize {
        self.setup.limits.workers
    }

    /// Checks that a worker runs or can be started.
    ///
    /// # Errors
    /// Returns the reason why no worker can be started.
    pub async fn probe(self: &Arc<Self>) -> Result<(), String> {
        // Idle workers stay in the queue, so that a call that comes meanwhile finds them.
        if self
            .lock_idle()
            .iter_mut()
            .any(|idle| idle.worker.process.is_alive())
        {
            return Ok(());
        }
        // A used slot means that a worker is in a call.
        if self.slots.is_used() {
            return Ok(());
        }
        let starting = Arc::clone(&self.starting)
            .acquire_owned()
            .await
            .map_err(|_| "the service is closing".to_owned())?;
        match self.start_worker(starting).await {
            Ok(worker) => {
                self.put_back(worker);
                Ok(())
            }
            Err(error) => Err(error.to_string()),
        }
    }

    /// Calls the procedure at that place in the setup with the binary values of its arguments. If
    /// no other call of a worker runs on the server, this call polls for its answer; see
    /// [`Worker::call`].
    ///
    /// # Errors
    /// Returns why the call failed.
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
        let mut busy = BusyWorker {
            pool: Arc::clone(self),
            worker: Some((worker, slot)),
            deadline,
            in_call: true,
            in_flight: in_flight.clone(),
        };
        let counted = self.engine.count_running();
        let answer = busy.call(procedure, arguments, counted.is_alone()).await?;
        drop(counted);
        busy.in_call = false;
        if let WorkerAnswer::Values(values) = &answer {
            in_flight.session().add_untaken(values.len());
        }
        drop(busy);
        self.call_result(procedure, answer, client, in_flight.session().line_meter())
    }

    /// Ends workers that have been idle for longer than the limit.
    pub fn drop_idle(&self, now: Instant) {
        let mut idle = self.lock_idle();
        let is_over_limit =
            |idle: &IdleWorker| now.saturating_duration_since(idle.since) > self.setup.limits.idle;
        let leaving: Vec<_> =
            std::iter::from_fn(|| idle.pop_front_if(|first| is_over_limit(first))).collect();
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
        // A worker may have been put back meanwhile.
        if let Some(worker) = self.take_idle() {
            return Ok((worker, slot));
        }
        match self.start_worker(starting).await {
            Ok(worker) => Ok((worker, slot)),
            Err(error) => Err(EngineFailure::Unavailable(error.to_string())),
        }
    }

    /// Starts a worker. If the caller gives up before the worker has started, the worker becomes
    /// idle.
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
        receiver.await.unwrap_or_else(|_| {
            Err(PrepareError::Failed(
                "the start of a worker was cancelled".to_owned(),
            ))
        })
    }

    /// Starts a worker that counts as alive. With `check`, checks the sources too.
    async fn make_worker(self: &Arc<Self>, check: bool) -> Result<Worker, PrepareError> {
        if let Some(tree) = self.setup.tree.clone() {
            let pool = Arc::clone(self);
            let lay_out = move || tree.lay_out(|| child_program(&pool.engine, &pool.setup));
            let laid_out = tokio::task::spawn_blocking(lay_out).await;
            let failed = |what: String| {
                PrepareError::Failed(format!("service `{}`: {what}", self.setup.service))
            };
            laid_out
                .map_err(|error| failed(error.to_string()))?
                .map_err(|error| failed(error.to_string()))?;
        }
        let mut worker = Worker::start(&self.engine, &self.setup, check).await?;
        worker.alive_guard = Some(AliveGuard::new(&self.alive));
        Ok(worker)
    }

    fn take_idle(&self) -> Option<Worker> {
        loop {
            let mut idle = self.lock_idle().pop_back()?;
            if idle.worker.process.is_alive() {
                return Some(idle.worker);
            }
        }
    }

    fn put_back(&self, worker: Worker) {
        self.lock_idle().push_back(IdleWorker {
            worker,
            since: Instant::now(),
        });
    }

    fn lock_idle(&self) -> MutexGuard<'_, VecDeque<IdleWorker>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns the result of a call. Logs the exception that the procedure raised, if it did.
    fn call_result(
        &self,
        procedure: usize,
        answer: WorkerAnswer,
        client: &str,
        line_meter: &Meter,
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
                if line_meter.admit(Instant::now()) {
                    tracing::warn!(
                        event = "raised",
                        key,
                        client,
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

impl BusyWorker {
    async fn call(
        &mut self,
        procedure: usize,
        arguments: &[u8],
        polls: bool,
    ) -> Result<WorkerAnswer, EngineFailure> {
        let Some((worker, _)) = &mut self.worker else {
            return Err(EngineFailure::Died("it has ended".to_owned()));
        };
        match tokio::time::timeout_at(self.deadline, worker.call(procedure, arguments, polls)).await
        {
            Ok(Ok(answer)) => Ok(answer),
            Ok(Err(error)) => {
                worker.process.kill();
                let how = worker.process.describe_end().await;
                if self.in_flight.session().line_meter().admit(Instant::now()) {
                    tracing::warn!(event = "worker died", pid = worker.process.pid, how, error = %error);
                }
                self.worker = None;
                Err(EngineFailure::Died(how))
            }
            Err(_) => {
                let pid = worker.process.pid;
                if self.in_flight.session().line_meter().admit(Instant::now()) {
                    tracing::warn!(event = "worker killed", pid, reason = "the deadline passed");
                }
                // Wait for its end, so that its slot is not free before.
                worker.process.kill();
                worker.process.describe_end().await;
                self.worker = None;
                Err(EngineFailure::expired_running())
            }
        }
    }
}

impl Drop for BusyWorker {
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
