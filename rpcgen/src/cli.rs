//! The command `rpcgen`.
//!
//! | exit code | meaning |
//! |---|---|
//! | 0 | done |
//! | 1 | the file has findings, or something could not be read or written |
//! | 2 | wrong usage |
//! | 3 | `--check` found a file that is not up to date, or `breaking` found a breaking change |

mod breaking;
mod check;
mod doc;
mod explain;
mod format;
mod generate;
mod new;
mod print;
mod schema;
mod sources;

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{CommandFactory as _, Parser, Subcommand};
use clap_complete::Shell;

use crate::runtime_crate::RuntimeCrate;
use crate::target::Target;
use format::Format;

const FAILED: u8 = 1;
const WRONG_USAGE: u8 = 2;
const DIFFERENT: u8 = 3;

const EXAMPLES: &str = "\
Examples:
  rpcgen new hello                            write a small network that runs, to begin with
  rpcgen init.yaml --out src/stubs            write mod.rs and a module per service
  rpcgen init.yaml --out src/stubs --tenant client1
                                              only the services that client1 may call
  rpcgen init.yaml --out src/stubs --check    write nothing; exit 3 if it is not up to date
  rpcgen check init.yaml                      check the file, and every source against it
  rpcgen check init.yaml --format github      the same, as annotations on GitHub
  rpcgen doc init.yaml --out docs.html        write a reference page for a browser
  rpcgen breaking --against main init.yaml    list what the change breaks, by client
  rpcgen explain E051                         explain the rule of a code, with an example
  rpcgen schema --out init.schema.json        write the JSON Schema of init.yaml, for editors

In the crate that calls:
  mod stubs;
  let network = rpc_runtime::Network::builder(&stubs::TOPOLOGY).client(\"client1\").build()?;
  let joined = stubs::svc1::Client::new(&network).rpc1(7, vec![\"a\".to_owned()])?;

rpcgen does not touch files that it did not write. It removes stubs that it no longer generates.
Exit codes: 0 done, 1 failed or findings, 2 wrong usage, 3 --check or breaking found a difference.";

/// Typed Rust stubs from an init.yaml
#[derive(Debug, Parser)]
#[command(name = "rpcgen", version, after_help = EXAMPLES, args_conflicts_with_subcommands = true)]
#[command(disable_help_subcommand = true)]
#[command(subcommand_negates_reqs = true, override_usage = USAGE)]
struct Arguments {
    #[command(subcommand)]
    verb: Option<Verb>,
    /// The file that describes the network
    #[arg(value_name = "init.yaml", required_unless_present = "completions")]
    init: Option<PathBuf>,
    /// Folder to write the stubs to
    #[arg(long, value_name = "DIR", required_unless_present = "completions")]
    out: Option<PathBuf>,
    /// Generate only what this client may call
    #[arg(long, value_name = "NAME")]
    tenant: Option<String>,
    /// Name of the runtime's crate, if Cargo.toml renames the package rpc-runtime
    #[arg(long, value_name = "NAME", default_value = "rpc_runtime")]
    runtime_crate: RuntimeCrate,
    /// Write nothing; report what differs
    #[arg(long)]
    check: bool,
    /// Output format
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    format: Format,
    /// Print the completion script of a shell
    #[arg(long, value_name = "SHELL", exclusive = true)]
    completions: Option<Shell>,
}

const USAGE: &str = "\
rpcgen init.yaml --out DIR [--tenant NAME] [--runtime-crate NAME] [--check] [--format FORMAT]
       rpcgen new DIR [--runtime PATH]
       rpcgen check init.yaml [--no-sources] [--format FORMAT]
       rpcgen doc init.yaml [--out FILE] [--tenant NAME] [--check] [--format FORMAT]
       rpcgen breaking OLD.yaml NEW.yaml | --against GITREV init.yaml
       rpcgen explain [CODE]
       rpcgen schema [--out FILE [--check]]";

#[derive(Debug, Subcommand)]
enum Verb {
    /// Write a small network that runs: init.yaml, a service in Python, a client in Rust
    New(new::Options),
    /// Check the file, and its sources against their signatures; write nothing
    Check {
        /// The file that describes the network
        #[arg(value_name = "init.yaml")]
        init: PathBuf,
        #[command(flatten)]
        sources: sources::Options,
        /// Output format
        #[arg(long, value_name = "FORMAT", default_value = "text")]
        format: Format,
    },
    /// Write a reference page: one self-contained HTML file
    Doc(doc::Options),
    /// Compare two files and list what breaks, by client; exit 3 if something breaks
    Breaking(breaking::Options),
    /// Explain the code of a finding, or list all codes
    Explain {
        /// The code, such as E051
        #[arg(value_name = "CODE")]
        code: Option<String>,
    },
    /// Print or write the JSON Schema of init.yaml, for editors
    Schema(schema::Options),
}

/// Runs the command with the arguments of this process.
pub fn main() -> ExitCode {
    run(std::env::args_os())
}

/// Runs the command. The first argument is the command's own name.
pub fn run(arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    print::finish(parse_and_execute(arguments))
}

fn parse_and_execute(arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    let given: Vec<OsString> = arguments.into_iter().collect();
    let arguments = match Arguments::try_parse_from(&given) {
        Ok(arguments) => arguments,
        Err(error) if error.use_stderr() => {
            print::print_stderr(&usage_error(&error, given.get(1)));
            return ExitCode::from(WRONG_USAGE);
        }
        Err(help_or_version) => {
            print::note_write(help_or_version.print());
            return ExitCode::SUCCESS;
        }
    };
    execute(arguments)
}

/// Returns what is wrong with a command line, in one line. `first` is the first argument: a verb,
/// or a mistyped one.
fn usage_error(error: &clap::Error, first: Option<&OsString>) -> String {
    let text = error.to_string();
    let paragraph = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
    let mut paragraphs = text.split("\n\n").map(paragraph);
    let what = paragraphs.next().unwrap_or_default();
    let tip = paragraphs.find_map(|text| text.strip_prefix("tip: ").map(str::to_owned));
    let first = first.and_then(|first| first.to_str()).unwrap_or_default();
    let (tip, verb) = match Arguments::command().find_subcommand(first) {
        Some(_) => (tip, format!(" {first}")),
        None => (tip.or_else(|| suggest_verb(first)), String::new()),
    };
    let tip = tip.map_or_else(String::new, |tip| format!(" ({tip})"));
    format!("{what}{tip}; see `rpcgen{verb} --help`")
}

fn suggest_verb(first: &str) -> Option<String> {
    let command = Arguments::command();
    let verbs = command.get_subcommands().map(clap::Command::get_name);
    rpc_schema::did_you_mean(first, verbs)
}

fn execute(arguments: Arguments) -> ExitCode {
    match arguments {
        Arguments {
            verb: Some(Verb::New(options)),
            ..
        } => new::new(&options),
        Arguments {
            verb:
                Some(Verb::Check {
                    init,
                    sources,
                    format,
                }),
            ..
        } => check::check(&init, &sources, format),
        Arguments {
            verb: Some(Verb::Doc(options)),
            ..
        } => doc::doc(&options),
        Arguments {
            verb: Some(Verb::Breaking(options)),
            ..
        } => breaking::breaking(&options),
        Arguments {
            verb: Some(Verb::Explain { code }),
            ..
        } => explain::explain(code.as_deref()),
        Arguments {
            verb: Some(Verb::Schema(options)),
            ..
        } => schema::schema(&options),
        Arguments {
            init: Some(init),
            out: Some(out),
            tenant,
            runtime_crate: runtime,
            check,
            format,
            ..
        } => generate::Options {
            init,
            out,
            target: Target { tenant, runtime },
            check,
            format,
        }
        .run(),
        Arguments { completions, .. } => print_completions(completions),
    }
}

fn print_completions(shell: Option<Shell>) -> ExitCode {
    let Some(shell) = shell else {
        return ExitCode::from(WRONG_USAGE);
    };
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Arguments::command(), "rpcgen", &mut script);
    print::print_bytes(&script);
    ExitCode::SUCCESS
}
