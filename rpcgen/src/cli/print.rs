//! Printing: data on stdout, text for people on stderr.
//!
//! All data goes through [`print_bytes`]. [`finish`] ends the command: it fails if data was lost.

use std::io::{self, IsTerminal as _, Write as _};
use std::process::ExitCode;
use std::sync::{Mutex, MutexGuard, PoisonError};

use anstyle::Style;
use terminal_size::{Width, terminal_size_of};

use super::FAILED;
use crate::Error;

/// Why data could not be written to stdout. `None` while all was written.
static WRITE_FAILURE: Mutex<Option<io::Error>> = Mutex::new(None);

/// Prints a line of data to stdout.
pub(super) fn print_unescaped(line: &str) {
    print_bytes(format!("{line}\n").as_bytes());
}

/// Prints a line of data to stdout. Invisible characters, which a file may contain, are escaped.
pub(super) fn print_line(line: &str) {
    print_unescaped(&rpc_schema::visible(line));
}

/// Prints a line of data to stdout, escaped and painted. On a narrow terminal it is broken, and its
/// further lines are indented by this number of columns.
pub(super) fn print_painted(style: Style, line: &str, indent: usize) {
    let mut line = rpc_schema::visible(line).into_owned();
    if io::stdout().is_terminal() && wants_color() {
        line = format!("{style}{line}{style:#}");
    }
    match terminal_size_of(io::stdout()) {
        Some((Width(width), _)) => {
            print_unescaped(&rpc_schema::wrapped(&line, width.into(), indent));
        }
        None => print_unescaped(&line),
    }
}

/// Prints data to stdout. After a failure, nothing more is printed.
pub(super) fn print_bytes(data: &[u8]) {
    let mut stdout = io::stdout();
    if write_failure().is_none() {
        note_write(stdout.write_all(data).and_then(|()| stdout.flush()));
    }
}

/// Keeps why data could not be written, for [`finish`].
pub(super) fn note_write(written: io::Result<()>) {
    if let Err(error) = written {
        write_failure().get_or_insert(error);
    }
}

/// Returns the exit code of a command that has printed its data. If data was lost, as on a full
/// disk, says so on stderr, and the command has failed. A reader that has gone, as in `... | head`,
/// has lost nothing.
pub(super) fn finish(code: ExitCode) -> ExitCode {
    note_write(io::stdout().flush());
    let failure = write_failure().take();
    match failure.filter(|failure| failure.kind() != io::ErrorKind::BrokenPipe) {
        Some(failure) => {
            print_stderr(&format!("error: cannot write to stdout: {failure}"));
            ExitCode::from(FAILED)
        }
        None => code,
    }
}

fn write_failure() -> MutexGuard<'static, Option<io::Error>> {
    WRITE_FAILURE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Prints text for people to stderr.
pub(super) fn print_stderr(text: &str) {
    let _ = writeln!(io::stderr(), "{text}");
}

/// Prints why the command failed.
pub(super) fn failure(error: &Error) {
    match error {
        Error::Findings(report) => {
            let text = report.render(io::stderr().is_terminal() && wants_color());
            match terminal_size_of(io::stderr()) {
                Some((Width(width), _)) => {
                    print_stderr(&rpc_schema::wrapped_report(text.trim_end(), width.into()));
                }
                None => print_stderr(text.trim_end()),
            }
            if let Some(first) = report.findings.first() {
                print_stderr(&format!("run `rpcgen explain {}` for details", first.code));
            }
        }
        error => print_stderr(&format!("error: {error}")),
    }
}

fn wants_color() -> bool {
    std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
}
