//! Printing: data on stdout, words for people on stderr.

use std::io::{self, IsTerminal as _, Write as _};

use crate::Error;

/// Data; a reader that has gone away is no failure.
pub(super) fn say(line: &str) {
    let _ = writeln!(io::stdout(), "{line}");
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
