//! Printing: results on stdout, words for people on stderr.

use std::fmt::Display;
use std::io::{IsTerminal as _, Write as _};

/// Whether stderr takes colour: a terminal, and `NO_COLOR` unset.
pub(crate) fn colored() -> bool {
    std::io::stderr().is_terminal() && wants_color()
}

fn wants_color() -> bool {
    std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
}

/// A colour of results.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Colour {
    Plain,
    Faint,
    Red,
    Green,
    Yellow,
    Cyan,
}

/// A text for stdout, in a colour where that is a terminal that takes one.
pub(crate) fn painted(colour: Colour, text: &str) -> String {
    let code = match colour {
        Colour::Plain => return text.to_owned(),
        Colour::Faint => "2",
        Colour::Red => "31",
        Colour::Green => "32",
        Colour::Yellow => "33",
        Colour::Cyan => "36",
    };
    if std::io::stdout().is_terminal() && wants_color() {
        format!("\x1b[{code}m{text}\x1b[0m")
    } else {
        text.to_owned()
    }
}

/// What is being done, on stderr: a verb, aligned with those of other lines.
pub(crate) fn verb(verb: &str, what: &str) {
    if colored() {
        note(format_args!("\x1b[1;32m{verb:>12}\x1b[0m {what}"));
    } else {
        note(format_args!("{verb:>12} {what}"));
    }
}

/// A number of bytes for people, such as `512 B`, `41 kB` or `1.5 MB`.
pub(crate) fn bytes(count: u64) -> String {
    match count {
        0..1_000 => format!("{count} B"),
        1_000..1_000_000 => format!("{} kB", count.div_ceil(1_000)),
        _ => {
            let tenths = count.div_ceil(100_000);
            format!("{}.{} MB", tenths / 10, tenths % 10)
        }
    }
}

/// A line of results, on stdout. Where nobody reads on, as in `... | head`, there is nobody to tell
/// either.
pub(crate) fn out(line: impl Display) {
    let _ = writeln!(std::io::stdout(), "{line}");
}

/// A line for people, on stderr.
pub(crate) fn note(line: impl Display) {
    let _ = writeln!(std::io::stderr(), "{line}");
}

/// What is not as it should be, and does not stop anything, on stderr.
pub(crate) fn warning(what: impl Display) {
    if colored() {
        note(format_args!("\x1b[1;33mwarning\x1b[0m: {what}"));
    } else {
        note(format_args!("warning: {what}"));
    }
}

/// What went wrong, on stderr.
pub(crate) fn error(what: impl Display) {
    if colored() {
        note(format_args!("\x1b[1;31merror\x1b[0m: {what}"));
    } else {
        note(format_args!("error: {what}"));
    }
}
