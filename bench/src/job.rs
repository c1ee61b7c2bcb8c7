//! The job of a measuring client and its result. Both are sent as JSON between processes.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::work::Work;

/// One measurement that a client carries out.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Job {
    /// The work.
    pub work: Work,
    /// Address of the server.
    pub address: SocketAddr,
    /// Process id of the server, whose CPU time and memory are read.
    pub server: u32,
    /// The folder of the server's temporary files.
    pub scratch: PathBuf,
    /// Maximum duration of the calls before the measurement.
    pub warm_up: Duration,
    /// Maximum duration of the measurement.
    pub window: Duration,
    /// Maximum number of calls before the measurement.
    pub warm_up_calls: u64,
    /// Maximum number of measured calls. For [`Work::Idle`], this is the number of sessions; for
    /// [`Work::Growth`], it is the number of all calls.
    pub calls: u64,
}

/// The result of a measurement.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub struct Measured {
    /// Number of calls with a correct answer.
    pub calls: u64,
    /// Duration of the measurement.
    pub seconds: f64,
    /// The median latency, if one call is in flight.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub p50_us: Option<f64>,
    /// The 99th percentile of the latency, if one call is in flight.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub p99_us: Option<f64>,
    /// User and system time of the client per call.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_cpu_us: Option<f64>,
    /// User and system time of the server and its children per call.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub server_cpu_us: Option<f64>,
    /// Resident memory of the server before the first call.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rss_before_kib: Option<u64>,
    /// Resident memory of the server at the end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rss_after_kib: Option<u64>,
    /// Maximum of the server's resident memory during the measurement.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rss_peak_kib: Option<u64>,
}

impl Measured {
    /// Returns the number of calls per second.
    #[expect(clippy::cast_precision_loss, reason = "no run makes 2^52 calls")]
    pub fn rate(&self) -> f64 {
        self.calls as f64 / self.seconds
    }
}
