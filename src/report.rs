//! Printing: results to stdout, words for people to stderr.

use std::fmt::Display;
use std::io::{IsTerminal as _, Write as _};

use anstyle::{AnsiColor, Style};

const VERB: Style = AnsiColor::Green.on_default().bold();
const WARNING: Style = AnsiColor::Yellow.on_default().bold();
const ERROR: Style = AnsiColor::Red.on_default().bold();

/// Returns whether stderr shows colours: it is a terminal, and `NO_COLOR` is unset.
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

impl Colour {
    fn style(self) -> Style {
        match self {
            Self::Plain => Style::new(),
            Self::Faint => Style::new().dimmed(),
            Self::Red => AnsiColor::Red.on_default(),
            Self::Green => AnsiColor::Green.on_default(),
            Self::Yellow => AnsiColor::Yellow.on_default(),
            Self::Cyan => AnsiColor::Cyan.on_default(),
        }
    }
}

/// Returns a text for stdout, in a colour if stdout is a terminal that shows colours.
pub(crate) fn painted(colour: Colour, text: &str) -> String {
    let shows_colours = std::io::stdout().is_terminal() && wants_color();
    styled(colour.style(), text, shows_colours)
}

fn styled(style: Style, text: &str, shows_colours: bool) -> String {
    if shows_colours {
        format!("{style}{text}{style:#}")
    } else {
        text.to_owned()
    }
}

/// Writes to stderr what is being done: a verb, aligned with the verbs of other lines.
pub(crate) fn verb(verb: &str, what: &str) {
    let verb = styled(VERB, &format!("{verb:>12}"), colored());
    note(format_args!("{verb} {what}"));
}

/// Returns a number of bytes for people, such as `512 B`, `41 kB` or `1.5 MB`.
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

/// Writes a line of results to stdout. Ignores a reader that has gone, as in `... | head`.
pub(crate) fn out(line: impl Display) {
    let _ = writeln!(std::io::stdout(), "{line}");
}

/// Writes a line for people to stderr.
pub(crate) fn note(line: impl Display) {
    let _ = writeln!(std::io::stderr(), "{line}");
}

/// Writes to stderr that something is not as it should be. The program goes on.
pub(crate) fn warning(what: impl Display) {
    note(format_args!(
        "{}: {what}",
        styled(WARNING, "warning", colored())
    ));
}

/// Writes to stderr that something went wrong.
pub(crate) fn error(what: impl Display) {
    note(format_args!(
        "{}: {what}",
        styled(ERROR, "error", colored())
    ));
}
