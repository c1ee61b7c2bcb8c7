//! Words for people, on stderr.

use std::fmt::Display;
use std::io::IsTerminal as _;

/// Whether stderr takes colour: a terminal, and `NO_COLOR` unset.
pub(crate) fn colored() -> bool {
    std::io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
}

/// One error line, or several.
pub(crate) fn error(what: impl Display) {
    if colored() {
        eprintln!("\x1b[1;31merror\x1b[0m: {what}");
    } else {
        eprintln!("error: {what}");
    }
}
