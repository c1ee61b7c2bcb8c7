//! Where lines begin: from a byte of the text to its line and column.

use std::ops::Range;

pub(crate) struct Lines<'t> {
    text: &'t str,
    starts: Vec<usize>,
}

impl<'t> Lines<'t> {
    pub(crate) fn new(text: &'t str) -> Self {
        let after_breaks = text.match_indices('\n').map(|(at, _)| at + 1);
        Self { text, starts: std::iter::once(0).chain(after_breaks).collect() }
    }

    /// The line and the column of a byte, each counted from 1; columns count characters.
    pub(crate) fn position(&self, offset: usize) -> (usize, usize) {
        let line = self.line(offset);
        let before = self.text.get(self.starts[line]..offset).unwrap_or_default();
        (line + 1, before.chars().count() + 1)
    }

    /// The bytes of the line that holds a byte, without its line break.
    pub(crate) fn around(&self, offset: usize) -> Range<usize> {
        let line = self.line(offset);
        let start = self.starts[line];
        let end = self.starts.get(line + 1).copied().unwrap_or(self.text.len());
        start..start + self.text[start..end].trim_end_matches(['\n', '\r']).len()
    }

    /// The byte at which a line and a column, each counted from 1, begin; the end of the text when it has no such line.
    pub(crate) fn offset(&self, line: usize, column: usize) -> usize {
        let Some(&start) = self.starts.get(line.saturating_sub(1)) else { return self.text.len() };
        let rest = &self.text[start..];
        start + rest.char_indices().nth(column.saturating_sub(1)).map_or(rest.len(), |(at, _)| at)
    }

    /// The line that holds a byte, counted from 0.
    fn line(&self, offset: usize) -> usize {
        self.starts.partition_point(|start| *start <= offset).saturating_sub(1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_count_characters() {
        let lines = Lines::new("a\n😀b\r\n\nc");
        assert_eq!(lines.position(0), (1, 1));
        assert_eq!(lines.position(6), (2, 2));
        assert_eq!(lines.around(6), 2..7);
        assert_eq!(lines.position(10), (4, 1));
        assert_eq!(lines.position(11), (4, 2));
        assert_eq!(lines.offset(2, 2), 6);
        assert_eq!(lines.offset(9, 1), 11);
    }
}
