//! Printing: data on stdout, text for people on stderr.

use std::io::{self, IsTerminal as _, Write as _};
use std::process::ExitCode;

use super::FAILED;
use crate::Error;

/// Prints data to stdout. A closed pipe is not a failure.
pub(super) fn print_unescaped(line: &str) {
    let _ = writeln!(io::stdout(), "{line}");
}

/// Prints a line of data to stdout. Invisible characters, which a file may contain, are escaped.
pub(super) fn print_line(line: &str) {
    print_unescaped(&rpc_schema::visible(line));
}

/// Prints a whole file to stdout. An incomplete file, as on a full disk, is a failure; a closed
/// pipe is not.
pub(super) fn print_file(content: &[u8]) -> ExitCode {
    let mut stdout = io::stdout();
    match stdout.write_all(content).and_then(|()| stdout.flush()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            print_stderr(&format!("error: cannot write to stdout: {error}"));
            ExitCode::from(FAILED)
        }
        _ => ExitCode::SUCCESS,
    }
}

/// Prints text for people to stderr.
pub(super) fn print_stderr(text: &str) {
    let _ = writeln!(io::stderr(), "{text}");
}

/// Prints why the command failed.
pub(super) fn failure(error: &Error) {
    match error {
        Error::Findings(report) => {
            print_stderr(report.render(is_colored()).trim_end());
            if let Some(first) = report.findings.first() {
                print_stderr(&format!("run `rpcgen explain {}` for details", first.code));
            }
        }
        error => print_stderr(&format!("error: {error}")),
    }
}

fn is_colored() -> bool {
    io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
}
