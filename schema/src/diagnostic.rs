//! The mistakes in a file: [`Finding`]s, each with a [`Code`], collected in a [`Report`].

mod code;
mod explain;
mod external_place;
mod lines;
mod places;
mod render;

use std::ops::Range;
use std::path::{Path, PathBuf};

pub use code::Code;
pub use external_place::{ExternalPlace, MAX_LINE_CHARS};
pub use lines::Lines;
pub(crate) use places::BaseText;
pub use places::{Located, Places};
pub use render::MAX_RENDERED_FINDINGS;

/// Maximum number of findings of one run. Further findings are dropped.
pub const MAX_FINDINGS: usize = 1_000;

/// Maximum number of findings for which similar names are searched.
const MAX_FINDINGS_WITH_NAMES: usize = 50;

/// One mistake, and where it is.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Finding {
    /// The rule that is broken.
    pub code: Code,
    /// What is wrong, in one sentence: lower case, no full stop, literals in backticks.
    pub message: String,
    /// The byte range of the wrong part of the text; empty if something is missing. In a report
    /// about a file that extends others, [`Places`] tells the file of a range.
    pub span: Range<usize>,
    /// The text under the carets; empty if the message is enough.
    pub label: String,
    /// How to correct the mistake.
    pub hint: Option<String>,
    /// Another place in the texts of the report, such as the first definition of a name, with its label.
    pub related: Option<(Range<usize>, String)>,
    /// A place in another file, such as the line of a source that contradicts its signature.
    pub elsewhere: Option<ExternalPlace>,
}

impl Finding {
    /// Creates a finding without a label, a hint and further places.
    pub fn new(code: Code, span: Range<usize>, message: impl Into<String>) -> Self {
        Self {
            code,
            message: message.into(),
            span,
            label: String::new(),
            hint: None,
            related: None,
            elsewhere: None,
        }
    }

    /// Sets the label under the carets.
    pub fn label(mut self, label: impl Into<String>) -> Self {
        self.label = label.into();
        self
    }

    /// Sets the hint.
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// Sets or removes the hint.
    pub fn maybe_hint(mut self, hint: Option<String>) -> Self {
        self.hint = hint;
        self
    }

    /// Sets another place in the texts of the report.
    pub fn related(mut self, span: Range<usize>, label: impl Into<String>) -> Self {
        self.related = Some((span, label.into()));
        self
    }

    /// Moves the places of the finding to a text that begins at `start`.
    pub(crate) fn moved(mut self, start: usize) -> Self {
        let moved = |span: Range<usize>| span.start + start..span.end + start;
        self.span = moved(self.span);
        self.related = self.related.map(|(span, label)| (moved(span), label));
        self
    }

    /// Sets a place in another file.
    pub fn elsewhere(mut self, place: ExternalPlace) -> Self {
        self.elsewhere = Some(place);
        self
    }
}

/// All mistakes in one file, and in those that it extends. A report has at least one finding.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Report {
    /// The file, as the user named it.
    pub path: PathBuf,
    /// The text of the file; empty if the file could not be read.
    pub text: String,
    /// The mistakes, in source order: first those of the file itself.
    pub findings: Vec<Finding>,
    /// The files that the file extends, each after the one that extends it.
    bases: Vec<BaseText>,
}

impl Report {
    /// Creates a report about `text`. The findings may be in any order; there must be at least one.
    pub fn new(path: &Path, text: impl Into<String>, findings: Vec<Finding>) -> Self {
        Self {
            path: path.to_owned(),
            text: text.into(),
            findings: Findings(findings).in_source_order(),
            bases: Vec::new(),
        }
    }

    /// Adds the files that the file extends.
    pub(crate) fn with_bases(mut self, bases: Vec<BaseText>) -> Self {
        self.bases = bases;
        self
    }

    /// Returns whether the file could be read. If not, the finding is about the file itself, and
    /// has no place in a text.
    pub fn has_text(&self) -> bool {
        !self
            .findings
            .iter()
            .any(|finding| matches!(finding.code, Code::Unreadable | Code::FileTooLarge))
    }

    /// Returns the paths of the file and of those that it extends.
    pub fn paths(&self) -> impl Iterator<Item = &Path> {
        let bases = self.bases.iter().map(|base| base.path.as_path());
        [self.path.as_path()].into_iter().chain(bases)
    }

    /// Returns what tells the file, the line and the column of any finding.
    pub fn places(&self) -> Places<'_> {
        Places::new(&self.path, &self.text, &self.bases)
    }

    /// Returns the line and the column of a byte offset, both counted from 1. Columns count
    /// characters. For more than one offset, call [`places`](Self::places) once and ask the result.
    pub fn position(&self, offset: usize) -> (usize, usize) {
        let places = self.places();
        let found = places.locate(offset);
        (found.line, found.column)
    }
}

impl std::error::Error for Report {}

/// The findings collected so far; at most [`MAX_FINDINGS`].
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

    /// Moves the findings to a text that begins at `start`.
    pub(crate) fn moved(self, start: usize) -> Self {
        Self(
            self.0
                .into_iter()
                .map(|finding| finding.moved(start))
                .collect(),
        )
    }

    /// Returns a hint that needs a search among names. The search is skipped after
    /// [`MAX_FINDINGS_WITH_NAMES`] findings, to save time.
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

    /// Sorts the findings, and removes the duplicates that aliases cause.
    pub(crate) fn in_source_order(mut self) -> Vec<Finding> {
        self.0
            .sort_by_key(|finding| (finding.span.start, finding.code));
        self.0.dedup();
        self.0
    }
}

impl From<Finding> for Findings {
    fn from(finding: Finding) -> Self {
        Self(vec![finding])
    }
}
