//! Works × contestants × placements: what is measured, for how long, and in which order.

use std::time::Duration;

use anyhow::{Context as _, Result, ensure};

use crate::contestant::{CONTESTANTS, Contestant, Program};
use crate::flavour::Flavour;
use crate::job::Job;
use crate::placement::Placement;
use crate::process::Server;
use crate::work::Work;

/// How long and how often everything is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Effort {
    /// Number of measurements of everything.
    pub rounds: u32,
    /// Duration of the calls before a measurement.
    pub warm_up: Duration,
    /// Duration of a measurement.
    pub window: Duration,
    /// Maximum number of measured calls, if they are made one after the other.
    pub calls: u64,
    /// Number of sessions of [`Work::Idle`].
    pub idle_sessions: u64,
    /// Number of calls of [`Work::Growth`]. With 0, this work is skipped.
    pub growth_calls: u64,
}

/// Maximum number of connections in a measurement. A closed connection occupies its port for a
/// while, and there are 28,232 ports.
const MAX_CONNECTS: u64 = 12_000;

impl Effort {
    /// A full run, for published figures.
    pub const FULL: Self = Self {
        rounds: 5,
        warm_up: Duration::from_millis(200),
        window: Duration::from_secs(1),
        calls: u64::MAX,
        idle_sessions: 10_000,
        growth_calls: 10_000_000,
    };
    /// A run of about a minute.
    pub const QUICK: Self = Self {
        rounds: 2,
        warm_up: Duration::from_millis(30),
        window: Duration::from_millis(80),
        calls: u64::MAX,
        idle_sessions: 1_000,
        growth_calls: 0,
    };
    /// A few calls of everything.
    pub const SMOKE: Self = Self {
        rounds: 1,
        warm_up: Duration::ZERO,
        window: Duration::from_millis(200),
        calls: 3,
        idle_sessions: 3,
        growth_calls: 1_000,
    };

    /// Returns the job for a client of that server.
    pub fn job(&self, work: Work, server: &Server) -> Job {
        let (warm_up_calls, calls) = match work {
            Work::Idle => (0, self.idle_sessions),
            Work::Growth => (0, self.growth_calls),
            Work::Connect => (MAX_CONNECTS / 10, self.calls.min(MAX_CONNECTS)),
            _ => (u64::MAX, self.calls),
        };
        Job {
            work,
            address: server.address,
            server: server.id(),
            scratch: server.scratch().to_owned(),
            warm_up: self.warm_up,
            window: self.window,
            warm_up_calls,
            calls,
        }
    }

    /// Returns the time limit of a client. A client that exceeds it hangs.
    pub fn limit(&self, work: Work) -> Duration {
        let margin = if work.is_memory() {
            Duration::from_mins(5)
        } else {
            Duration::from_secs(20)
        };
        self.warm_up + self.window + margin
    }
}

/// What is measured.
#[derive(Debug)]
pub struct Plan {
    /// The works, in order.
    pub works: Vec<Work>,
    /// The available contestants, in order.
    pub contestants: Vec<&'static Contestant>,
    /// The placements for which this machine has enough cores.
    pub placements: Vec<Placement>,
    /// How long and how often everything is measured.
    pub effort: Effort,
    /// The runtime of every server. `None` selects the best runtime for each.
    pub flavour: Option<Flavour>,
}

impl Plan {
    /// Plans what was selected, as far as it is available. An empty `only` selects all contestants.
    /// Prints what is skipped.
    ///
    /// # Errors
    ///
    /// Fails if a name is unknown, or if nothing is left to measure.
    pub fn new(
        works: Vec<Work>,
        only: &[String],
        placements: &[Placement],
        effort: Effort,
    ) -> Result<Self> {
        for name in only {
            Contestant::find(name)?;
        }
        let selected = |contestant: &&Contestant| {
            only.is_empty() || only.iter().any(|name| name == contestant.name)
        };
        let contestants = CONTESTANTS
            .iter()
            .filter(selected)
            .filter(|contestant| is_available(contestant));
        let placements = placements.iter().copied().filter(|placement| {
            let has_cores = placement.cores().is_some();
            if !has_cores {
                eprintln!("skipped: {}: this machine has one core", placement.title());
            }
            has_cores
        });
        let plan = Self {
            works,
            contestants: contestants.collect(),
            placements: placements.collect(),
            effort,
            flavour: None,
        };
        let first = plan
            .placements
            .first()
            .context("this machine has too few cores for the selected placements")?;
        ensure!(
            plan.pairs(0, *first).next().is_some(),
            "no selected contestant has a selected work"
        );
        Ok(plan)
    }

    /// Returns what is measured in a round. All contestants of a work come one after the other.
    /// Every second round has the reverse order, so that no contestant always comes first.
    pub fn pairs(
        &self,
        round: u32,
        placement: Placement,
    ) -> impl Iterator<Item = (Work, &'static Contestant)> {
        let once = round == 0 && placement == self.placements.first().copied().unwrap_or(placement);
        let growth = self.effort.growth_calls > 0;
        let works = self
            .works
            .iter()
            .filter(move |work| (once || !work.is_memory()) && (growth || **work != Work::Growth));
        works.flat_map(move |work| {
            let mut contestants: Vec<_> = self
                .contestants
                .iter()
                .filter(|contestant| contestant.works.contains(work))
                .collect();
            if round % 2 == 1 {
                contestants.reverse();
            }
            contestants
                .into_iter()
                .map(|contestant| (*work, *contestant))
        })
    }
}

/// Returns whether a contestant can run here. Prints why not.
fn is_available(contestant: &Contestant) -> bool {
    let Program::Python { .. } = contestant.program else {
        return true;
    };
    let is_installed = crate::python::version(contestant.package).is_some();
    if !is_installed {
        eprintln!(
            "skipped: {}: the Python `{}` does not have the package `{}`",
            contestant.name,
            crate::python::interpreter(),
            contestant.package
        );
    }
    is_installed
}
