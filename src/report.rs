//! Printing: results to stdout, words for people to stderr.
//!
//! All results go through [`write_results`]. [`finish`] ends a program: it fails if results were
//! lost.

use std::fmt::Display;
use std::io::{self, IsTerminal as _, Write as _};
use std::sync::{Mutex, MutexGuard, PoisonError};

use anstyle::{AnsiColor, Style};
use terminal_size::{Width, terminal_size_of};

use crate::exit_status::ExitStatus;

const VERB: Style = AnsiColor::Green.on_default().bold();
const WARNING: Style = AnsiColor::Yellow.on_default().bold();
const ERROR: Style = AnsiColor::Red.on_default().bold();

/// Returns whether stderr shows colours: it is a terminal, and `NO_COLOR` is unset.
pub(crate) fn colored() -> bool {
    io::stderr().is_terminal() && wants_color()
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
    let shows_colours = io::stdout().is_terminal() && wants_color();
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

/// Why results could not be written to stdout. `None` while all were written.
static WRITE_FAILURE: Mutex<Option<io::Error>> = Mutex::new(None);

/// Writes a line of results to stdout. On a narrow terminal it is broken, and its further lines are
/// indented by this number of columns.
pub(crate) fn out_wrapped(line: &str, indent: usize) {
    match terminal_size_of(io::stdout()) {
        Some((Width(width), _)) => out(rpc_schema::wrapped(line, width.into(), indent)),
        None => out(line),
    }
}

/// Writes the findings of a file to stderr.
pub(crate) fn findings(report: &rpc_schema::Report) {
    let text = report.render(colored());
    match terminal_size_of(io::stderr()) {
        Some((Width(width), _)) => note(rpc_schema::wrapped_report(&text, width.into())),
        None => note(text),
    }
}

/// Writes a line of results to stdout.
pub(crate) fn out(line: impl Display) {
    write_results(format!("{line}\n").as_bytes());
}

/// Writes results to stdout. After a failure, nothing more is written.
pub(crate) fn write_results(bytes: &[u8]) {
    let mut stdout = io::stdout();
    if !nobody_reads() {
        note_results(stdout.write_all(bytes).and_then(|()| stdout.flush()));
    }
}

/// Keeps why results could not be written, for [`finish`].
pub(crate) fn note_results(written: io::Result<()>) {
    if let Err(error) = written {
        write_failure().get_or_insert(error);
    }
}

/// Returns whether nobody reads further results: stdout has failed, or its reader has gone.
pub(crate) fn nobody_reads() -> bool {
    write_failure().is_some()
}

/// Returns whether results were lost. A reader that has gone, as in `... | head`, has lost nothing.
pub(crate) fn results_are_lost() -> bool {
    write_failure().as_ref().is_some_and(is_loss)
}

fn is_loss(error: &io::Error) -> bool {
    error.kind() != io::ErrorKind::BrokenPipe
}

/// Returns the exit status of a program that has written its results. If results were lost, says
/// so on stderr, and the program has failed.
pub(crate) fn finish(status: ExitStatus) -> ExitStatus {
    note_results(io::stdout().flush());
    let failure = write_failure().take().filter(is_loss);
    match failure {
        Some(failure) => {
            error(format_args!("cannot write to stdout: {failure}"));
            ExitStatus::Failed
        }
        None => status,
    }
}

fn write_failure() -> MutexGuard<'static, Option<io::Error>> {
    WRITE_FAILURE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Writes a line for people to stderr.
pub(crate) fn note(line: impl Display) {
    let _ = writeln!(io::stderr(), "{line}");
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
