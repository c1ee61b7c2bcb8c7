//! Works × contestants × placements: what is measured, how long, in which order.

use std::time::Duration;

use anyhow::{Context as _, Result, ensure};

use crate::contestant::{CONTESTANTS, Contestant, Flavour, Program};
use crate::job::Job;
use crate::placement::Placement;
use crate::work::Work;

/// How long, and how often.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Effort {
    /// How often everything is measured.
    pub rounds: u32,
    /// How long calls are made before a measurement.
    pub warm_up: Duration,
    /// How long a measurement takes.
    pub window: Duration,
    /// No more calls than this are measured one after the other.
    pub calls: u64,
    /// The sessions of [`Work::Idle`].
    pub idle_sessions: u64,
    /// The calls of [`Work::Growth`]; none: it is left out.
    pub growth_calls: u64,
}

/// A connection leaves its port waiting for a while, and there are 28,232 ports.
const MAX_CONNECTS: u64 = 12_000;

impl Effort {
    /// A run that figures are quoted from.
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
        window: Duration::from_millis(20),
        calls: 3,
        idle_sessions: 3,
        growth_calls: 1_000,
    };

    /// What a client is told.
    pub fn job(&self, work: Work, address: std::net::SocketAddr, server: u32) -> Job {
        let (warm_up_calls, calls) = match work {
            Work::Idle => (0, self.idle_sessions),
            Work::Growth => (0, self.growth_calls),
            Work::Connect => (MAX_CONNECTS / 10, self.calls.min(MAX_CONNECTS)),
            _ => (u64::MAX, self.calls),
        };
        Job {
            work,
            address,
            server,
            warm_up: self.warm_up,
            window: self.window,
            warm_up_calls,
            calls,
        }
    }

    /// How long a client may take; beyond that something hangs.
    pub fn limit(&self, work: Work) -> Duration {
        let patience = if work.is_memory() {
            Duration::from_mins(5)
        } else {
            Duration::from_secs(20)
        };
        self.warm_up + self.window + patience
    }
}

/// What is measured.
#[derive(Debug)]
pub struct Plan {
    /// The works, in order.
    pub works: Vec<Work>,
    /// The contestants that are there, in order.
    pub contestants: Vec<&'static Contestant>,
    /// The placements that this machine has cores for.
    pub placements: Vec<Placement>,
    /// How long, and how often.
    pub effort: Effort,
    /// The runtime of every server, where it is not the one that suits it.
    pub flavour: Option<Flavour>,
}

impl Plan {
    /// Everything that was selected (nothing: all), as far as it is there. What is not is told.
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
            .filter(|contestant| is_there(contestant));
        let placements = placements.iter().copied().filter(|placement| {
            let there = placement.cores().is_some();
            if !there {
                eprintln!("skipped: {}: this machine has one core", placement.title());
            }
            there
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
            .context("this machine has too few cores for that placement")?;
        ensure!(
            plan.pairs(0, *first).next().is_some(),
            "nobody takes part in what was selected"
        );
        Ok(plan)
    }

    /// What is measured in a round, contestants of a work one after the other. Every other round
    /// goes backwards, so that nobody always comes first.
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
            let mut takers: Vec<_> = self
                .contestants
                .iter()
                .filter(|who| who.works.contains(work))
                .collect();
            if round % 2 == 1 {
                takers.reverse();
            }
            takers.into_iter().map(|contestant| (*work, *contestant))
        })
    }
}

fn is_there(contestant: &Contestant) -> bool {
    let Program::Python { .. } = contestant.program else {
        return true;
    };
    let there = crate::python::version(contestant.package).is_some();
    if !there {
        let (name, package) = (contestant.name, contestant.package);
        eprintln!(
            "skipped: {name}: `{}` has no module of {package}",
            crate::python::interpreter()
        );
    }
    there
}
