//! [`Elsewhere`]: a place in another file than the one that a report is about.

use std::ops::Range;

/// How many characters of a line [`Elsewhere::text`] holds at most.
pub const MAX_LINE_CHARS: usize = 200;

/// A place in another file. Whoever found it has read that file; a report reads none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Elsewhere {
    /// The file, as it is shown.
    pub path: String,
    /// The line, counted from 1.
    pub line: usize,
    /// The first character of the line that is to blame, counted from 1.
    pub column: usize,
    /// The character behind the last one; equal to `column` where something is missing.
    pub end_column: usize,
    /// The beginning of the line: at most [`MAX_LINE_CHARS`] characters, none of them a line break.
    pub text: String,
    /// What to write under the carets; empty where the message says it all.
    pub label: String,
}

impl Elsewhere {
    /// The bytes of `text` that are to blame; `None` where they are not in it.
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
    fn columns_are_found_in_the_text_or_not_at_all() {
        let marked = |column, end_column| {
            let text = "å = 😀b".to_owned();
            let (path, label) = ("f.py".to_owned(), String::new());
            Elsewhere {
                path,
                line: 1,
                column,
                end_column,
                text,
                label,
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
