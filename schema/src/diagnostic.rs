//! What is said about a file that is not as it should be: [`Finding`]s with a [`Code`], collected
//! into a [`Report`].

mod code;
mod elsewhere;
mod explain;
mod lines;
mod render;

use std::ops::Range;
use std::path::{Path, PathBuf};

pub use code::Code;
pub use elsewhere::{Elsewhere, MAX_LINE_CHARS};
pub use lines::Lines;
pub use render::MAX_RENDERED_FINDINGS;

/// How many findings of one run are kept; a file that is wrong throughout needs no longer list.
pub const MAX_FINDINGS: usize = 1_000;

/// So many of them have nearest names looked for.
const MAX_FINDINGS_WITH_NAMES: usize = 50;

/// One thing that is wrong, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Finding {
    /// Which rule is broken.
    pub code: Code,
    /// What is wrong, in one sentence: lower case, no full stop, literals in backticks.
    pub message: String,
    /// The bytes of the text that are to blame; empty where something is missing.
    pub span: Range<usize>,
    /// What to write under the carets; empty where the message says it all.
    pub label: String,
    /// What to do about it.
    pub hint: Option<String>,
    /// Another place that belongs to it, such as the first definition of a name, with its label.
    pub related: Option<(Range<usize>, String)>,
    /// A place in another file that belongs to it, such as the line of a source that contradicts
    /// its signature.
    pub elsewhere: Option<Elsewhere>,
}

impl Finding {
    /// A finding without label and hint.
    pub fn new(code: Code, span: Range<usize>, message: impl Into<String>) -> Self {
        let (label, hint, related, elsewhere) = (String::new(), None, None, None);
        Self {
            code,
            message: message.into(),
            span,
            label,
            hint,
            related,
            elsewhere,
        }
    }

    /// The same with this label under its carets.
    pub fn label(mut self, label: impl Into<String>) -> Self {
        self.label = label.into();
        self
    }

    /// The same with this hint.
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// The same with a hint where there is one.
    pub fn maybe_hint(mut self, hint: Option<String>) -> Self {
        self.hint = hint;
        self
    }

    /// The same with a second place.
    pub fn related(mut self, span: Range<usize>, label: impl Into<String>) -> Self {
        self.related = Some((span, label.into()));
        self
    }

    /// The same with a place in another file.
    pub fn elsewhere(mut self, place: Elsewhere) -> Self {
        self.elsewhere = Some(place);
        self
    }
}

/// Everything that was found wrong with one file. It holds at least one finding.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Report {
    /// The file, as the user named it.
    pub path: PathBuf,
    /// Its text; empty when it could not be read.
    pub text: String,
    /// What is wrong, in source order.
    pub findings: Vec<Finding>,
}

impl Report {
    /// A report about `text`, whose findings may come in any order.
    pub fn new(path: &Path, text: impl Into<String>, findings: Vec<Finding>) -> Self {
        Self {
            path: path.to_owned(),
            text: text.into(),
            findings: Findings(findings).in_source_order(),
        }
    }

    /// Whether there was a text to look at; if not, the finding is about the file itself, and has
    /// no place.
    pub fn has_text(&self) -> bool {
        !self
            .findings
            .iter()
            .any(|finding| matches!(finding.code, Code::Unreadable | Code::FileTooLarge))
    }

    /// The lines of the text, from which the place of any finding is told.
    pub fn lines(&self) -> Lines<'_> {
        Lines::new(&self.text)
    }

    /// The line and the column of a byte of the text, each counted from 1; columns count
    /// characters. For more than one place ask [`lines`](Self::lines).
    pub fn position(&self, offset: usize) -> (usize, usize) {
        self.lines().position(offset)
    }
}

impl std::error::Error for Report {}

/// Findings as they are collected.
#[derive(Debug, Default)]
pub(crate) struct Findings(Vec<Finding>);

impl Findings {
    pub(crate) fn push(&mut self, finding: Finding) {
        if !self.is_full() {
            self.0.push(finding);
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// A hint that costs a search among names; behind the first findings, where nobody reads it,
    /// there is none.
    pub(crate) fn name_hint(&self, search: impl FnOnce() -> Option<String>) -> Option<String> {
        if self.0.len() < MAX_FINDINGS_WITH_NAMES {
            search()
        } else {
            None
        }
    }

    pub(crate) fn is_full(&self) -> bool {
        self.0.len() >= MAX_FINDINGS
    }

    /// What an alias repeats is said once.
    pub(crate) fn in_source_order(mut self) -> Vec<Finding> {
        self.0
            .sort_by_key(|finding| (finding.span.start, finding.code));
        self.0.dedup();
        self.0
    }
}
