//! Converts character offsets, which the parser counts in, to byte offsets.

/// Number of characters between two known offsets.
const STEP: usize = 32;

pub(super) struct Offsets<'t> {
    text: &'t str,
    /// The byte offset of every [`STEP`]th character; empty if every character is one byte.
    known: Vec<usize>,
}

impl<'t> Offsets<'t> {
    pub(super) fn new(text: &'t str) -> Self {
        let known = if text.is_ascii() {
            Vec::new()
        } else {
            text.char_indices()
                .step_by(STEP)
                .map(|(byte, _)| byte)
                .collect()
        };
        Self { text, known }
    }

    /// Returns the byte offset of a character, or the length of the text if there is no such
    /// character.
    pub(super) fn byte(&self, character: usize) -> usize {
        if self.known.is_empty() {
            return character.min(self.text.len());
        }
        let Some(&from) = self.known.get(character / STEP) else {
            return self.text.len();
        };
        let rest = &self.text[from..];
        from + rest
            .char_indices()
            .nth(character % STEP)
            .map_or(rest.len(), |(byte, _)| byte)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_character_is_found_at_its_byte_offset() {
        for text in ["", "plain", &"aé😀\n".repeat(200)] {
            let offsets = Offsets::new(text);
            for (index, (byte, _)) in text.char_indices().enumerate() {
                assert_eq!(offsets.byte(index), byte);
            }
            assert_eq!(offsets.byte(text.chars().count()), text.len());
            assert_eq!(offsets.byte(usize::MAX), text.len());
        }
    }
}
