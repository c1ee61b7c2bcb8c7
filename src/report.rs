//! Printing: results on stdout, words for people on stderr.

use std::fmt::Display;
use std::io::{IsTerminal as _, Write as _};

/// Whether stderr takes colour: a terminal, and `NO_COLOR` unset.
pub(crate) fn colored() -> bool {
    std::io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
}

/// A line of results, on stdout. Where nobody reads on, as in `... | head`, there is nobody to tell either.
pub(crate) fn out(line: impl Display) {
    let _ = writeln!(std::io::stdout(), "{line}");
}

/// A line for people, on stderr.
pub(crate) fn note(line: impl Display) {
    let _ = writeln!(std::io::stderr(), "{line}");
}

/// What went wrong, on stderr.
pub(crate) fn error(what: impl Display) {
    if colored() {
        note(format_args!("\x1b[1;31merror\x1b[0m: {what}"));
    } else {
        note(format_args!("error: {what}"));
    }
}
