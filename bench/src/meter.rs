//! Measuring: a warm-up, then a window at whose ends clocks, CPU times and memory are read.

use std::time::Instant;

use crate::histogram::Histogram;
use crate::job::{Job, Measured};
use crate::usage::Process;

/// What is read at the begin of a window, so that its end can be held against it.
#[derive(Debug)]
pub struct Window {
    server: Process,
    begin: Instant,
    client_cpu: Option<u64>,
    server_cpu: Option<u64>,
    rss_before_kib: Option<u64>,
}

impl Window {
    /// Begins to measure; `rss_before_kib` was read before the first call.
    pub fn open(server: Process, rss_before_kib: Option<u64>) -> Self {
        server.forget_peak();
        let (client_cpu, server_cpu) =
            (Process::this().cpu_nanoseconds(), server.cpu_nanoseconds());
        Self {
            server,
            begin: Instant::now(),
            client_cpu,
            server_cpu,
            rss_before_kib,
        }
    }

    /// Ends it, after so many calls.
    #[expect(
        clippy::cast_precision_loss,
        reason = "nanoseconds and calls stay far below 2^52"
    )]
    pub fn close(&self, calls: u64) -> Measured {
        let seconds = self.begin.elapsed().as_secs_f64();
        let per_call = |before: Option<u64>, after: Option<u64>| {
            Some(after?.saturating_sub(before?) as f64 / 1000.0 / calls as f64)
        };
        Measured {
            calls,
            seconds,
            client_cpu_us: per_call(self.client_cpu, Process::this().cpu_nanoseconds()),
            server_cpu_us: per_call(self.server_cpu, self.server.cpu_nanoseconds()),
            rss_before_kib: self.rss_before_kib,
            rss_after_kib: self.server.resident_kib(),
            rss_peak_kib: self.server.peak_kib(),
            ..Measured::default()
        }
    }
}

/// Measures calls one after the other, each call's latency included.
///
/// ```text
/// while meter.goes_on() { call }
/// meter.finish()
/// ```
#[derive(Debug)]
pub struct Meter<'a> {
    job: &'a Job,
    rss_before_kib: Option<u64>,
    begin: Instant,
    last: Instant,
    /// Asked to go on, so often since the phase began.
    turns: u64,
    window: Option<Window>,
    latencies: Histogram,
    measured: Option<Measured>,
}

impl<'a> Meter<'a> {
    /// Begins with the warm-up.
    pub fn start(job: &'a Job) -> Self {
        let begin = Instant::now();
        let rss_before_kib = Process::new(job.server).resident_kib();
        let latencies = Histogram::default();
        Self {
            job,
            rss_before_kib,
            begin,
            last: begin,
            turns: 0,
            window: None,
            latencies,
            measured: None,
        }
    }

    /// Whether another call is to be made. Asking says that the call before was answered rightly.
    pub fn goes_on(&mut self) -> bool {
        let now = Instant::now();
        let elapsed = now - self.begin;
        let turns = self.turns;
        self.turns += 1;
        let Some(window) = &self.window else {
            if elapsed >= self.job.warm_up || turns >= self.job.warm_up_calls {
                self.begin_window();
            }
            return true;
        };
        if turns > 0 {
            self.latencies.record(now - self.last);
        }
        self.last = now;
        if turns > 0 && (elapsed >= self.job.window || turns >= self.job.calls) {
            self.measured = Some(window.close(turns));
            return false;
        }
        true
    }

    fn begin_window(&mut self) {
        self.window = Some(Window::open(
            Process::new(self.job.server),
            self.rss_before_kib,
        ));
        self.begin = Instant::now();
        self.last = self.begin;
        self.turns = 1;
    }

    /// What was measured.
    pub fn finish(self) -> Measured {
        let microseconds = |share| Some(self.latencies.quantile(share).as_secs_f64() * 1e6);
        let measured = self.measured.unwrap_or_default();
        Measured {
            p50_us: microseconds(0.5),
            p99_us: microseconds(0.99),
            ..measured
        }
    }
}
