//! Printing: data on stdout, words for people on stderr.

use std::io::{self, IsTerminal as _, Write as _};
use std::process::ExitCode;

use super::FAILED;
use crate::Error;

/// Data; a reader that has gone away is no failure.
pub(super) fn say(line: &str) {
    let _ = writeln!(io::stdout(), "{line}");
}

/// A line of data; what a file says in it is escaped.
pub(super) fn say_line(line: &str) {
    say(&rpc_schema::visible(line));
}

/// A whole file. Where it does not fit, as on a full disk, what is there is no such file; a reader
/// that has gone away wants no more of it.
pub(super) fn pour(content: &[u8]) -> ExitCode {
    let mut stdout = io::stdout();
    match stdout.write_all(content).and_then(|()| stdout.flush()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            complain(&format!("error: cannot write to stdout: {error}"));
            ExitCode::from(FAILED)
        }
        _ => ExitCode::SUCCESS,
    }
}

/// For people.
pub(super) fn complain(text: &str) {
    let _ = writeln!(io::stderr(), "{text}");
}

/// Why nothing was done.
pub(super) fn failure(error: &Error) {
    match error {
        Error::Findings(report) => {
            complain(report.render(colored()).trim_end());
            if let Some(first) = report.findings.first() {
                complain(&format!("`rpcgen explain {}` tells more", first.code));
            }
        }
        error => complain(&format!("error: {error}")),
    }
}

fn colored() -> bool {
    io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
}
