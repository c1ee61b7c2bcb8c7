//! The command `rpcgen`.
//!
//! | exit | means |
//! |---|---|
//! | 0 | done |
//! | 1 | the file has findings, or something could not be read or written |
//! | 2 | wrong usage |
//! | 3 | there is a difference: `--check` found files that are not up to date, `breaking` what breaks |

mod breaking;
mod check;
mod doc;
mod explain;
mod format;
mod generate;
mod print;
mod schema;
mod sources;

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{CommandFactory as _, Parser, Subcommand};
use clap_complete::Shell;

use format::Format;
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
  rpcgen check init.yaml                      is the file right, and does every source fit it?
  rpcgen check init.yaml --format github      the same, shown beside the lines of a change
  rpcgen doc init.yaml --out docs.html        a reference page to be read in a browser
  rpcgen breaking --against main init.yaml    which clients does the change break, and how?
  rpcgen explain E051                         why there is such a rule, with an example
  rpcgen schema --out init.schema.json        what an editor needs to complete and check the file

In the crate that calls:
  mod stubs;
  let network = rpc_runtime::Network::builder(&stubs::TOPOLOGY).client(\"client1\").build()?;
  let joined = stubs::svc1::Client::new(&network).rpc1(7, vec![\"a\".to_owned()])?;

Files that rpcgen did not write are left alone; those it would not write any more are removed.
Exit codes: 0 done, 1 failed or findings, 2 wrong usage, 3 --check or breaking found a difference.";

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
    /// How to print what was found and done
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    format: Format,
    /// Print a shell's completions
    #[arg(long, value_name = "SHELL", exclusive = true)]
    completions: Option<Shell>,
}

const USAGE: &str = "\
rpcgen init.yaml --out DIR [--tenant NAME] [--check] [--format FORMAT]
       rpcgen check init.yaml [--no-sources] [--format FORMAT]
       rpcgen doc init.yaml [--out FILE] [--tenant NAME] [--check] [--format FORMAT]
       rpcgen breaking OLD.yaml NEW.yaml | --against GITREV init.yaml
       rpcgen explain [CODE]
       rpcgen schema [--out FILE [--check]]";

#[derive(Debug, Subcommand)]
enum Verb {
    /// Check the file, and that its sources are there and fit their signatures; write nothing
    Check {
        /// The network's file
        #[arg(value_name = "init.yaml")]
        init: PathBuf,
        #[command(flatten)]
        sources: sources::Options,
        /// How to print what was found
        #[arg(long, value_name = "FORMAT", default_value = "text")]
        format: Format,
    },
    /// Write a reference page: one HTML file with everything in it
    Doc(doc::Options),
    /// Compare two files: what breaks which client; exit 3 where something does
    Breaking(breaking::Options),
    /// Explain a finding's code, or list all codes
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

/// Runs the command; the first argument is its own name.
pub fn run(arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    let given: Vec<OsString> = arguments.into_iter().collect();
    let arguments = match Arguments::try_parse_from(&given) {
        Ok(arguments) => arguments,
        Err(error) if error.use_stderr() => {
            print::complain(&usage_error(&error, given.get(1)));
            return ExitCode::from(WRONG_USAGE);
        }
        Err(help_or_version) => {
            let _ = help_or_version.print();
            return ExitCode::SUCCESS;
        }
    };
    execute(arguments)
}

/// What is wrong with a command line, in one line; `first` is a verb, or what may have been meant
/// as one.
fn usage_error(error: &clap::Error, first: Option<&OsString>) -> String {
    let text = error.to_string();
    let paragraph = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
    let mut paragraphs = text.split("\n\n").map(paragraph);
    let what = paragraphs.next().unwrap_or_default();
    let tip = paragraphs.find_map(|text| text.strip_prefix("tip: ").map(str::to_owned));
    let first = first.and_then(|first| first.to_str()).unwrap_or_default();
    let (tip, verb) = match Arguments::command().find_subcommand(first) {
        Some(_) => (tip, format!(" {first}")),
        None => (tip.or_else(|| verb_meant(first)), String::new()),
    };
    let tip = tip.map_or_else(String::new, |tip| format!(" ({tip})"));
    format!("{what}{tip}; see `rpcgen{verb} --help`")
}

fn verb_meant(first: &str) -> Option<String> {
    let command = Arguments::command();
    let verbs = command.get_subcommands().map(clap::Command::get_name);
    rpc_schema::did_you_mean(first, verbs)
}

fn execute(arguments: Arguments) -> ExitCode {
    match arguments {
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
            check,
            format,
            ..
        } => Order {
            init,
            out,
            tenant,
            check,
            format,
        }
        .run(),
        Arguments { completions, .. } => complete(completions),
    }
}

fn complete(shell: Option<Shell>) -> ExitCode {
    let Some(shell) = shell else {
        return ExitCode::from(WRONG_USAGE);
    };
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Arguments::command(), "rpcgen", &mut script);
    print::pour(&script)
}
