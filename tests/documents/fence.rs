//! [`Fence`]: a fenced block of a document.

/// A fenced block.
#[derive(Debug)]
pub struct Fence<'a> {
    /// The line that opens it, from 1.
    pub line: usize,
    /// The first word behind the backticks.
    pub language: &'a str,
    /// The words that follow it.
    pub words: Vec<&'a str>,
    /// The lines inside, each with its line feed.
    pub text: String,
}

/// Every fenced block of a document, in order.
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
    assert!(open.is_none(), "a block that does not end: {open:?}");
    fences
}

/// The first block of that language, and the one after it.
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
