//! The fenced blocks of a Markdown text.

/// The text between two fences.
pub struct Block {
    /// The line of the first fence, counted from 1.
    #[allow(dead_code, reason = "some tests collect blocks without their lines")]
    pub line: usize,
    /// The text of the first fence: `yaml`, `yaml,wrong`, ...
    pub language: &'static str,
    /// The lines of the block.
    pub text: String,
}

/// Returns all blocks of a text, in order.
pub fn blocks(markdown: &'static str) -> Vec<Block> {
    let mut blocks = Vec::new();
    let mut open: Option<Block> = None;
    for (index, line) in markdown.lines().enumerate() {
        match (line.strip_prefix("```"), &mut open) {
            (Some(language), None) => {
                open = Some(Block {
                    line: index + 1,
                    language,
                    text: String::new(),
                });
            }
            (Some(_), Some(_)) => blocks.extend(open.take()),
            (None, Some(block)) => block.text.extend([line, "\n"]),
            (None, None) => {}
        }
    }
    blocks
}
