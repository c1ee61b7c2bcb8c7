//! [`ExternalPlace`]: a place in another file than the file of the report.

use std::ops::Range;

/// Maximum number of characters of a line in [`ExternalPlace::text`].
pub const MAX_LINE_CHARS: usize = 200;

/// A place in another file. It carries the text of its line, because a report reads no files.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExternalPlace {
    /// The path of the file, as it is shown.
    pub path: String,
    /// The line, counted from 1.
    pub line: usize,
    /// The column of the first wrong character, counted from 1.
    pub column: usize,
    /// The column after the last wrong character; equal to `column` if something is missing.
    pub end_column: usize,
    /// The beginning of the line: at most [`MAX_LINE_CHARS`] characters, none of them a line break.
    pub text: String,
    /// The text under the carets; empty if the message is enough.
    pub label: String,
}

impl ExternalPlace {
    /// Returns the byte range of the wrong characters in `text`; `None` if `text` is too short.
    pub(super) fn marked(&self) -> Option<Range<usize>> {
        let start = self.byte(self.column)?;
        let end = self.byte(self.end_column).unwrap_or(self.text.len());
        Some(start..end.max(start))
    }

    fn byte(&self, column: usize) -> Option<usize> {
        let mut bytes = self
            .text
            .char_indices()
            .map(|(at, _)| at)
            .chain([self.text.len()]);
        bytes.nth(column.checked_sub(1)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_converted_to_bytes_if_the_text_has_them() {
        let marked = |column, end_column| {
            ExternalPlace {
                path: "f.py".to_owned(),
                line: 1,
                column,
                end_column,
                text: "å = 😀b".to_owned(),
                label: String::new(),
            }
            .marked()
        };
        assert_eq!(marked(1, 2), Some(0..2));
        assert_eq!(marked(5, 6), Some(5..9));
        assert_eq!(marked(7, 7), Some(10..10));
        assert_eq!(marked(5, 900), Some(5..10));
        assert_eq!(marked(5, 1), Some(5..5));
        assert_eq!((marked(8, 9), marked(0, 1)), (None, None));
    }
}
