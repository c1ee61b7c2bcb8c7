//! What the command lines of the three programs share: exit codes, usage errors, and the parsers of
//! values.

use std::error::Error as _;
use std::ffi::OsString;
use std::net::SocketAddr;
use std::time::Duration;

use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{CommandFactory, Parser};

use crate::exit_status::ExitStatus;
use crate::report;

/// Parses a command line and runs `program` on it. Fails if results could not be written.
pub(crate) fn run<P: Parser>(
    name: &str,
    arguments: impl IntoIterator<Item = OsString>,
    program: impl FnOnce(P) -> ExitStatus,
) -> ExitStatus {
    report::finish(parse_and_run(name, arguments, program))
}

fn parse_and_run<P: Parser>(
    name: &str,
    arguments: impl IntoIterator<Item = OsString>,
    program: impl FnOnce(P) -> ExitStatus,
) -> ExitStatus {
    let mut arguments: Vec<OsString> = std::iter::once(OsString::from(name))
        .chain(arguments)
        .collect();
    move_verb_first(&P::command(), &mut arguments[1..]);
    match P::try_parse_from(&arguments) {
        Ok(parsed) => program(parsed),
        Err(error) if error.use_stderr() => {
            report::error(usage_error::<P>(&error, name, &arguments[1..]));
            ExitStatus::Usage
        }
        Err(help_or_version) => {
            report::note_results(help_or_version.print());
            ExitStatus::Done
        }
    }
}

/// Moves each verb before the options that stand in front of it: `--json plan` becomes `plan
/// --json`, and `cert --json list` becomes `cert list --json`.
fn move_verb_first(command: &clap::Command, arguments: &mut [OsString]) {
    let Some(place) = first_word(command, arguments) else {
        return;
    };
    if let Some(verb) = command.find_subcommand(&arguments[place]) {
        arguments[..=place].rotate_right(1);
        move_verb_first(verb, &mut arguments[1..]);
    }
}

/// Returns the place of the first argument that is neither an option nor the value of one.
fn first_word(command: &clap::Command, arguments: &[OsString]) -> Option<usize> {
    let mut is_value = false;
    let mut before_dashes = arguments.iter().take_while(|argument| *argument != "--");
    before_dashes.position(|argument| {
        let text = argument.to_str().unwrap_or_default();
        let is_option = text.starts_with('-');
        if !is_option && !is_value {
            return true;
        }
        is_value = is_option && takes_next(command, text);
        false
    })
}

/// Returns whether the argument after this option is its value, for any verb below a command.
fn takes_next(command: &clap::Command, option: &str) -> bool {
    let Some(name) = option.strip_prefix("--") else {
        return false;
    };
    let mut own = command.get_arguments();
    let is_own = own.any(|argument| {
        if argument.get_long() != Some(name) {
            return false;
        }
        let may_have_no_value = argument
            .get_num_args()
            .is_some_and(|count| count.min_values() == 0);
        argument.get_action().takes_values() && !may_have_no_value
    });
    let mut verbs = command.get_subcommands();
    is_own || verbs.any(|verb| takes_next(verb, option))
}

/// Returns what is wrong with a command line, in one line.
fn usage_error<P: CommandFactory>(
    error: &clap::Error,
    name: &str,
    arguments: &[OsString],
) -> String {
    // A mistyped verb is the file of a command line without a verb, and what follows is one too many.
    let is_verb = error.kind() == ErrorKind::ArgumentConflict;
    let mistyped = is_verb
        .then(|| mistyped_verb(&P::command(), arguments))
        .flatten();
    let problem = match mistyped {
        Some(word) => format!("there is no command `{}`", rpc_schema::visible(&word)),
        None => argument_error(error).unwrap_or_else(|| clap_message(error)),
    };
    let problem = problem.split_whitespace().collect::<Vec<_>>().join(" ");
    let suggestion = suggestion(error).or_else(|| suggest_verb::<P>(arguments));
    let suggestion = suggestion.map_or_else(String::new, |suggestion| format!(" ({suggestion})"));
    format!("{problem}{suggestion}; see `{name} --help`")
}

/// Returns the message of an error about a missing argument or an invalid value. Returns `None` for
/// other errors.
fn argument_error(error: &clap::Error) -> Option<String> {
    let argument = error.get(ContextKind::InvalidArg)?;
    match (error.kind(), argument) {
        (ErrorKind::MissingRequiredArgument, ContextValue::Strings(missing)) => {
            let arguments = if missing.len() == 1 {
                "argument"
            } else {
                "arguments"
            };
            Some(format!("missing {arguments} `{}`", missing.join("`, `")))
        }
        (ErrorKind::ValueValidation, _) => {
            let reason = error.source()?;
            Some(format!("`{argument}`: {reason}"))
        }
        (ErrorKind::InvalidValue, _) => {
            let value = error.get(ContextKind::InvalidValue)?.to_string();
            let problem = if value.is_empty() {
                format!("`{argument}` needs a value")
            } else {
                format!("`{argument}`: invalid value `{value}`")
            };
            Some(match error.get(ContextKind::ValidValue) {
                Some(ContextValue::Strings(valid)) if !valid.is_empty() => {
                    format!("{problem}; expected one of `{}`", valid.join("`, `"))
                }
                _ => problem,
            })
        }
        _ => None,
    }
}

/// Returns clap's message with backticks around literals.
fn clap_message(error: &clap::Error) -> String {
    let text = error.to_string();
    let message = text.split("\n\n").next().unwrap_or_default();
    message.trim_start_matches("error: ").replace('\'', "`")
}

/// Returns what clap suggests to write instead.
fn suggestion(error: &clap::Error) -> Option<String> {
    let similar = [
        ContextKind::SuggestedArg,
        ContextKind::SuggestedSubcommand,
        ContextKind::SuggestedValue,
    ];
    let similar = similar.into_iter().find_map(|kind| error.get(kind));
    match similar {
        Some(ContextValue::String(name)) => Some(format!("did you mean `{name}`?")),
        Some(ContextValue::Strings(names)) if !names.is_empty() => {
            Some(format!("did you mean `{}`?", names.join("` or `")))
        }
        _ => error
            .get(ContextKind::Suggested)
            .map(|tip| tip.to_string().replace('\'', "`"))
            .filter(|tip| !tip.is_empty()),
    }
}

/// Returns a suggestion for the first word of a command line that is not a verb, if it looks like one.
pub(crate) fn suggest_verb<P: CommandFactory>(arguments: &[OsString]) -> Option<String> {
    suggest_below(&P::command(), arguments)
}

fn suggest_below(command: &clap::Command, arguments: &[OsString]) -> Option<String> {
    let place = first_word(command, arguments)?;
    let word = &arguments[place];
    if let Some(verb) = command.find_subcommand(word) {
        return suggest_below(verb, &arguments[place + 1..]);
    }
    let verbs = command.get_subcommands().map(clap::Command::get_name);
    rpc_schema::did_you_mean(word.to_str()?, verbs)
}

/// Returns the first word of a command line, if it looks like a verb and is none.
fn mistyped_verb(command: &clap::Command, arguments: &[OsString]) -> Option<String> {
    let place = first_word(command, arguments)?;
    let word = arguments[place].to_str()?;
    if let Some(verb) = command.find_subcommand(word) {
        return mistyped_verb(verb, &arguments[place + 1..]);
    }
    let verbs = command.get_subcommands().map(clap::Command::get_name);
    rpc_schema::did_you_mean(word, verbs).map(|_| word.to_owned())
}

/// Prints the script that completes a program's command line in a shell.
pub(crate) fn print_completions<P: CommandFactory>(
    shell: clap_complete::Shell,
    name: &str,
) -> ExitStatus {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut P::command(), name, &mut script);
    report::write_results(&script);
    ExitStatus::Done
}

/// Maximum duration that a flag takes: a year.
const MAX_DURATION: Duration = Duration::from_hours(24 * 365);

/// Parses a duration with its unit, such as `500ms`, `10s` or `5m`. It is at least a millisecond
/// and at most a year.
pub(crate) fn duration(text: &str) -> Result<Duration, String> {
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let unit: Option<u64> = match &text[digits.len()..] {
        "ms" => Some(1),
        "s" => Some(1000),
        "m" => Some(60_000),
        "h" => Some(3_600_000),
        _ => None,
    };
    let count: Option<u64> = digits.parse().ok();
    let (Some(count), Some(unit)) = (count, unit) else {
        let expected = "expected a number and a unit, such as `500ms`, `10s`, `5m` or `1h`";
        return Err(format!("invalid duration `{text}`; {expected}"));
    };
    match count.checked_mul(unit).map(Duration::from_millis) {
        Some(Duration::ZERO) => Err(format!(
            "invalid duration `{text}`; it must be at least 1ms"
        )),
        Some(duration) if duration <= MAX_DURATION => Ok(duration),
        _ => Err(format!(
            "invalid duration `{text}`; it must be at most a year"
        )),
    }
}

/// Parses a number of bytes, such as `4096`, `64KiB` or `16MiB`. It is at least 1.
pub(crate) fn bytes(text: &str) -> Result<usize, String> {
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let unit: Option<usize> = match &text[digits.len()..] {
        "" | "B" => Some(1),
        "KiB" => Some(1 << 10),
        "MiB" => Some(1 << 20),
        "GiB" => Some(1 << 30),
        _ => None,
    };
    let count: Option<usize> = digits.parse().ok();
    let (Some(count), Some(unit)) = (count, unit) else {
        let expected =
            "expected a number of bytes, KiB, MiB or GiB, such as `65536`, `64KiB` or `16MiB`";
        return Err(format!("invalid size `{text}`; {expected}"));
    };
    match count.checked_mul(unit) {
        Some(0) => Err(format!("invalid size `{text}`; it must be at least 1")),
        Some(bytes) => Ok(bytes),
        None => Err(format!("invalid size `{text}`; it is too large")),
    }
}

/// Parses the size of a worker's memory. Python and its standard library need a part of it.
pub(crate) fn worker_memory(text: &str) -> Result<usize, String> {
    const LEAST: usize = 64 << 20;
    match bytes(text)? {
        size if size < LEAST => Err(format!("invalid size `{text}`; it must be at least 64MiB")),
        size => Ok(size),
    }
}

/// Parses a whole number that is at least 1.
pub(crate) fn at_least_one(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(0) | Err(_) => Err(format!(
            "invalid number `{text}`; expected a whole number that is at least 1"
        )),
        Ok(count) => Ok(count),
    }
}

/// Parses `IP:PORT`.
pub(crate) fn address(text: &str) -> Result<SocketAddr, String> {
    text.parse().map_err(|_| {
        format!("invalid address `{text}`; expected IP:PORT, such as `127.0.0.1:7101`")
    })
}

/// Parses `NAME=IP:PORT`.
pub(crate) fn server_address(text: &str) -> Result<(String, SocketAddr), String> {
    let (name, address_text) = text.split_once('=').ok_or_else(|| {
        format!("invalid address `{text}`; expected NAME=IP:PORT, such as `server1=127.0.0.1:7101`")
    })?;
    Ok((name.to_owned(), address(address_text)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_usage_error_is_one_line() {
        #[derive(Debug, Parser)]
        #[command(name = "program")]
        struct Arguments {
            #[arg(long, value_name = "ADDRESS", value_parser = address)]
            listen: SocketAddr,
            #[arg(long, value_name = "LEVEL", value_parser = ["info", "warn"])]
            level: Option<String>,
            #[command(subcommand)]
            verb: Option<Verb>,
        }
        #[derive(Debug, clap::Subcommand)]
        enum Verb {
            Apply,
        }
        let words = |words: &[&str]| words.iter().map(OsString::from).collect::<Vec<_>>();
        let message = |arguments: &[&str]| {
            let error = Arguments::try_parse_from(arguments).expect_err("a usage error");
            usage_error::<Arguments>(&error, "program", &words(&arguments[1..]))
        };
        for (arguments, expected) in [
            (&["program"][..], "missing argument `--listen <ADDRESS>`"),
            (
                &["program", "--lisen", "x"],
                "unexpected argument `--lisen` found (did you mean `--listen`?)",
            ),
            (
                &["program", "--listen"],
                "`--listen <ADDRESS>` needs a value",
            ),
            (
                &["program", "--listen", "here"],
                "`--listen <ADDRESS>`: invalid address `here`; expected IP:PORT, such as `127.0.0.1:7101`",
            ),
            (
                &["program", "--listen", "127.0.0.1:1", "--level", "warm"],
                "`--level <LEVEL>`: invalid value `warm`; expected one of `info`, `warn` (did you mean `warn`?)",
            ),
            (
                &["program", "--listen", "127.0.0.1:1", "aply"],
                "unrecognized subcommand `aply` (did you mean `apply`?)",
            ),
        ] {
            assert_eq!(
                message(arguments),
                format!("{expected}; see `program --help`")
            );
        }
        let suggestion = Some("did you mean `apply`?".to_owned());
        assert_eq!(
            [
                suggest_verb::<Arguments>(&words(&["aply"])),
                suggest_verb::<Arguments>(&words(&["apply"]))
            ],
            [suggestion, None]
        );
    }

    #[test]
    fn durations_and_sizes_are_parsed_with_their_units() {
        assert_eq!(duration("500ms"), Ok(Duration::from_millis(500)));
        assert_eq!(duration("2m"), Ok(Duration::from_mins(2)));
        assert_eq!(duration("8760h"), Ok(MAX_DURATION));
        for wrong in ["5", "s", "-1s", "0s", "1.5s", "8761h", "99999h", "5 s"] {
            assert!(duration(wrong).is_err(), "{wrong}");
        }
        assert_eq!(bytes("64KiB"), Ok(65536));
        assert_eq!(bytes("7"), Ok(7));
        for wrong in ["", "0", "1GB", "KiB", "99999999999999999999MiB"] {
            assert!(bytes(wrong).is_err(), "{wrong}");
        }
    }
}
