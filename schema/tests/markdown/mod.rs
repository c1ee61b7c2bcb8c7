//! The fenced blocks of a Markdown text.

/// What stands between two fences.
pub struct Block {
    /// The line of its first fence, counted from 1.
    #[allow(
        dead_code,
        reason = "whoever only collects blocks does not tell where they stand"
    )]
    pub line: usize,
    /// What the first fence says: `yaml`, `yaml,wrong`, ...
    pub language: &'static str,
    /// Its lines.
    pub text: String,
}

/// All blocks of a text, in order.
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
