//! `initializer`: makes the servers of an `init.yaml` match the file.
//!
//! | module | contents |
//! |---|---|
//! | `arguments` | the command line |
//! | `deploy` | `plan`, `apply`, `rollback` |
//! | `look` | `status`, `history` |
//! | `watch` | `watch` |
//! | `cert` | `cert` and the verbs below it |
//! | `print`, `progress` | the output, for people and for programs |

mod arguments;
mod cert;
mod deploy;
mod look;
mod print;
mod progress;
mod watch;

use std::ffi::OsString;

use rpc_runtime::initializer::InitializerError;

use self::arguments::{CommandLine, NAME, Verb};
use crate::args;
use crate::exit_status::ExitStatus;
use crate::report;

/// Why a verb failed.
enum VerbError {
    Message(String),
    Initializer(InitializerError),
}

impl From<InitializerError> for VerbError {
    fn from(error: InitializerError) -> Self {
        Self::Initializer(error)
    }
}

impl From<String> for VerbError {
    fn from(message: String) -> Self {
        Self::Message(message)
    }
}

/// Runs `initializer` with this command line.
pub fn run(arguments: impl IntoIterator<Item = OsString>) -> ExitStatus {
    args::run(NAME, arguments, |command_line: CommandLine| {
        if let Some(shell) = command_line.completions {
            return args::print_completions::<CommandLine>(shell, NAME);
        }
        if let Some(suggestion) = mistyped_verb(&command_line) {
            report::error(suggestion);
            return ExitStatus::Usage;
        }
        let verb = command_line.verb.unwrap_or(Verb::Apply(command_line.apply));
        let json = verb.json();
        carry_out(verb).unwrap_or_else(|error| {
            print::error(&error, json);
            ExitStatus::Failed
        })
    })
}

/// Returns what to say if the file looks like a mistyped verb: there is no file of that name.
fn mistyped_verb(command_line: &CommandLine) -> Option<String> {
    let (before, word) = match &command_line.verb {
        None => (None, command_line.apply.network.init.as_deref()),
        Some(Verb::Cert(cert)) => (Some("cert"), cert.word()),
        Some(_) => return None,
    };
    let word = word.filter(|word| !word.exists())?.to_str()?;
    let words = before.into_iter().chain([word]).map(OsString::from);
    let suggestion = args::suggest_verb::<CommandLine>(&words.collect::<Vec<_>>())?;
    Some(format!(
        "there is no command and no file `{}` ({suggestion}); see `{NAME} --help`",
        rpc_schema::visible(word)
    ))
}

fn carry_out(verb: Verb) -> Result<ExitStatus, VerbError> {
    if let Some(missing) = verb.missing() {
        let help = verb.help();
        report::error(format!("{missing}; see `{help}`"));
        return Ok(ExitStatus::Usage);
    }
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| VerbError::Message(format!("cannot start the async runtime: {error}")))?;
    runtime.block_on(async {
        match verb {
            Verb::Apply(apply) => deploy::apply(&apply).await,
            Verb::Plan(plan) => deploy::plan(&plan).await,
            Verb::Rollback(rollback) => deploy::rollback(&rollback).await,
            Verb::Status(status) => look::status(&status).await,
            Verb::History(history) => look::history(&history).await,
            Verb::Watch(watch) => watch::watch(&watch).await,
            Verb::Unlock(unlock) => deploy::unlock(&unlock).await,
            Verb::Cert(cert) => cert::cert(&cert).await,
        }
    })
}
