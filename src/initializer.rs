//! `initializer`: brings the servers of an `init.yaml` to what the file says.

mod print;

use std::ffi::OsString;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use clap::{Parser, Subcommand};
use rpc_runtime::initializer::{Initializer, InitializerError, InitializerOptions};

use crate::args::{self, ExitStatus};
use crate::report;
use crate::server::read_key;

const NAME: &str = "initializer";

/// Verbs that are decided and not built yet.
const LATER_VERBS: [&str; 5] = ["status", "history", "rollback", "watch", "cert"];

const EXAMPLES: &str = "\
Examples:
  initializer plan init.yaml       show what would change; exit 3 where something would
  initializer apply init.yaml      bring every server to the file, or none
  initializer init.yaml            the same
  initializer apply init.yaml --server server1=127.0.0.1:9001
      reach a server elsewhere than the file says; RPC_SERVER_SERVER1 does the same

In a plan: + new  ~ changed  - removed  = unchanged";

/// Brings the servers of an init.yaml to what the file says, in one transaction.
#[derive(Debug, Parser)]
#[command(name = NAME, version, after_help = EXAMPLES, args_conflicts_with_subcommands = true)]
struct Arguments {
    #[command(subcommand)]
    command: Option<Verb>,
    #[command(flatten)]
    target: Target,
    /// Print completions for a shell and exit
    #[arg(long, value_name = "SHELL")]
    completions: Option<clap_complete::Shell>,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Bring every server to the file, or none
    Apply(Target),
    /// Show what would change; exit 3 where something would
    Plan(Target),
}

#[derive(Debug, clap::Args)]
#[expect(clippy::struct_excessive_bools, reason = "they are flags of the command line")]
struct Target {
    /// The file that declares the network
    #[arg(value_name = "INIT.YAML")]
    init: Option<PathBuf>,
    /// Reach a server elsewhere than the file says; may be given several times
    #[arg(long, value_name = "NAME=IP:PORT", value_parser = args::server_address)]
    server: Vec<(String, SocketAddr)>,
    /// A file with the key that proves to servers that this may deploy
    #[arg(long, value_name = "FILE")]
    deploy_key: Option<PathBuf>,
    /// How long a server may take to answer
    #[arg(long, value_name = "TIME", default_value = "2m", value_parser = args::duration)]
    timeout: Duration,
    /// Empty servers that left the file
    #[arg(long)]
    retire: bool,
    /// After an apply, replace every worker by a fresh one
    #[arg(long)]
    restart: bool,
    /// The Python that checks changed sources before they are sent
    #[arg(long, value_name = "PATH", default_value = "python3")]
    python: PathBuf,
    /// Leave checking the sources to the servers
    #[arg(long, conflicts_with = "python")]
    no_sources: bool,
    /// Print JSON, one object per line
    #[arg(long)]
    json: bool,
    /// Show unchanged procedures one by one
    #[arg(long, short)]
    verbose: bool,
}

/// Runs `initializer` with this command line.
pub fn run(arguments: impl IntoIterator<Item = OsString>) -> ExitStatus {
    let arguments: Vec<OsString> = arguments.into_iter().collect();
    if let Some(verb) =
        arguments.first().and_then(|first| LATER_VERBS.into_iter().find(|verb| first == *verb))
        && !Path::new(verb).exists()
    {
        report::error(format!(
            "this version has no `{verb}`; it has `plan` and `apply`, see `{NAME} --help`"
        ));
        return ExitStatus::Usage;
    }
    args::run(NAME, arguments, |arguments: Arguments| {
        if let Some(shell) = arguments.completions {
            return args::print_completions::<Arguments>(shell, NAME);
        }
        let (target, apply) = match arguments.command {
            Some(Verb::Apply(target)) => (target, true),
            Some(Verb::Plan(target)) => (target, false),
            None => (arguments.target, true),
        };
        let Some(init) = &target.init else {
            report::error("name an init.yaml, such as `initializer apply init.yaml`; see --help");
            return ExitStatus::Usage;
        };
        let json = target.json;
        plan_or_apply(init, &target, apply).unwrap_or_else(|failure| {
            print::failure(&failure, json);
            ExitStatus::Failed
        })
    })
}

/// Why nothing was planned or applied.
enum Failure {
    Said(String),
    Initializer(InitializerError),
}

fn plan_or_apply(init: &Path, target: &Target, apply: bool) -> Result<ExitStatus, Failure> {
    let options = options(target).map_err(Failure::Said)?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::Said(format!("cannot start: {error}")))?;
    runtime.block_on(async {
        let begin = Instant::now();
        let initializer = Initializer::plan(init, options).await.map_err(Failure::Initializer)?;
        print::plan(initializer.planned(), target);
        if !apply {
            let same = initializer.planned().is_empty();
            return Ok(if same { ExitStatus::Done } else { ExitStatus::Difference });
        }
        apply_plan(initializer, target, begin).await
    })
}

async fn apply_plan(
    initializer: Initializer,
    target: &Target,
    begin: Instant,
) -> Result<ExitStatus, Failure> {
    let applied = if initializer.planned().is_empty() {
        None
    } else {
        let applied = initializer.apply().await;
        Some(applied.map_err(|error| Failure::Said(format!("cannot make an id: {error}")))?)
    };
    let complete = applied.as_ref().is_none_or(|applied| applied.complete);
    let restarted = if target.restart && complete { Some(initializer.restart().await) } else { None };
    if let Some(Ok(())) = restarted {
        print::restarted(target);
    }
    match &applied {
        Some(applied) => print::applied(applied, target, begin.elapsed()),
        None => print::nothing_to_do(initializer.planned(), target, begin.elapsed()),
    }
    restarted.transpose().map_err(Failure::Initializer)?;
    Ok(if complete { ExitStatus::Done } else { ExitStatus::Failed })
}

fn options(target: &Target) -> Result<InitializerOptions, String> {
    Ok(InitializerOptions {
        servers: target.server.iter().cloned().collect(),
        deploy_key: target.deploy_key.as_deref().map(read_key).transpose()?,
        timeout: target.timeout,
        retire: target.retire,
        python: (!target.no_sources).then(|| target.python.clone()),
    })
}
