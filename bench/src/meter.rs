//! Measuring: a warm-up, then a window. Clocks, CPU times and memory are read at the window's begin
//! and end.

use std::time::Instant;

use crate::histogram::Histogram;
use crate::job::{Job, Measured};
use crate::usage::Process;

/// The figures at the begin of a window, which are compared with those at its end.
#[derive(Debug)]
pub struct Window {
    server: Process,
    begin: Instant,
    client_cpu: Option<u64>,
    server_cpu: Option<u64>,
    rss_before_kib: Option<u64>,
}

impl Window {
    /// Begins a window. `rss_before_kib` is the server's memory before the first call.
    pub fn open(server: Process, rss_before_kib: Option<u64>) -> Self {
        server.forget_peak();
        let client_cpu = Process::this().cpu_nanoseconds();
        let server_cpu = server.cpu_nanoseconds();
        Self {
            server,
            begin: Instant::now(),
            client_cpu,
            server_cpu,
            rss_before_kib,
        }
    }

    /// Ends the window after `calls` calls.
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

/// Measures calls that are made one after the other, with the latency of each.
///
/// ```text
/// while meter.should_continue() { call }
/// meter.finish()
/// ```
#[derive(Debug)]
pub struct Meter<'a> {
    job: &'a Job,
    rss_before_kib: Option<u64>,
    begin: Instant,
    last: Instant,
    /// Number of turns since the begin of the warm-up or of the window.
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

    /// Returns whether to make another call. The caller must have checked the answer of the
    /// previous call.
    pub fn should_continue(&mut self) -> bool {
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

    /// Returns the result.
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
