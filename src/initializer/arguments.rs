//! The command line.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use clap::{Args, Parser, Subcommand, ValueEnum};
use rpc_runtime::initializer::{InitializerOptions, Progress};
use tls::{ClientFolder, Role};

use super::cert::CertArguments;
use crate::args;
use crate::server::read_key;

pub(super) const NAME: &str = "initializer";

/// The environment variable that names the file with the deploy key.
const DEPLOY_KEY_FILE: &str = "RPC_DEPLOY_KEY_FILE";

const EXAMPLES: &str = "\
Examples:
  initializer plan init.yaml       show what would change; exit 3 if something would
  initializer apply init.yaml      make every server match the file, or change none
  initializer init.yaml            the same
  initializer status init.yaml     show how each server differs from the file
  initializer rollback init.yaml   return to what ran before the last apply
  initializer watch init.yaml      apply whenever the file or a source changes
  initializer cert init.yaml       make a CA and certificates in the folder `certs`
  initializer unlock init.yaml ID  break the lease of an apply whose initializer is gone
  initializer apply init.yaml --server server1=127.0.0.1:9001
      use another address than the file says; RPC_SERVER_SERVER1 does the same
  initializer plan init.yaml --out plan.json; initializer apply --plan plan.json
      apply exactly what was planned, or nothing if a server has changed since

In a plan: + new  ~ changed  - removed  = unchanged";

/// Makes the servers of an init.yaml match the file, in one transaction.
#[derive(Debug, Parser)]
#[command(name = NAME, version, after_help = EXAMPLES, args_conflicts_with_subcommands = true)]
pub(super) struct CommandLine {
    #[command(subcommand)]
    pub(super) verb: Option<Verb>,
    #[command(flatten)]
    pub(super) apply: ApplyArguments,
    /// Print the completions for a shell and exit
    #[arg(long, value_name = "SHELL")]
    pub(super) completions: Option<clap_complete::Shell>,
}

#[derive(Debug, Subcommand)]
pub(super) enum Verb {
    /// Make every server match the file, or change none
    Apply(ApplyArguments),
    /// Show what would change; exit 3 if something would
    Plan(PlanArguments),
    /// Show what is live on each server and how it differs from the file; exit 3 if it differs
    Status(StatusArguments),
    /// List the applies that the servers keep
    History(HistoryArguments),
    /// Return to what ran after an earlier apply, as a new generation
    Rollback(RollbackArguments),
    /// Apply whenever the file or a source changes
    Watch(WatchArguments),
    /// Break the lease of an apply whose initializer is gone
    Unlock(UnlockArguments),
    /// Make the certificates of the network; list, renew and revoke them
    Cert(CertArguments),
}

impl Verb {
    /// Returns the arguments of a verb that talks to the servers.
    fn network(&self) -> Option<&NetworkArguments> {
        Some(match self {
            Self::Apply(ApplyArguments { network, .. })
            | Self::Plan(PlanArguments { network, .. })
            | Self::Status(StatusArguments { network, .. })
            | Self::History(HistoryArguments { network })
            | Self::Rollback(RollbackArguments { network, .. })
            | Self::Watch(WatchArguments { network, .. })
            | Self::Unlock(UnlockArguments { network, .. }) => network,
            Self::Cert(_) => return None,
        })
    }

    /// Returns whether the output is JSON.
    pub(super) fn json(&self) -> bool {
        match self {
            Self::Cert(cert) => cert.json(),
            _ => self.network().is_some_and(|network| network.json),
        }
    }

    /// Returns the command that explains the command line.
    pub(super) fn help(&self) -> &'static str {
        match self {
            Self::Cert(_) => "initializer cert --help",
            _ => "initializer --help",
        }
    }

    /// Returns what the command line lacks.
    pub(super) fn missing(&self) -> Option<&'static str> {
        match self {
            Self::Cert(cert) => cert.missing(),
            Self::Apply(apply) if apply.plan.is_some() => None,
            _ => {
                let init = self.network()?.init.as_ref();
                let missing = "missing file; name one, such as `init.yaml`";
                init.is_none().then_some(missing)
            }
        }
    }
}

/// The file, how to reach its servers, and the form of the output.
#[derive(Debug, Args)]
pub(super) struct NetworkArguments {
    /// File that declares the network
    #[arg(value_name = "INIT.YAML")]
    pub(super) init: Option<PathBuf>,
    /// Address of a server, instead of the one in the file; may be given several times
    #[arg(long, value_name = "NAME=IP:PORT", value_parser = args::server_address)]
    server: Vec<(String, SocketAddr)>,
    /// File with the deploy key of the servers; not needed for servers of the same user on this
    /// machine. The variable `RPC_DEPLOY_KEY_FILE` names it too
    #[arg(long, value_name = "FILE")]
    deploy_key: Option<PathBuf>,
    /// Folder with the certificate of a deployer, as `initializer cert` makes it; servers are then
    /// reached by TLS, and no deploy key is needed
    #[arg(long, value_name = "DIR", conflicts_with = "deploy_key")]
    pub(super) tls: Option<PathBuf>,
    /// Time that a server may take to answer
    #[arg(long, value_name = "TIME", default_value = "2m", value_parser = args::duration)]
    timeout: Duration,
    /// Time to wait for servers that do not run yet, and for another apply that is under way
    #[arg(long, value_name = "TIME", value_parser = args::duration)]
    wait: Option<Duration>,
    /// Print JSON, one object per line
    #[arg(long)]
    pub(super) json: bool,
}

/// Which servers are changed, and what is checked before.
#[derive(Debug, Args)]
pub(super) struct ScopeArguments {
    /// Change only these servers
    #[arg(long, value_name = "SERVER,...", value_delimiter = ',')]
    only: Vec<String>,
    /// Empty the servers that were removed from the file
    #[arg(long, conflicts_with = "only")]
    pub(super) retire: bool,
    /// Python that checks changed sources before they are sent
    #[arg(long, value_name = "PATH", default_value = "python3")]
    python: PathBuf,
    /// Do not check sources before they are sent; the servers check them
    #[arg(long, conflicts_with = "python")]
    no_sources: bool,
}

#[derive(Debug, Args)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "they are flags of the command line"
)]
pub(super) struct ApplyArguments {
    #[command(flatten)]
    pub(super) network: NetworkArguments,
    #[command(flatten)]
    pub(super) scope: ScopeArguments,
    /// Apply exactly the plan that `plan --out` wrote
    #[arg(long, value_name = "FILE", conflicts_with_all = ["init", "only", "retire"])]
    pub(super) plan: Option<PathBuf>,
    /// Replace every worker with a fresh one after the apply
    #[arg(long)]
    pub(super) restart: bool,
    /// Apply also if calls of clients break; without this, the apply asks on a terminal, and fails
    /// elsewhere
    #[arg(long)]
    pub(super) allow_breaking: bool,
    /// Answer the question on the terminal with yes
    #[arg(long, short)]
    pub(super) yes: bool,
    /// Show every procedure, even if there are many, and also unchanged ones
    #[arg(long, short)]
    pub(super) verbose: bool,
}

#[derive(Debug, Args)]
pub(super) struct PlanArguments {
    #[command(flatten)]
    pub(super) network: NetworkArguments,
    #[command(flatten)]
    pub(super) scope: ScopeArguments,
    /// Write the plan to this file, for `apply --plan`
    #[arg(long, value_name = "FILE")]
    pub(super) out: Option<PathBuf>,
    /// Show how the text of each file changes
    #[arg(long)]
    pub(super) diff: bool,
    /// Form of the output; `github` prints workflow commands, which show broken clients as warnings
    #[arg(long, value_enum, default_value = "text", conflicts_with = "json")]
    pub(super) format: PlanFormat,
    /// Show every procedure, even if there are many, and also unchanged ones
    #[arg(long, short)]
    pub(super) verbose: bool,
}

/// The form in which a plan is printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum PlanFormat {
    /// For people
    Text,
    /// JSON, one object per line, as `--json`
    Json,
    /// Workflow commands of GitHub
    Github,
}

#[derive(Debug, Args)]
pub(super) struct StatusArguments {
    #[command(flatten)]
    pub(super) network: NetworkArguments,
    /// Ask again at this interval, until you stop it; 2s if no TIME is given
    #[arg(long, value_name = "TIME", num_args = 0..=1, default_missing_value = "2s", value_parser = args::duration)]
    pub(super) watch: Option<Duration>,
}

#[derive(Debug, Args)]
pub(super) struct HistoryArguments {
    #[command(flatten)]
    pub(super) network: NetworkArguments,
}

#[derive(Debug, Args)]
pub(super) struct RollbackArguments {
    #[command(flatten)]
    pub(super) network: NetworkArguments,
    /// First digits of the id of the apply to return to; without this flag, the one before the last
    #[arg(long, value_name = "ID")]
    pub(super) to: Option<String>,
    /// Roll back only these servers
    #[arg(long, value_name = "SERVER,...", value_delimiter = ',')]
    pub(super) only: Vec<String>,
    /// Only show what would change; exit 3 if something would
    #[arg(long)]
    pub(super) dry_run: bool,
    /// Show every procedure, even if there are many, and also unchanged ones
    #[arg(long, short)]
    pub(super) verbose: bool,
}

#[derive(Debug, Args)]
pub(super) struct WatchArguments {
    #[command(flatten)]
    pub(super) network: NetworkArguments,
    #[command(flatten)]
    pub(super) scope: ScopeArguments,
}

#[derive(Debug, Args)]
pub(super) struct UnlockArguments {
    #[command(flatten)]
    pub(super) network: NetworkArguments,
    /// First digits of the id of the apply; `status` shows it
    #[arg(value_name = "ID")]
    pub(super) txn: Option<String>,
}

impl NetworkArguments {
    /// Returns the path of the file. A command line without one was refused before.
    pub(super) fn init(&self) -> &Path {
        self.init.as_deref().unwrap_or(Path::new("init.yaml"))
    }

    /// Returns the options that these flags set. Reads the deploy key.
    pub(super) fn options(&self, progress: Progress) -> Result<InitializerOptions, String> {
        let mut options = InitializerOptions::default();
        options.servers = self.server.iter().cloned().collect();
        let key_file = self.deploy_key.clone().or_else(|| {
            let named = std::env::var_os(DEPLOY_KEY_FILE)?;
            // An empty variable is as good as none.
            (!named.is_empty()).then(|| PathBuf::from(named))
        });
        options.deploy_key = key_file.as_deref().map(read_key).transpose()?;
        options.tls = self.tls.as_deref().map(open_tls).transpose()?;
        options.timeout = self.timeout;
        options.wait = self.wait;
        options.progress = progress;
        Ok(options)
    }
}

/// Reads the folder with the certificate of a deployer.
pub(super) fn open_tls(folder: &Path) -> Result<Arc<ClientFolder>, String> {
    let tls = ClientFolder::open(folder).map_err(|error| error.to_string())?;
    let identity = tls.identity();
    if identity.role == Role::Deployer {
        return Ok(Arc::new(tls));
    }
    Err(format!(
        "{}: the certificate is that of `{identity}`; to deploy, give the folder of a deployer",
        folder.display()
    ))
}

impl ScopeArguments {
    /// Returns the options, restricted to this scope.
    pub(super) fn within(&self, mut options: InitializerOptions) -> InitializerOptions {
        options.only.clone_from(&self.only);
        options.retire = self.retire;
        options.python = (!self.no_sources).then(|| self.python.clone());
        options
    }
}
