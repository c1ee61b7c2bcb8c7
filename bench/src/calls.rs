//! Calls of an asynchronous client: one after the other, or many in flight.

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

/// A session of an asynchronous client. Clones share the session.
pub trait Calls: Clone + 'static {
    /// Connects to a server.
    async fn connect(address: SocketAddr) -> Result<Self>;
    /// Returns the sum of two integers.
    async fn add(&self, a: i64, b: i64) -> Result<i64>;
    /// Sends the strings, and fails if the echo differs.
    async fn strings(&self, payload: &Payload) -> Result<()>;
    /// Sends the bytes, and fails if the echo differs.
    async fn bytes(&self, payload: &Payload) -> Result<()>;
    /// Sends the doubles, and fails if the echo differs.
    async fn doubles(&self, payload: &Payload) -> Result<()>;
}

/// Returns a runtime of one thread. Every client uses one thread, because it is pinned to one core.
pub fn one_thread() -> Result<LocalRuntime> {
    Builder::new_current_thread()
        .enable_all()
        .build_local(LocalOptions::default())
        .context("cannot start a runtime")
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

/// Checks that `sum` is the sum of `turn` and seven.
pub fn check_sum(turn: i64, sum: i64) -> Result<()> {
    ensure!(sum == turn + 7, "the server returned {sum} for {turn} + 7");
    Ok(())
}

/// Checks that an echo is what was sent.
pub fn check_echo(is_same: bool) -> Result<()> {
    ensure!(is_same, "the echo differs from what was sent");
    Ok(())
}

async fn one_in_flight<C: Calls>(job: &Job) -> Result<Measured> {
    let client = C::connect(job.address).await?;
    let payload = Payload::of(job.work.procedure());
    call(&client, Procedure::Add, &payload, 0).await?;
    let mut meter = Meter::start(job);
    let mut turn = 0;
    while meter.should_continue() {
        turn += 1;
        call(&client, job.work.procedure(), &payload, turn).await?;
    }
    Ok(meter.finish())
}

async fn connect_call_close<C: Calls>(job: &Job) -> Result<Measured> {
    let mut meter = Meter::start(job);
    let mut turn = 0;
    while meter.should_continue() {
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

/// State that the tasks of one measurement share.
#[derive(Debug, Default)]
pub struct Gauge {
    /// Number of correct answers so far.
    pub calls: Cell<u64>,
    /// Whether the tasks must stop calling.
    pub stopped: Cell<bool>,
}

impl Gauge {
    /// Counts correct answers.
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
    let payload = Payload::of(procedure);
    let mut turn = 0;
    while !gauge.stopped.get() {
        turn += 1;
        call(&client, procedure, &payload, turn).await?;
        gauge.count(1);
    }
    Ok(())
}

/// Measures while the tasks call. Fails with the first error of a task.
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
        "no call was answered within {:?}",
        job.window
    );
    Ok(measured)
}

async fn watch(job: &Job, gauge: &Gauge) -> Measured {
    let server = Process::new(job.server);
    let rss_before_kib = if job.work == Work::Growth {
        wait_for_calls(gauge, job.calls / 10).await;
        server.resident_kib()
    } else {
        let before = server.resident_kib();
        tokio::time::sleep(job.warm_up).await;
        before
    };
    let window = Window::open(server, rss_before_kib);
    let before = gauge.calls.get();
    if job.work == Work::Growth {
        wait_for_calls(gauge, job.calls).await;
    } else {
        tokio::time::sleep(job.window).await;
    }
    window.close(gauge.calls.get() - before)
}

/// Waits until `calls` calls are answered.
async fn wait_for_calls(gauge: &Gauge, calls: u64) {
    while gauge.calls.get() < calls {
        tokio::task::yield_now().await;
    }
}
