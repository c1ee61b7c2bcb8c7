//! [`Placement`]: the cores on which client and server run.

use clap::ValueEnum;
use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};
use serde::{Deserialize, Serialize};

/// The cores of client and server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Placement {
    /// The client on one core, the server on another. Every call includes two wake-ups of the other
    /// core.
    TwoCores,
    /// Both on one core. This measures the work of the code alone.
    OneCore,
}

impl Placement {
    /// Every placement.
    pub const ALL: [Self; 2] = [Self::TwoCores, Self::OneCore];

    /// Returns the name in tables.
    pub const fn title(self) -> &'static str {
        match self {
            Self::TwoCores => "two cores",
            Self::OneCore => "one core",
        }
    }

    /// Returns the cores of the client and of the server, or `None` if this machine has too few.
    pub fn cores(self) -> Option<(usize, usize)> {
        let cores = available_cores();
        let first = *cores.first()?;
        match self {
            Self::TwoCores => Some((first, *cores.get(1)?)),
            Self::OneCore => Some((first, first)),
        }
    }
}

/// Returns the cores on which this process may run.
pub fn available_cores() -> Vec<usize> {
    let Ok(allowed) = sched_getaffinity(None) else {
        return Vec::new();
    };
    (0..CpuSet::MAX_CPU)
        .filter(|core| allowed.is_set(*core))
        .collect()
}

/// Pins this process and the processes that it starts to one core.
pub fn pin(core: usize) -> std::io::Result<()> {
    let mut only = CpuSet::new();
    only.set(core);
    Ok(sched_setaffinity(None, &only)?)
}
