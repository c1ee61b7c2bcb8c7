//! The command `rpcgen`.
//!
//! | exit | means |
//! |---|---|
//! | 0 | done |
//! | 1 | the file has findings, or something could not be read or written |
//! | 2 | wrong usage |
//! | 3 | `--check`: the folder is not what would be generated |

mod sources;

use std::ffi::OsString;
use std::io::{self, IsTerminal as _, Write as _};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{CommandFactory as _, Parser, Subcommand};
use clap_complete::Shell;

use crate::{Change, Difference, Error, Folder, generate};

const FAILED: u8 = 1;
const WRONG_USAGE: u8 = 2;
const DIFFERENT: u8 = 3;

const EXAMPLES: &str = "\
Examples:
  rpcgen init.yaml --out src/stubs            write mod.rs and a module per service
  rpcgen init.yaml --out src/stubs --tenant client1
                                              only the services that client1 may call
  rpcgen init.yaml --out src/stubs --check    write nothing; exit 3 if it is not up to date
  rpcgen check init.yaml                      is the file right, and does every source fit it?

In the crate that calls:
  mod stubs;
  let network = rpc_runtime::Network::builder(&stubs::TOPOLOGY).client(\"client1\").build()?;
  let joined = stubs::svc1::Client::new(&network).rpc1(7, vec![\"a\".to_owned()])?;

Files that rpcgen did not write are left alone; those it would not write any more are removed.
Exit codes: 0 done, 1 failed or findings, 2 wrong usage, 3 --check found a difference.";

/// Typed Rust stubs from an init.yaml
#[derive(Debug, Parser)]
#[command(name = "rpcgen", version, after_help = EXAMPLES, args_conflicts_with_subcommands = true)]
#[command(disable_help_subcommand = true)]
#[command(subcommand_negates_reqs = true, override_usage = USAGE)]
struct Arguments {
    #[command(subcommand)]
    verb: Option<Verb>,
    /// The network's file
    #[arg(value_name = "init.yaml", required_unless_present = "completions")]
    init: Option<PathBuf>,
    /// The folder for the stubs
    #[arg(long, value_name = "DIR", required_unless_present = "completions")]
    out: Option<PathBuf>,
    /// Leave out what this client may not call
    #[arg(long, value_name = "NAME")]
    tenant: Option<String>,
    /// Write nothing; say what differs
    #[arg(long)]
    check: bool,
    /// Print a shell's completions
    #[arg(long, value_name = "SHELL", exclusive = true)]
    completions: Option<Shell>,
}

const USAGE: &str =
    "rpcgen init.yaml --out DIR [--tenant NAME] [--check]\n       rpcgen check init.yaml [--no-sources]";

#[derive(Debug, Subcommand)]
enum Verb {
    /// Check the file, and that its sources are there and fit their signatures; write nothing
    Check {
        /// The network's file
        #[arg(value_name = "init.yaml")]
        init: PathBuf,
        #[command(flatten)]
        sources: sources::Options,
    },
}

/// Runs the command with the arguments of this process.
pub fn main() -> ExitCode {
    run(std::env::args_os())
}

/// Runs the command; the first argument is its own name.
pub fn run(arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    let arguments = match Arguments::try_parse_from(arguments) {
        Ok(arguments) => arguments,
        Err(error) if error.use_stderr() => {
            eprintln!("{}", usage_error(&error));
            return ExitCode::from(WRONG_USAGE);
        }
        Err(help_or_version) => {
            let _ = help_or_version.print();
            return ExitCode::SUCCESS;
        }
    };
    match execute(arguments) {
        Ok(code) => code,
        Err(error) => {
            explain(&error);
            ExitCode::from(FAILED)
        }
    }
}

/// What is wrong with a command line, in one line.
fn usage_error(error: &clap::Error) -> String {
    let text = error.to_string();
    let paragraph = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
    let mut paragraphs = text.split("\n\n").map(paragraph);
    let what = paragraphs.next().unwrap_or_default();
    let tip =
        paragraphs.find(|text| text.starts_with("tip: ")).map_or_else(String::new, |tip| format!(" ({tip})"));
    format!("{what}{tip}; see `rpcgen --help`")
}

fn execute(arguments: Arguments) -> Result<ExitCode, Error> {
    match arguments {
        Arguments { verb: Some(Verb::Check { init, sources }), .. } => {
            sources::check(&rpc_schema::load(&init)?, &sources)?;
            Ok(ExitCode::SUCCESS)
        }
        Arguments { init: Some(init), out: Some(out), tenant, check, .. } => {
            let files = generate(&init, tenant.as_deref())?;
            let folder = Folder::new(out);
            Ok(if check { report(&folder.compare(&files)?) } else { tell(&folder.update(&files)?) })
        }
        Arguments { completions, .. } => {
            complete(completions);
            Ok(ExitCode::SUCCESS)
        }
    }
}

/// One line per file that was written or removed.
fn tell(differences: &[Difference]) -> ExitCode {
    for Difference { change, path } in differences {
        let done = if *change == Change::Stale { "removed" } else { "wrote" };
        say(&format!("{done} {}", path.display()));
    }
    ExitCode::SUCCESS
}

/// One line per file that differs.
fn report(differences: &[Difference]) -> ExitCode {
    for Difference { change, path } in differences {
        say(&format!("{change} {}", path.display()));
    }
    if differences.is_empty() {
        return ExitCode::SUCCESS;
    }
    complain(&format!(
        "{} not up to date; the same command without --check updates them",
        count(differences.len())
    ));
    ExitCode::from(DIFFERENT)
}

fn count(files: usize) -> String {
    if files == 1 { "1 file is".to_owned() } else { format!("{files} files are") }
}

fn complete(shell: Option<Shell>) {
    let Some(shell) = shell else { return };
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Arguments::command(), "rpcgen", &mut script);
    let _ = io::stdout().write_all(&script);
}

fn explain(error: &Error) {
    match error {
        Error::Findings(report) => complain(report.render(colored()).trim_end()),
        error => complain(&format!("error: {error}")),
    }
}

fn colored() -> bool {
    io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
}

/// Data; a reader that has gone away is no failure.
fn say(line: &str) {
    let _ = writeln!(io::stdout(), "{line}");
}

/// For people.
fn complain(text: &str) {
    let _ = writeln!(io::stderr(), "{text}");
}
