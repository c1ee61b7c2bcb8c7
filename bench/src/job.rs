//! What a measuring client is told, and what it answers: both travel as JSON between processes.

use std::net::SocketAddr;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::work::Work;

/// One measurement, as the process that carries it out is told.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Job {
    /// What to do.
    pub work: Work,
    /// Where the server listens.
    pub address: SocketAddr,
    /// The server's process, whose CPU time and memory are read.
    pub server: u32,
    /// How long calls are made before anything is measured.
    pub warm_up: Duration,
    /// How long it measures.
    pub window: Duration,
    /// No more calls than this are made before anything is measured.
    pub warm_up_calls: u64,
    /// No more calls than this are measured; for [`Work::Idle`] the sessions, for [`Work::Growth`]
    /// all calls.
    pub calls: u64,
}

/// What was measured.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub struct Measured {
    /// Calls that were answered, and rightly.
    pub calls: u64,
    /// In this time.
    pub seconds: f64,
    /// The median latency, where one call is in flight.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub p50_us: Option<f64>,
    /// The 99th percentile of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub p99_us: Option<f64>,
    /// User and system time of the client per call.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_cpu_us: Option<f64>,
    /// User and system time of the server, its children included, per call.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub server_cpu_us: Option<f64>,
    /// Resident memory of the server before the first call.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rss_before_kib: Option<u64>,
    /// Resident memory of the server at the end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rss_after_kib: Option<u64>,
    /// The most it had in between.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rss_peak_kib: Option<u64>,
}

impl Measured {
    /// Calls per second.
    #[expect(clippy::cast_precision_loss, reason = "no run makes 2^52 calls")]
    pub fn rate(&self) -> f64 {
        self.calls as f64 / self.seconds
    }
}
