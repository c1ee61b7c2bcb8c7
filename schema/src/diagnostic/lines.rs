//! Converts byte offsets to lines and columns, and back.

/// Number of bytes between two checkpoints.
const STEP: usize = 4096;

/// The lines of a text. They are counted once, for any number of look-ups.
///
/// The memory does not depend on the number of lines, and every look-up is fast: a file may be a
/// single line, or have nothing but line breaks.
#[derive(Debug, Clone)]
pub struct Lines<'t> {
    text: &'t str,
    /// One checkpoint at every [`STEP`]th byte of the text.
    checkpoints: Vec<Checkpoint>,
}

/// What is before a byte offset.
#[derive(Debug, Clone, Copy, Default)]
struct Checkpoint {
    breaks: usize,
    characters: usize,
    /// The offset at which the line of the byte begins.
    line_start: usize,
}

impl Checkpoint {
    /// Returns the checkpoint after `bytes`, which begin at `offset`.
    fn after(self, bytes: &[u8], offset: usize) -> Self {
        let breaks = count(bytes, |byte| byte == b'\n');
        let last_break = if breaks == 0 {
            None
        } else {
            bytes.iter().rposition(|byte| *byte == b'\n')
        };
        Self {
            breaks: self.breaks + breaks,
            characters: self.characters + count(bytes, begins_character),
            line_start: last_break.map_or(self.line_start, |at| offset + at + 1),
        }
    }
}

impl<'t> Lines<'t> {
    /// Finds the lines of a text.
    pub fn new(text: &'t str) -> Self {
        let steps = text.as_bytes().chunks_exact(STEP).enumerate();
        let checkpoints = steps.scan(Checkpoint::default(), |last, (index, bytes)| {
            *last = last.after(bytes, index * STEP);
            Some(*last)
        });
        Self {
            text,
            checkpoints: std::iter::once(Checkpoint::default())
                .chain(checkpoints)
                .collect(),
        }
    }

    /// Returns the line and the column of a byte offset, both counted from 1. Columns count
    /// characters.
    pub fn position(&self, offset: usize) -> (usize, usize) {
        let here = self.before(offset);
        let line_start = self.before(here.line_start);
        (here.breaks + 1, here.characters - line_start.characters + 1)
    }

    /// Returns the offset at which the line of a byte begins.
    pub(crate) fn start(&self, offset: usize) -> usize {
        self.before(offset).line_start
    }

    /// Returns the byte offset of a line and a column, both counted from 1, or the length of the
    /// text if it has no such line.
    pub(crate) fn offset(&self, line: usize, column: usize) -> usize {
        let breaks = line.saturating_sub(1);
        let index = self
            .checkpoints
            .partition_point(|checkpoint| checkpoint.breaks < breaks)
            .saturating_sub(1);
        let from = index * STEP;
        let rest = &self.text.as_bytes()[from..];
        let mut ends = rest.iter().enumerate().filter(|(_, byte)| **byte == b'\n');
        let start = match breaks - self.checkpoints[index].breaks {
            0 => self.checkpoints[index].line_start,
            more => match ends.nth(more - 1) {
                Some((at, _)) => from + at + 1,
                None => return self.text.len(),
            },
        };
        let rest = &self.text[start..];
        start
            + rest
                .char_indices()
                .nth(column.saturating_sub(1))
                .map_or(rest.len(), |(at, _)| at)
    }

    fn before(&self, offset: usize) -> Checkpoint {
        let offset = offset.min(self.text.len());
        let from = offset - offset % STEP;
        self.checkpoints[offset / STEP].after(&self.text.as_bytes()[from..offset], from)
    }
}

/// Counts some of at most [`STEP`] bytes. With this limit a `u16` sum cannot overflow; the compiler
/// vectorizes such narrow sums well.
fn count(bytes: &[u8], is_counted: impl Fn(u8) -> bool) -> usize {
    bytes
        .iter()
        .map(|byte| u16::from(is_counted(*byte)))
        .sum::<u16>()
        .into()
}

fn begins_character(byte: u8) -> bool {
    byte & 0b1100_0000 != 0b1000_0000
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_count_characters() {
        let lines = Lines::new("a\n😀b\r\n\nc");
        assert_eq!(lines.position(0), (1, 1));
        assert_eq!(lines.position(6), (2, 2));
        assert_eq!(lines.start(6), 2);
        assert_eq!(lines.position(10), (4, 1));
        assert_eq!(lines.position(11), (4, 2));
        assert_eq!(lines.position(99), (4, 2));
        assert_eq!(lines.offset(2, 2), 6);
        assert_eq!(lines.offset(9, 1), 11);
    }

    #[test]
    fn positions_in_long_texts_are_exact() {
        for piece in [
            "é😀\n",
            "é, ",
            "\n",
            &format!("{}\n", "a".repeat(STEP - 1)),
            "",
        ] {
            let text = piece.repeat(3 * STEP / piece.len().max(1) + 7);
            let lines = Lines::new(&text);
            let mut line = 1;
            let mut column = 1;
            for (at, character) in text.char_indices() {
                assert_eq!(lines.position(at), (line, column));
                if at % 7 == 0 || at % STEP < 2 {
                    assert_eq!(lines.offset(line, column), at);
                }
                if character == '\n' {
                    line += 1;
                    column = 1;
                } else {
                    column += 1;
                }
            }
            assert_eq!(lines.position(text.len()), (line, column));
            assert_eq!(lines.offset(line, 1), lines.start(text.len()));
        }
    }
}
