//! [`Places`]: which file, line and column the offsets of a report mean.

use std::path::{Path, PathBuf};

use super::Lines;

/// The text of a file that another one extends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct BaseText {
    /// The path of the file, as it is shown.
    pub(crate) path: PathBuf,
    pub(crate) text: String,
    /// Which offset means the first byte of this text. Offsets below mean the files before it.
    pub(crate) start: usize,
}

/// The texts of a report one after the other, with their lines counted once for any number of
/// look-ups.
#[derive(Debug, Clone)]
pub struct Places<'r> {
    /// At least one, in the order of their first offset.
    files: Vec<FileLines<'r>>,
}

#[derive(Debug, Clone)]
struct FileLines<'r> {
    path: &'r Path,
    text: &'r str,
    lines: Lines<'r>,
    start: usize,
}

/// Where an offset is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Located<'r> {
    /// The file, as the user named it.
    pub path: &'r Path,
    /// The line, counted from 1.
    pub line: usize,
    /// The character in the line, counted from 1.
    pub column: usize,
}

impl<'r> Places<'r> {
    pub(crate) fn new(path: &'r Path, text: &'r str, bases: &'r [BaseText]) -> Self {
        let file = |path, text, start| FileLines {
            path,
            text,
            lines: Lines::new(text),
            start,
        };
        let bases = bases
            .iter()
            .map(|base| file(base.path.as_path(), base.text.as_str(), base.start));
        Self {
            files: [file(path, text, 0)].into_iter().chain(bases).collect(),
        }
    }

    /// Returns the file, the line and the column of an offset.
    pub fn locate(&self, offset: usize) -> Located<'r> {
        let file = self.file(offset);
        let (line, column) = file.lines.position(offset - file.start);
        Located {
            path: file.path,
            line,
            column,
        }
    }

    /// Returns the text in which an offset is, its lines, and the offset of its first byte.
    pub(super) fn text_at(&self, offset: usize) -> (&'r str, &Lines<'r>, usize) {
        let file = self.file(offset);
        (file.text, &file.lines, file.start)
    }

    fn file(&self, offset: usize) -> &FileLines<'r> {
        let after = self.files.partition_point(|file| file.start <= offset);
        &self.files[after.saturating_sub(1)]
    }
}
