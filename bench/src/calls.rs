//! Calls through an asynchronous client: one after the other, or many in flight.

use std::cell::Cell;
use std::net::SocketAddr;
use std::rc::Rc;

use anyhow::{Context as _, Result, ensure};
use tokio::runtime::{Builder, LocalOptions, LocalRuntime};
use tokio::task::{JoinSet, spawn_local};

use crate::job::{Job, Measured};
use crate::meter::{Meter, Window};
use crate::usage::Process;
use crate::work::{Payload, Procedure, Work};

/// An asynchronous client's session. Clones share it.
pub trait Calls: Clone + 'static {
    /// Connects.
    async fn connect(address: SocketAddr) -> Result<Self>;
    /// The sum.
    async fn add(&self, a: i64, b: i64) -> Result<i64>;
    /// Echoes strings and fails where others come back.
    async fn strings(&self, payload: &Payload) -> Result<()>;
    /// Echoes bytes and fails where others come back.
    async fn bytes(&self, payload: &Payload) -> Result<()>;
    /// Echoes doubles and fails where others come back.
    async fn doubles(&self, payload: &Payload) -> Result<()>;
}

/// A runtime of one thread. Every client has one, since every client is pinned to one core.
pub fn one_thread() -> Result<LocalRuntime> {
    Builder::new_current_thread()
        .enable_all()
        .build_local(LocalOptions::default())
        .context("no runtime")
}

/// Carries out a job with a client of this kind.
pub fn measure<C: Calls>(job: &Job) -> Result<Measured> {
    one_thread()?.block_on(async {
        match job.work {
            Work::Connect => connect_call_close::<C>(job).await,
            Work::Idle => idle_sessions::<C>(job).await,
            work if work.in_flight() == 1 => one_in_flight::<C>(job).await,
            _ => many_in_flight::<C>(job).await,
        }
    })
}

async fn call<C: Calls>(
    client: &C,
    procedure: Procedure,
    payload: &Payload,
    turn: i64,
) -> Result<()> {
    match procedure {
        Procedure::Add => check_sum(turn, client.add(turn, 7).await?),
        Procedure::Strings => client.strings(payload).await,
        Procedure::Bytes => client.bytes(payload).await,
        Procedure::Doubles => client.doubles(payload).await,
    }
}

/// Whether `sum` is the sum of `turn` and seven.
pub fn check_sum(turn: i64, sum: i64) -> Result<()> {
    ensure!(sum == turn + 7, "{turn} + 7 was answered by {sum}");
    Ok(())
}

/// Whether an echo is what was sent.
pub fn check_echo(same: bool) -> Result<()> {
    ensure!(same, "an echo differs from what was sent");
    Ok(())
}

async fn one_in_flight<C: Calls>(job: &Job) -> Result<Measured> {
    let (client, payload) = (
        C::connect(job.address).await?,
        Payload::of(job.work.procedure()),
    );
    call(&client, Procedure::Add, &payload, 0).await?;
    let (mut meter, mut turn) = (Meter::start(job), 0);
    while meter.goes_on() {
        turn += 1;
        call(&client, job.work.procedure(), &payload, turn).await?;
    }
    Ok(meter.finish())
}

async fn connect_call_close<C: Calls>(job: &Job) -> Result<Measured> {
    let (mut meter, mut turn) = (Meter::start(job), 0);
    while meter.goes_on() {
        turn += 1;
        let client = C::connect(job.address).await?;
        check_sum(turn, client.add(turn, 7).await?)?;
    }
    Ok(meter.finish())
}

async fn idle_sessions<C: Calls>(job: &Job) -> Result<Measured> {
    let window = Window::open(
        Process::new(job.server),
        Process::new(job.server).resident_kib(),
    );
    let mut sessions = Vec::new();
    for turn in 0..i64::try_from(job.calls)? {
        let client = C::connect(job.address).await?;
        check_sum(turn, client.add(turn, 7).await?)?;
        sessions.push(client);
    }
    Ok(window.close(job.calls))
}

/// What the tasks of one measurement share.
#[derive(Debug, Default)]
pub struct Gauge {
    /// Right answers so far.
    pub calls: Cell<u64>,
    /// Whether no further call is to be made.
    pub stopped: Cell<bool>,
}

impl Gauge {
    /// Counts right answers.
    pub fn count(&self, calls: u64) {
        self.calls.set(self.calls.get() + calls);
    }
}

async fn many_in_flight<C: Calls>(job: &Job) -> Result<Measured> {
    let gauge = Rc::new(Gauge::default());
    let mut tasks = JoinSet::new();
    for _ in 0..job.work.sessions() {
        let client = C::connect(job.address).await?;
        for _ in 0..job.work.in_flight() {
            tasks.spawn_local(keep_calling(
                client.clone(),
                job.work.procedure(),
                Rc::clone(&gauge),
            ));
        }
    }
    observe(job, gauge, tasks).await
}

async fn keep_calling<C: Calls>(client: C, procedure: Procedure, gauge: Rc<Gauge>) -> Result<()> {
    let (payload, mut turn) = (Payload::of(procedure), 0);
    while !gauge.stopped.get() {
        turn += 1;
        call(&client, procedure, &payload, turn).await?;
        gauge.count(1);
    }
    Ok(())
}

/// Lets tasks call, and measures; the first failure of a task is the measurement's.
pub async fn observe(
    job: &Job,
    gauge: Rc<Gauge>,
    mut tasks: JoinSet<Result<()>>,
) -> Result<Measured> {
    let watched = Rc::clone(&gauge);
    let watching = job.clone();
    let mut measured = spawn_local(async move { watch(&watching, &watched).await });
    let measured = loop {
        tokio::select! {
            measured = &mut measured => break measured?,
            Some(ended) = tasks.join_next() => ended??,
        }
    };
    gauge.stopped.set(true);
    ensure!(
        measured.calls > 0,
        "no call was answered in {:?}",
        job.window
    );
    Ok(measured)
}

async fn watch(job: &Job, gauge: &Gauge) -> Measured {
    let server = Process::new(job.server);
    let rss_before_kib = if job.work == Work::Growth {
        reach(gauge, job.calls / 10).await;
        server.resident_kib()
    } else {
        let before = server.resident_kib();
        tokio::time::sleep(job.warm_up).await;
        before
    };
    let (window, before) = (Window::open(server, rss_before_kib), gauge.calls.get());
    if job.work == Work::Growth {
        reach(gauge, job.calls).await;
    } else {
        tokio::time::sleep(job.window).await;
    }
    window.close(gauge.calls.get() - before)
}

/// Waits until so many calls were answered.
async fn reach(gauge: &Gauge, calls: u64) {
    while gauge.calls.get() < calls {
        tokio::task::yield_now().await;
    }
}
