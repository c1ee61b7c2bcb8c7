//! `initializer`: brings the servers of an `init.yaml` to what the file says.
//!
//! | module | has |
//! |---|---|
//! | `arguments` | the command line |
//! | `deploy` | `plan`, `apply`, `rollback` |
//! | `look` | `status`, `history` |
//! | `watch` | `watch` |
//! | `print`, `progress` | what people and programs read |

mod arguments;
mod deploy;
mod look;
mod print;
mod progress;
mod watch;

use std::ffi::OsString;
use std::path::Path;

use rpc_runtime::initializer::InitializerError;

use self::arguments::{Arguments, NAME, Verb};
use crate::args::{self, ExitStatus};
use crate::report;

/// Verbs that are decided and not built yet.
const LATER_VERBS: [&str; 1] = ["cert"];

/// Why a verb did not do what it was asked.
enum Failure {
    Said(String),
    Initializer(InitializerError),
}

impl From<InitializerError> for Failure {
    fn from(error: InitializerError) -> Self {
        Self::Initializer(error)
    }
}

impl From<String> for Failure {
    fn from(what: String) -> Self {
        Self::Said(what)
    }
}

/// Runs `initializer` with this command line.
pub fn run(arguments: impl IntoIterator<Item = OsString>) -> ExitStatus {
    let arguments: Vec<OsString> = arguments.into_iter().collect();
    if let Some(verb) = arguments
        .first()
        .and_then(|first| LATER_VERBS.into_iter().find(|verb| first == *verb))
        && !Path::new(verb).exists()
    {
        report::error(format!("this version has no `{verb}`; see `{NAME} --help`"));
        return ExitStatus::Usage;
    }
    args::run(NAME, arguments, |arguments: Arguments| {
        if let Some(shell) = arguments.completions {
            return args::print_completions::<Arguments>(shell, NAME);
        }
        let verb = arguments.command.unwrap_or(Verb::Apply(arguments.apply));
        let json = verb.reach().json;
        carry_out(verb).unwrap_or_else(|failure| {
            print::failure(&failure, json);
            ExitStatus::Failed
        })
    })
}

fn carry_out(verb: Verb) -> Result<ExitStatus, Failure> {
    if verb.reach().init.is_none() && !matches!(&verb, Verb::Apply(apply) if apply.plan.is_some()) {
        report::error("name an init.yaml, such as `initializer apply init.yaml`; see --help");
        return Ok(ExitStatus::Usage);
    }
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::Said(format!("cannot start: {error}")))?;
    runtime.block_on(async {
        match verb {
            Verb::Apply(apply) => deploy::apply(&apply).await,
            Verb::Plan(plan) => deploy::plan(&plan).await,
            Verb::Rollback(rollback) => deploy::rollback(&rollback).await,
            Verb::Status(status) => look::status(&status).await,
            Verb::History(history) => look::history(&history).await,
            Verb::Watch(watch) => watch::watch(&watch).await,
        }
    })
}
