//! [`Pool`]: the workers of one service at one version.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};

use super::worker::{Answer, Findings, Setup, StartError, Worker};
use super::zygote::Engine;
use crate::engine::{InFlight, Share, Shares};
use crate::meter::Meter;
use crate::store::Tree;
use deploy::message::{DeployError, DeployErrorKind};
use wire::exception::{Exception, ExceptionType, Executed};

/// How many workers a pool may have, and for how long.
#[derive(Debug, Clone, Copy)]
pub struct PoolLimits {
    /// Calls at once, hence workers.
    pub workers: usize,
    /// A worker idle for longer leaves.
    pub idle: Duration,
    /// Loading the service takes no longer.
    pub load: Duration,
}

/// The workers of one service at one version. It starts them as calls need them.
#[derive(Debug)]
pub struct Pool {
    engine: Arc<Engine>,
    setup: Setup,
    /// Its files; laid out before the first worker starts, and there as long as this.
    tree: Option<Arc<Tree>>,
    limits: PoolLimits,
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

/// A worker in a call. When it is dropped before the answer came (the caller is gone), the worker is given the rest of
/// the call's time to finish; its slot is free only when it has.
struct Busy {
    pool: Arc<Pool>,
    /// `None` once the worker went back, or died.
    worker: Option<(Worker, Share)>,
    deadline: tokio::time::Instant,
    in_call: bool,
    /// The call counts until its worker is done with it.
    in_flight: InFlight,
}

impl Pool {
    /// A pool without workers.
    pub fn new(engine: Arc<Engine>, setup: Setup, tree: Option<Arc<Tree>>, limits: PoolLimits) -> Arc<Self> {
        Arc::new(Self {
            engine,
            setup,
            tree,
            limits,
            slots: Shares::new(limits.workers),
            starting: Arc::new(Semaphore::new(limits.workers)),
            idle: Mutex::default(),
            alive: Arc::default(),
        })
    }

    /// Checks every source against its signature and loads it, in a worker that then waits for calls; and starts more
    /// until there are as many as `wanted`, so that calls that come at once need not wait for theirs.
    ///
    /// # Errors
    /// What is wrong with which source, or why no worker could be had.
    pub async fn prepare(self: &Arc<Self>, wanted: usize) -> Result<(), DeployError> {
        let first = self.make_worker(true).await;
        let refused = |error| match error {
            StartError::Refused(findings) => refused(&self.setup.service, findings),
            StartError::Failed(message) => DeployError::new(DeployErrorKind::Refused, message),
        };
        self.put_back(first.map_err(refused)?);
        for _ in 1..wanted.min(self.limits.workers) {
            let Ok(starting) = Arc::clone(&self.starting).try_acquire_owned() else { break };
            // One that does not start is none too few: a call starts its own.
            if let Ok(worker) = self.start_worker(starting).await {
                self.put_back(worker);
            }
        }
        Ok(())
    }

    /// Says how many clients may call. Where they are several, one of them holds at most all workers but one.
    pub fn set_tenants(&self, tenants: usize) {
        let workers = self.limits.workers;
        self.slots.set_per_client(if tenants > 1 { workers.saturating_sub(1) } else { workers });
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
        if self.lock_idle().iter_mut().any(|idle| idle.worker.process.lives()) {
            return Ok(());
        }
        // One that is in a call.
        if self.slots.is_used() {
            return Ok(());
        }
        let starting = Arc::clone(&self.starting).acquire_owned().await.map_err(|_| "closing".to_owned())?;
        match self.start_worker(starting).await {
            Ok(worker) => {
                self.put_back(worker);
                Ok(())
            }
            Err(StartError::Failed(message)) => Err(message),
            Err(StartError::Refused(findings)) => Err(refused(&self.setup.service, findings).to_string()),
        }
    }

    /// Calls the procedure at that place in the setup with the binary values of its arguments. A call that is
    /// the only one to run on the server polls for its answer for a moment before it sleeps; see [`Worker::call`].
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
    ) -> Result<Vec<u8>, Exception> {
        let queued = tokio::time::timeout_at(deadline, self.take_worker(client, &in_flight));
        let (worker, slot) = queued.await.map_err(|_| expired_in_queue())??;
        in_flight.begin();
        let pool = Arc::clone(self);
        let worker = Some((worker, slot));
        let mut busy = Busy { pool, worker, deadline, in_call: true, in_flight: in_flight.clone() };
        let running = self.engine.count_running();
        let answer = busy.call(procedure, arguments, running.is_alone()).await?;
        drop(running);
        busy.in_call = false;
        if let Answer::Values(values) = &answer {
            in_flight.session().add_untaken(values.len());
        }
        drop(busy);
        self.outcome(procedure, answer, in_flight.session().lines())
    }

    /// Lets workers go that have been idle for longer than the limit.
    pub fn drop_idle(&self, now: Instant) {
        let mut idle = self.lock_idle();
        let long = |idle: &Idle| now.saturating_duration_since(idle.since) > self.limits.idle;
        let leaving: Vec<_> = std::iter::from_fn(|| idle.pop_front_if(|first| long(first))).collect();
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
    ) -> Result<(Worker, Share), Exception> {
        let unavailable = |message: String| Exception::refused(ExceptionType::Unavailable, message);
        let slot = self.slots.take_for(client, in_flight).await;
        if let Some(worker) = self.take_idle() {
            return Ok((worker, slot));
        }
        let closing = |_| unavailable("the service is closing".to_owned());
        let starting = Arc::clone(&self.starting).acquire_owned().await.map_err(closing)?;
        // The one that came back meanwhile is as good.
        if let Some(worker) = self.take_idle() {
            return Ok((worker, slot));
        }
        match self.start_worker(starting).await {
            Ok(worker) => Ok((worker, slot)),
            Err(StartError::Failed(message)) => Err(unavailable(message)),
            Err(StartError::Refused(findings)) => {
                Err(unavailable(refused(&self.setup.service, findings).to_string()))
            }
        }
    }

    /// Starts a worker. It is ready for the next call if this one gives up before.
    async fn start_worker(self: &Arc<Self>, starting: OwnedSemaphorePermit) -> Result<Worker, StartError> {
        let (sender, receiver) = oneshot::channel();
        let pool = Arc::clone(self);
        tokio::spawn(async move {
            let started = pool.make_worker(false).await;
            if let Err(Ok(worker)) = sender.send(started) {
                pool.put_back(worker);
            }
            drop(starting);
        });
        receiver.await.unwrap_or_else(|_| Err(StartError::Failed("the start broke off".to_owned())))
    }

    async fn make_worker(&self, check: bool) -> Result<Worker, StartError> {
        if let Some(tree) = self.tree.clone() {
            let laid_out = tokio::task::spawn_blocking(move || tree.lay_out()).await;
            let failed =
                |what: String| StartError::Failed(format!("service `{}`: {what}", self.setup.service));
            laid_out
                .map_err(|error| failed(error.to_string()))?
                .map_err(|error| failed(error.to_string()))?;
        }
        let mut worker = Worker::start(&self.engine, &self.setup, check, self.limits.load).await?;
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
        self.lock_idle().push_back(Idle { worker, since: Instant::now() });
    }

    fn lock_idle(&self) -> MutexGuard<'_, VecDeque<Idle>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn outcome(&self, procedure: usize, answer: Answer, lines: &Meter) -> Result<Vec<u8>, Exception> {
        match answer {
            Answer::Values(values) => Ok(values),
            Answer::WrongType(message) => {
                Err(Exception::new(ExceptionType::Execution, Executed::Yes, message))
            }
            Answer::Raised(raised) => {
                let key = self.setup.procedures.get(procedure).map(|procedure| procedure.key.as_str());
                if lines.admit(Instant::now()) {
                    tracing::warn!(event = "raised", key, kind = raised.kind, traceback = raised.traceback);
                }
                let exception = Exception::new(ExceptionType::Execution, Executed::Yes, raised.message);
                Err(Exception { own_kind: Some(raised.kind), ..exception })
            }
        }
    }
}

impl Busy {
    async fn call(&mut self, procedure: usize, arguments: &[u8], alone: bool) -> Result<Answer, Exception> {
        let Some((worker, _)) = &mut self.worker else { return Err(died("it is gone")) };
        match tokio::time::timeout_at(self.deadline, worker.call(procedure, arguments, alone)).await {
            Ok(Ok(answer)) => Ok(answer),
            Ok(Err(error)) => {
                worker.process.kill();
                let how = worker.process.ended().await;
                if self.in_flight.session().lines().admit(Instant::now()) {
                    tracing::warn!(event = "worker died", pid = worker.process.pid, how, error = %error);
                }
                self.worker = None;
                Err(died(&how))
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
                let message = "the deadline passed while the procedure was running";
                Err(Exception::new(ExceptionType::DeadlineExceeded, Executed::Unknown, message))
            }
        }
    }
}

impl Drop for Busy {
    fn drop(&mut self) {
        let Some((mut worker, slot)) = self.worker.take() else { return };
        if !self.in_call {
            self.pool.put_back(worker);
            return;
        }
        let (pool, deadline, in_flight) = (Arc::clone(&self.pool), self.deadline, self.in_flight.clone());
        tokio::spawn(async move {
            if let Ok(Ok(())) = tokio::time::timeout_at(deadline, worker.finish()).await {
                pool.put_back(worker);
            }
            drop((slot, in_flight));
        });
    }
}

fn refused(service: &str, findings: Findings) -> DeployError {
    let count = findings.len();
    let message = format!("service `{service}`: {count} {} in its sources", plural(count, "error"));
    DeployError { kind: DeployErrorKind::Refused, message, findings }
}

fn plural(count: usize, word: &str) -> String {
    if count == 1 { word.to_owned() } else { format!("{word}s") }
}

fn died(how: &str) -> Exception {
    let message = format!("the procedure's worker died ({how})");
    Exception::new(ExceptionType::Execution, Executed::Unknown, message)
}

fn expired_in_queue() -> Exception {
    let message = "the deadline passed while the call was waiting for a worker";
    Exception::refused(ExceptionType::DeadlineExceeded, message)
}
