//! The command `rpcgen`.
//!
//! | exit | means |
//! |---|---|
//! | 0 | done |
//! | 1 | the file has findings, or something could not be read or written |
//! | 2 | wrong usage |
//! | 3 | `--check`: the folder is not what would be generated |

mod check;
mod generate;
mod print;

use std::ffi::OsString;
use std::io::{self, Write as _};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{CommandFactory as _, Parser, Subcommand};
use clap_complete::Shell;

use crate::Error;
use generate::Order;

const FAILED: u8 = 1;
const WRONG_USAGE: u8 = 2;
const DIFFERENT: u8 = 3;

const EXAMPLES: &str = "\
Examples:
  rpcgen init.yaml --out src/stubs            write mod.rs and a module per service
  rpcgen init.yaml --out src/stubs --tenant client1
                                              only the services that client1 may call
  rpcgen init.yaml --out src/stubs --check    write nothing; exit 3 if it is not up to date
  rpcgen check init.yaml                      is the file right, and is every source there?

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

const USAGE: &str = "rpcgen init.yaml --out DIR [--tenant NAME] [--check]\n       rpcgen check init.yaml";

#[derive(Debug, Subcommand)]
enum Verb {
    /// Check the file and that its sources are there; write nothing
    Check {
        /// The network's file
        #[arg(value_name = "init.yaml")]
        init: PathBuf,
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
            print::failure(&error);
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
        Arguments { verb: Some(Verb::Check { init }), .. } => check::check(&init),
        Arguments { init: Some(init), out: Some(out), tenant, check, .. } => {
            Order { init, out, tenant, check }.run()
        }
        Arguments { completions, .. } => {
            complete(completions);
            Ok(ExitCode::SUCCESS)
        }
    }
}

fn complete(shell: Option<Shell>) {
    let Some(shell) = shell else { return };
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Arguments::command(), "rpcgen", &mut script);
    let _ = io::stdout().write_all(&script);
}
