//! What the command lines of the three programs have in common.

use std::ffi::OsString;
use std::io::Write as _;
use std::process::ExitCode;
use std::time::Duration;

use clap::{CommandFactory, Parser};

use crate::report;

/// How a program ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ExitStatus {
    /// It did what it was asked.
    Done,
    /// It failed, or the far side did.
    Failed,
    /// The command line is not one of the program's.
    Usage,
    /// There is a difference, and finding out was the question.
    Difference,
}

impl From<ExitStatus> for ExitCode {
    fn from(status: ExitStatus) -> Self {
        Self::from(match status {
            ExitStatus::Done => 0,
            ExitStatus::Failed => 1,
            ExitStatus::Usage => 2,
            ExitStatus::Difference => 3,
        })
    }
}

/// Parses a command line and runs `program` on it.
pub(crate) fn run<P: Parser>(
    name: &str,
    arguments: impl IntoIterator<Item = OsString>,
    program: impl FnOnce(P) -> ExitStatus,
) -> ExitStatus {
    let arguments: Vec<OsString> = std::iter::once(OsString::from(name))
        .chain(arguments)
        .collect();
    match P::try_parse_from(&arguments) {
        Ok(parsed) => program(parsed),
        Err(error) if error.use_stderr() => {
            let first = arguments
                .get(1)
                .and_then(|first| first.to_str())
                .unwrap_or_default();
            report::error(usage_error::<P>(&error, name, first));
            ExitStatus::Usage
        }
        Err(help_or_version) => {
            // A closed pipe is nobody's concern.
            let _ = help_or_version.print();
            ExitStatus::Done
        }
    }
}

/// What is wrong with a command line, in one line; `first` is what may have been meant as a verb.
fn usage_error<P: CommandFactory>(error: &clap::Error, name: &str, first: &str) -> String {
    let text = error.to_string();
    let paragraph = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
    let mut paragraphs = text.split("\n\n").map(paragraph);
    let what = paragraphs.next().unwrap_or_default();
    let tip = paragraphs
        .find(|text| text.starts_with("tip: "))
        .or_else(|| verb_meant::<P>(first));
    let tip = tip.map_or_else(String::new, |tip| format!(" ({tip})"));
    format!(
        "{}{tip}; see `{name} --help`",
        what.trim_start_matches("error: ")
    )
}

fn verb_meant<P: CommandFactory>(first: &str) -> Option<String> {
    let command = P::command();
    let verbs = command.get_subcommands().map(clap::Command::get_name);
    if command.find_subcommand(first).is_some() {
        None
    } else {
        rpc_schema::did_you_mean(first, verbs)
    }
}

/// Prints the completions of a program for a shell.
pub(crate) fn print_completions<P: CommandFactory>(
    shell: clap_complete::Shell,
    name: &str,
) -> ExitStatus {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut P::command(), name, &mut script);
    match std::io::stdout().write_all(&script) {
        Ok(()) => ExitStatus::Done,
        Err(_) => ExitStatus::Failed,
    }
}

/// A duration with its unit, such as `500ms`, `10s` or `5m`; at least a millisecond.
pub(crate) fn duration(text: &str) -> Result<Duration, String> {
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let unit: u64 = match &text[digits.len()..] {
        "ms" => 1,
        "s" => 1000,
        "m" => 60_000,
        "h" => 3_600_000,
        _ => return Err("a duration has a unit: `500ms`, `10s`, `5m`, `1h`".to_owned()),
    };
    let count: u64 = digits
        .parse()
        .map_err(|_| format!("`{digits}` is not a whole number"))?;
    match count.checked_mul(unit) {
        Some(0) => Err("a limit of no time at all lets nothing through".to_owned()),
        Some(milliseconds) if milliseconds <= 365 * 24 * 3_600_000 => {
            Ok(Duration::from_millis(milliseconds))
        }
        _ => Err("longer than a year".to_owned()),
    }
}

/// A number of bytes, such as `4096`, `64KiB` or `16MiB`.
pub(crate) fn bytes(text: &str) -> Result<usize, String> {
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let unit = match &text[digits.len()..] {
        "" | "B" => 1,
        "KiB" => 1 << 10,
        "MiB" => 1 << 20,
        _ => {
            return Err(
                "a size is a number of bytes, KiB or MiB: `65536`, `64KiB`, `16MiB`".to_owned(),
            );
        }
    };
    let count: usize = digits
        .parse()
        .map_err(|_| format!("`{digits}` is not a whole number"))?;
    count
        .checked_mul(unit)
        .filter(|bytes| *bytes > 0)
        .ok_or_else(|| "out of range".to_owned())
}

/// `NAME=IP:PORT`.
pub(crate) fn server_address(text: &str) -> Result<(String, std::net::SocketAddr), String> {
    let (name, address) = text
        .split_once('=')
        .ok_or("a server's address is written NAME=IP:PORT")?;
    let address = address
        .parse()
        .map_err(|_| format!("`{address}` is no IP:PORT"))?;
    Ok((name.to_owned(), address))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wrong_command_line_is_told_in_one_line() {
        #[derive(Debug, Parser)]
        #[command(name = "program")]
        struct Arguments {
            #[arg(long)]
            listen: String,
            #[command(subcommand)]
            verb: Option<Verb>,
        }
        #[derive(Debug, clap::Subcommand)]
        enum Verb {
            Apply,
        }
        let told = |arguments: &[&str]| {
            let error = Arguments::try_parse_from(arguments).expect_err("a wrong command line");
            usage_error::<Arguments>(&error, "program", arguments.get(1).unwrap_or(&""))
        };
        assert_eq!(
            told(&["program"]),
            "the following required arguments were not provided: --listen <LISTEN>; see `program --help`"
        );
        assert_eq!(
            told(&["program", "--lisen", "x"]),
            "unexpected argument '--lisen' found (tip: a similar argument exists: '--listen'); see `program --help`"
        );
        let meant = Some("did you mean `apply`?".to_owned());
        assert_eq!(
            [
                verb_meant::<Arguments>("aply"),
                verb_meant::<Arguments>("apply")
            ],
            [meant, None]
        );
    }

    #[test]
    fn durations_and_sizes_are_read_with_their_units() {
        assert_eq!(duration("500ms"), Ok(Duration::from_millis(500)));
        assert_eq!(duration("2m"), Ok(Duration::from_mins(2)));
        for wrong in ["5", "s", "-1s", "0s", "1.5s", "99999h", "5 s"] {
            assert!(duration(wrong).is_err(), "{wrong}");
        }
        assert_eq!(bytes("64KiB"), Ok(65536));
        assert_eq!(bytes("7"), Ok(7));
        for wrong in ["", "0", "1GB", "KiB", "99999999999999999999MiB"] {
            assert!(bytes(wrong).is_err(), "{wrong}");
        }
    }
}
