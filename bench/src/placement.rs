//! Where client and server run.

use clap::ValueEnum;
use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};
use serde::{Deserialize, Serialize};

/// The cores of client and server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Placement {
    /// The client on one core, the server on another: waking each other up is part of every call.
    TwoCores,
    /// Both on one core: the pure path of the code.
    OneCore,
}

impl Placement {
    /// Every placement.
    pub const ALL: [Self; 2] = [Self::TwoCores, Self::OneCore];

    /// How it is called in tables.
    pub const fn title(self) -> &'static str {
        match self {
            Self::TwoCores => "two cores",
            Self::OneCore => "one core",
        }
    }

    /// The core of the client and that of the server; `None` where this machine has too few.
    pub fn cores(self) -> Option<(usize, usize)> {
        let cores = available_cores();
        let (first, second) = (*cores.first()?, cores.get(1).copied());
        match self {
            Self::TwoCores => Some((first, second?)),
            Self::OneCore => Some((first, first)),
        }
    }
}

/// The cores that this process may run on.
pub fn available_cores() -> Vec<usize> {
    let Ok(allowed) = sched_getaffinity(None) else {
        return Vec::new();
    };
    (0..CpuSet::MAX_CPU)
        .filter(|core| allowed.is_set(*core))
        .collect()
}

/// Keeps this process, and whatever it starts, on one core.
pub fn pin(core: usize) -> std::io::Result<()> {
    let mut only = CpuSet::new();
    only.set(core);
    Ok(sched_setaffinity(None, &only)?)
}
