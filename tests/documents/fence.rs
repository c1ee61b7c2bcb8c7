//! [`Fence`]: a fenced block of a document.

/// A fenced block of Markdown.
#[derive(Debug)]
pub struct Fence<'a> {
    /// Number of the line that opens the block, counted from 1.
    pub line: usize,
    /// The first word after the backticks.
    pub language: &'a str,
    /// The words after the language.
    pub words: Vec<&'a str>,
    /// The lines inside, each with its line feed.
    pub text: String,
}

/// Returns every fenced block of a document, in order.
pub fn fences(document: &str) -> Vec<Fence<'_>> {
    let mut fences = Vec::new();
    let mut open: Option<Fence<'_>> = None;
    for (index, line) in document.lines().enumerate() {
        match (line.strip_prefix("```"), &mut open) {
            (Some(info), None) => {
                let mut words = info.split_whitespace();
                let language = words.next().unwrap_or_default();
                open = Some(Fence {
                    line: index + 1,
                    language,
                    words: words.collect(),
                    text: String::new(),
                });
            }
            (Some(_), Some(_)) => fences.extend(open.take()),
            (None, Some(fence)) => fence.text.extend([line, "\n"]),
            (None, None) => {}
        }
    }
    assert!(open.is_none(), "a block is not closed: {open:?}");
    fences
}

/// Returns the first block in `language` and the block after it.
#[track_caller]
pub fn first_and_next<'a, 'b>(
    fences: &'b [Fence<'a>],
    language: &str,
) -> (&'b Fence<'a>, &'b Fence<'a>) {
    let place = fences
        .iter()
        .position(|fence| fence.language == language)
        .expect("a block of that language");
    (&fences[place], &fences[place + 1])
}
