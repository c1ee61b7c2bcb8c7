//! The command line.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::{Parser, Subcommand, ValueEnum as _};

use crate::flavour::Flavour;
use crate::placement::Placement;
use crate::plan::Effort;
use crate::work::Work;

/// Measures calls on loopback, compared with bare sockets and other RPC systems.
#[derive(Debug, Parser)]
#[command(version, args_conflicts_with_subcommands = true)]
pub struct Arguments {
    /// What to do instead of measuring.
    #[command(subcommand)]
    pub command: Option<Command>,
    /// Measure for about a minute in all
    #[arg(long)]
    pub quick: bool,
    /// Make a few calls of everything; the exit code is 1 if a call fails
    #[arg(long, conflicts_with = "quick")]
    pub smoke: bool,
    /// Show works and contestants
    #[arg(long)]
    pub list: bool,
    /// Only these works
    #[arg(long, value_enum, value_name = "NAME", value_delimiter = ',')]
    work: Vec<Work>,
    /// Only these contestants
    #[arg(long, value_name = "NAME", value_delimiter = ',')]
    pub only: Vec<String>,
    /// Only these placements
    #[arg(long, value_enum, value_name = "NAME", value_delimiter = ',')]
    placement: Vec<Placement>,
    /// Number of measurements of everything
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=100))]
    rounds: Option<u32>,
    /// Duration of a measurement
    #[arg(long, value_name = "S", value_parser = seconds)]
    seconds: Option<Duration>,
    /// Run every server on this runtime instead of its best one
    #[arg(long, value_enum)]
    pub flavour: Option<Flavour>,
    /// File for the raw samples [default: results/latest.jsonl, quick.jsonl or selected.jsonl
    /// beside this program's sources]
    #[arg(long, value_name = "FILE")]
    output: Option<PathBuf>,
}

/// What to do instead of measuring.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Print the table of saved samples
    Table {
        /// The samples
        samples: PathBuf,
    },
    /// Print a summary of saved samples with a line for each work, or write it into a file that
    /// has a place for it
    Summary {
        /// The samples
        samples: PathBuf,
        /// A Markdown file with the two marker lines of the summary
        #[arg(long, value_name = "FILE")]
        into: Option<PathBuf>,
    },
    /// Draw saved samples as SVG
    Draw {
        /// The samples
        samples: PathBuf,
        /// The picture
        picture: PathBuf,
    },
    /// Serve as a contestant
    #[command(hide = true)]
    Serve {
        /// Name of the contestant
        contestant: String,
        /// The runtime; the default is the best one
        #[arg(long, value_enum)]
        flavour: Option<Flavour>,
    },
    /// Carry out a job
    #[command(hide = true)]
    Measure {
        /// The contestant's name
        contestant: String,
        /// The job as JSON
        job: String,
    },
    /// Run a program on one core
    #[command(hide = true, disable_help_flag = true)]
    Pinned {
        /// The core
        core: usize,
        /// The program and its arguments
        #[arg(trailing_var_arg = true, allow_hyphen_values = true, required = true)]
        command: Vec<OsString>,
    },
}

impl Arguments {
    /// Returns the selected works, or all.
    pub fn works(&self) -> Vec<Work> {
        if self.work.is_empty() {
            Work::value_variants().to_vec()
        } else {
            self.work.clone()
        }
    }

    /// Returns the selected placements. The default is all, or one core with `--smoke`.
    pub fn placements(&self) -> Vec<Placement> {
        match (self.placement.is_empty(), self.smoke) {
            (false, _) => self.placement.clone(),
            (true, true) => vec![Placement::OneCore],
            (true, false) => Placement::ALL.to_vec(),
        }
    }

    /// Returns how long and how often everything is measured.
    pub fn effort(&self) -> Effort {
        let effort = match (self.smoke, self.quick) {
            (true, _) => Effort::SMOKE,
            (_, true) => Effort::QUICK,
            _ => Effort::FULL,
        };
        let rounds = self.rounds.unwrap_or(effort.rounds);
        Effort {
            rounds,
            window: self.seconds.unwrap_or(effort.window),
            ..effort
        }
    }

    /// Returns the file for the raw samples. By default, only a full run replaces `latest.jsonl`,
    /// the source of the published figures.
    pub fn output(&self, package: &Path) -> PathBuf {
        let selected = self.flavour.is_some()
            || !(self.work.is_empty() && self.only.is_empty() && self.placement.is_empty());
        let name = match (selected, self.quick) {
            (true, _) => "selected.jsonl",
            (_, true) => "quick.jsonl",
            _ => "latest.jsonl",
        };
        self.output
            .clone()
            .unwrap_or_else(|| package.join("results").join(name))
    }
}

fn seconds(text: &str) -> Result<Duration, String> {
    let seconds: f64 = text
        .parse()
        .map_err(|_| format!("expected a number of seconds, not `{text}`"))?;
    if !(0.001..=600.0).contains(&seconds) {
        return Err(format!("must be 0.001 to 600 seconds, not {text}"));
    }
    Ok(Duration::from_secs_f64(seconds))
}
