//! The command line.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::{Args, Parser, Subcommand};
use rpc_runtime::initializer::{InitializerOptions, Progress};

use crate::args;
use crate::server::read_key;

pub(super) const NAME: &str = "initializer";

const EXAMPLES: &str = "\
Examples:
  initializer plan init.yaml       show what would change; exit 3 where something would
  initializer apply init.yaml      bring every server to the file, or none
  initializer init.yaml            the same
  initializer status init.yaml     what is live on each server, against the file
  initializer rollback init.yaml   go back to what ran before the last apply
  initializer watch init.yaml      apply whenever the file or a source changes
  initializer apply init.yaml --server server1=127.0.0.1:9001
      reach a server elsewhere than the file says; RPC_SERVER_SERVER1 does the same
  initializer plan init.yaml --out plan.json; initializer apply --plan plan.json
      apply just what was planned, or nothing where a server moved on meanwhile

In a plan: + new  ~ changed  - removed  = unchanged";

/// Brings the servers of an init.yaml to what the file says, in one transaction.
#[derive(Debug, Parser)]
#[command(name = NAME, version, after_help = EXAMPLES, args_conflicts_with_subcommands = true)]
pub(super) struct Arguments {
    #[command(subcommand)]
    pub(super) command: Option<Verb>,
    #[command(flatten)]
    pub(super) apply: Apply,
    /// Print completions for a shell and exit
    #[arg(long, value_name = "SHELL")]
    pub(super) completions: Option<clap_complete::Shell>,
}

#[derive(Debug, Subcommand)]
pub(super) enum Verb {
    /// Bring every server to the file, or none
    Apply(Apply),
    /// Show what would change; exit 3 where something would
    Plan(Plan),
    /// Show what is live on each server, against the file; exit 3 where something differs
    Status(Status),
    /// List the applies that servers keep
    History(History),
    /// Go back to what ran after an apply that servers keep, as a new generation
    Rollback(Rollback),
    /// Apply whenever the file or a source changes
    Watch(Watch),
}

impl Verb {
    pub(super) fn reach(&self) -> &Reach {
        match self {
            Self::Apply(Apply { reach, .. })
            | Self::Plan(Plan { reach, .. })
            | Self::Status(Status { reach, .. })
            | Self::History(History { reach })
            | Self::Rollback(Rollback { reach, .. })
            | Self::Watch(Watch { reach, .. }) => reach,
        }
    }
}

/// Which file it is about, and how its servers are reached.
#[derive(Debug, Args)]
pub(super) struct Reach {
    /// The file that declares the network
    #[arg(value_name = "INIT.YAML")]
    pub(super) init: Option<PathBuf>,
    /// Reach a server elsewhere than the file says; may be given several times
    #[arg(long, value_name = "NAME=IP:PORT", value_parser = args::server_address)]
    server: Vec<(String, SocketAddr)>,
    /// A file with the key that proves to servers that this may deploy; not needed for servers of
    /// the same user on this machine
    #[arg(long, value_name = "FILE")]
    deploy_key: Option<PathBuf>,
    /// How long a server may take to answer
    #[arg(long, value_name = "TIME", default_value = "2m", value_parser = args::duration)]
    timeout: Duration,
    /// Wait so long for servers that are not up yet
    #[arg(long, value_name = "TIME", value_parser = args::duration)]
    wait: Option<Duration>,
    /// Print JSON, one object per line
    #[arg(long)]
    pub(super) json: bool,
}

/// Which servers are brought to the file, and what is checked before.
#[derive(Debug, Args)]
pub(super) struct Scope {
    /// Bring only these servers to the file and leave the others as they are
    #[arg(long, value_name = "SERVER,...", value_delimiter = ',')]
    only: Vec<String>,
    /// Empty servers that left the file
    #[arg(long, conflicts_with = "only")]
    pub(super) retire: bool,
    /// The Python that checks changed sources before they are sent
    #[arg(long, value_name = "PATH", default_value = "python3")]
    python: PathBuf,
    /// Leave checking the sources to the servers
    #[arg(long, conflicts_with = "python")]
    no_sources: bool,
}

#[derive(Debug, Args)]
pub(super) struct Apply {
    #[command(flatten)]
    pub(super) reach: Reach,
    #[command(flatten)]
    pub(super) scope: Scope,
    /// Apply the plan that `plan --out` wrote, and nothing else
    #[arg(long, value_name = "FILE", conflicts_with_all = ["init", "only", "retire"])]
    pub(super) plan: Option<PathBuf>,
    /// After the apply, replace every worker by a fresh one
    #[arg(long)]
    pub(super) restart: bool,
    /// Show every procedure, also where they are many or unchanged
    #[arg(long, short)]
    pub(super) verbose: bool,
}

#[derive(Debug, Args)]
pub(super) struct Plan {
    #[command(flatten)]
    pub(super) reach: Reach,
    #[command(flatten)]
    pub(super) scope: Scope,
    /// Write the plan to a file, for `apply --plan`
    #[arg(long, value_name = "FILE")]
    pub(super) out: Option<PathBuf>,
    /// Show how the text of files changes
    #[arg(long)]
    pub(super) diff: bool,
    /// Show every procedure, also where they are many or unchanged
    #[arg(long, short)]
    pub(super) verbose: bool,
}

#[derive(Debug, Args)]
pub(super) struct Status {
    #[command(flatten)]
    pub(super) reach: Reach,
    /// Ask again every so often, until it is stopped
    #[arg(long, value_name = "TIME", num_args = 0..=1, default_missing_value = "2s", value_parser = args::duration)]
    pub(super) watch: Option<Duration>,
}

#[derive(Debug, Args)]
pub(super) struct History {
    #[command(flatten)]
    pub(super) reach: Reach,
}

#[derive(Debug, Args)]
pub(super) struct Rollback {
    #[command(flatten)]
    pub(super) reach: Reach,
    /// The apply to go back to, by the first digits of its id; the one before the last where none
    /// is named
    #[arg(long, value_name = "ID")]
    pub(super) to: Option<String>,
    /// Only show what would change; exit 3 where something would
    #[arg(long)]
    pub(super) dry_run: bool,
    /// Show every procedure, also where they are many or unchanged
    #[arg(long, short)]
    pub(super) verbose: bool,
}

#[derive(Debug, Args)]
pub(super) struct Watch {
    #[command(flatten)]
    pub(super) reach: Reach,
    #[command(flatten)]
    pub(super) scope: Scope,
}

impl Reach {
    /// The file. Whoever gets here was given one.
    pub(super) fn init(&self) -> &Path {
        self.init.as_deref().unwrap_or(Path::new("init.yaml"))
    }

    pub(super) fn options(&self, progress: Progress) -> Result<InitializerOptions, String> {
        Ok(InitializerOptions {
            servers: self.server.iter().cloned().collect(),
            deploy_key: self.deploy_key.as_deref().map(read_key).transpose()?,
            timeout: self.timeout,
            wait: self.wait,
            progress,
            ..InitializerOptions::default()
        })
    }
}

impl Scope {
    /// The same options for this scope.
    pub(super) fn within(&self, options: InitializerOptions) -> InitializerOptions {
        InitializerOptions {
            only: self.only.clone(),
            retire: self.retire,
            python: (!self.no_sources).then(|| self.python.clone()),
            ..options
        }
    }
}
