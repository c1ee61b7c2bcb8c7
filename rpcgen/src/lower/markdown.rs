//! Rewrites the Markdown of a `doc`, so that no block of code in it is a documentation test.
//!
//! rustdoc tests every block of code that it takes for Rust: indented code, and a fence without a
//! language or with words that rustdoc knows. The blocks are found by the parser that rustdoc uses,
//! because only a parser knows what is code in a list or in a quote.

use std::ops::Range;

use pulldown_cmark::{CodeBlockKind, Event, Parser, Tag, TagEnd};

/// The language of a block that is not Rust.
const TEXT: &str = "text";

/// A text that follows a `doc`, to see whether the `doc` swallows what follows it.
const NEXT: &str = "\n\nnext";

/// Returns a text with the same content, in which no block of code is Rust. A text that cannot be
/// rewritten becomes one block of plain text.
pub(super) fn without_tests(text: &str) -> String {
    let text = text.trim_matches('\n');
    let mut rewritten = rewrite(text);
    if !is_closed(&rewritten)
        && let Some(end) = end_of_open_fence(&rewritten)
    {
        rewritten += &end;
    }
    if is_closed(&rewritten) && blocks(&rewritten).iter().all(Block::is_not_rust) {
        return rewritten;
    }
    let fence = fence_around(text);
    format!("{fence}{TEXT}\n{text}\n{fence}")
}

/// A block of code.
struct Block {
    range: Range<usize>,
    /// The text after the fence; `None` for indented code.
    info: Option<String>,
    /// The text of the block, in pieces. A piece has no line break inside it.
    pieces: Vec<Range<usize>>,
}

impl Block {
    /// Returns whether rustdoc does not test the block: its language is one word that rustdoc does
    /// not know.
    fn is_not_rust(&self) -> bool {
        let Some(info) = &self.info else {
            return false;
        };
        let is_word = info.starts_with(|first: char| first.is_ascii_alphabetic())
            && info
                .chars()
                .all(|c| c.is_ascii_alphanumeric() || "_+-#.".contains(c));
        let rust = [
            "rust",
            "ignore",
            "should",
            "no_run",
            "no-run",
            "test",
            "compile",
            "standalone",
            "custom",
            "edition",
            "allow",
        ];
        let is_error_code = info.starts_with(['E', 'e'])
            && info.len() > 1
            && info[1..].bytes().all(|byte| byte.is_ascii_digit());
        is_word && !is_error_code && !rust.iter().any(|word| info.starts_with(word))
    }
}

fn blocks(text: &str) -> Vec<Block> {
    let mut blocks: Vec<Block> = Vec::new();
    let mut is_inside = false;
    for (event, range) in Parser::new(text).into_offset_iter() {
        match event {
            Event::Start(Tag::CodeBlock(kind)) => {
                is_inside = true;
                blocks.push(Block {
                    range,
                    info: match kind {
                        CodeBlockKind::Fenced(info) => Some(info.into_string()),
                        CodeBlockKind::Indented => None,
                    },
                    pieces: Vec::new(),
                });
            }
            Event::End(TagEnd::CodeBlock) => is_inside = false,
            Event::Text(_) if is_inside && let Some(block) = blocks.last_mut() => {
                block.pieces.push(range);
            }
            _ => {}
        }
    }
    blocks
}

fn rewrite(text: &str) -> String {
    let mut rewritten = String::with_capacity(text.len());
    let mut done = 0;
    for block in blocks(text) {
        if block.is_not_rust() {
            continue;
        }
        let (range, replacement) = match block.info {
            Some(_) => (info_of_fence(text, block.range.start), TEXT.to_owned()),
            None => match fence_for_indented(text, &block.pieces) {
                Some(edit) => edit,
                None => continue,
            },
        };
        if range.start >= done {
            rewritten += &text[done..range.start];
            rewritten += &replacement;
            done = range.end;
        }
    }
    rewritten + &text[done..]
}

/// Returns where the text after a fence stands, up to the end of its line.
fn info_of_fence(text: &str, block: usize) -> Range<usize> {
    let end = text[block..]
        .find('\n')
        .map_or(text.len(), |length| block + length);
    let line = &text[block..end];
    let fence = line.find(['`', '~']).unwrap_or(0);
    let mark = line[fence..].chars().next().unwrap_or('`');
    let length = line[fence..].len() - line[fence..].trim_start_matches(mark).len();
    block + fence + length..end
}

/// Returns the lines of indented code, and the same code with fences around it. Each line keeps
/// the marks of the lists and quotes before it.
fn fence_for_indented(text: &str, pieces: &[Range<usize>]) -> Option<(Range<usize>, String)> {
    let start = pieces.first()?.start;
    let end = pieces.last()?.end;
    let first_line = text[..start].rfind('\n').map_or(0, |end| end + 1);
    let code: String = pieces.iter().map(|piece| &text[piece.clone()]).collect();
    let fence = fence_around(&code);
    let marks = text[first_line..start].strip_suffix("    ")?;
    let inside: String = marks
        .chars()
        .map(|c| if c == '>' { '>' } else { ' ' })
        .collect();
    let mut fenced = format!("{marks}{fence}{TEXT}\n");
    for line in code.trim_end_matches('\n').split('\n') {
        fenced += format!("{inside}{line}").trim_end();
        fenced.push('\n');
    }
    fenced.extend([&*inside, &*fence]);
    let has_line_end = text[..end].ends_with('\n');
    Some((first_line..end - usize::from(has_line_end), fenced))
}

/// Returns a fence that is longer than every fence in a text.
fn fence_around(text: &str) -> String {
    let mut longest = 2;
    let mut length = 0;
    for c in text.chars() {
        length = if c == '`' { length + 1 } else { 0 };
        longest = longest.max(length);
    }
    "`".repeat(longest + 1)
}

/// Returns whether a text that follows is a paragraph of its own.
fn is_closed(text: &str) -> bool {
    let followed = format!("{text}{NEXT}");
    let mut depth = 0_usize;
    let mut last = None;
    for (event, range) in Parser::new(&followed).into_offset_iter() {
        match event {
            Event::Start(tag) => {
                if depth == 0 {
                    last = matches!(tag, Tag::Paragraph).then_some(range.start);
                }
                depth += 1;
            }
            Event::End(_) => depth -= 1,
            _ => {}
        }
    }
    last == Some(text.len() + 2)
}

/// Returns the end of a fence that is still open at the end of a text.
fn end_of_open_fence(text: &str) -> Option<String> {
    let block = blocks(text).pop()?;
    let line = text[block.range.start..].trim_start();
    let mark = line.chars().next().filter(|mark| "`~".contains(*mark))?;
    let length = line.len() - line.trim_start_matches(mark).len();
    Some(format!("\n{}", mark.to_string().repeat(length)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn code_becomes_text_wherever_it_stands() {
        for (text, expected) in [
            ("adds", "adds"),
            ("```\n1\n```", "```text\n1\n```"),
            ("````\n```\n1\n````", "````text\n```\n1\n````"),
            ("~~~ rust\n1\n~~~", "~~~text\n1\n~~~"),
            ("```json\n{}\n```", "```json\n{}\n```"),
            ("```c++\n{}\n```", "```c++\n{}\n```"),
            ("```python,rust\n1\n```", "```text\n1\n```"),
            ("```E0277\n1\n```", "```text\n1\n```"),
            ("```edition2024\n1\n```", "```text\n1\n```"),
            ("1. ```\n   1\n   ```", "1. ```text\n   1\n   ```"),
            ("> ```\n> 1\n> ```", "> ```text\n> 1\n> ```"),
            ("> - ```\n>   1", "> - ```text\n>   1"),
            (
                "a\n\n    1\n\n      2\n\nb",
                "a\n\n```text\n1\n\n  2\n```\n\nb",
            ),
            (">     1\n>     2", "> ```text\n> 1\n> 2\n> ```"),
            ("-     1\n\n      2", "- ```text\n  1\n\n  2\n  ```"),
            ("    ```\n    1", "````text\n```\n1\n````"),
            ("    a `````", "``````text\na `````\n``````"),
            ("a\n    b", "a\n    b"),
            ("```python\nx", "```python\nx\n```"),
            ("~~~~\nx", "~~~~text\nx\n~~~~"),
            ("a `let b` c\n# d\n* e", "a `let b` c\n# d\n* e"),
            ("<!-- open", "```text\n<!-- open\n```"),
            ("<script>\n```", "````text\n<script>\n```\n````"),
        ] {
            assert_eq!(without_tests(text), expected, "{text:?}");
        }
    }

    #[test]
    fn no_text_has_a_test_after_it_is_rewritten() {
        let pieces = [
            "a", " ", "    ", "\n", "\n\n", "- ", "1. ", "> ", ">", "```", "````", "~~~", "rust",
            "`", "text", "[a]: b", "<!--", "<pre>", "\t", "* * *", "# ", "|", "\\", "=",
        ];
        let mut random = 1_u64;
        let mut next = |below: usize| {
            random = random
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            (random >> 33) as usize % below
        };
        for _ in 0..50_000 {
            let length = 1 + next(12);
            let text: String = (0..length).map(|_| pieces[next(pieces.len())]).collect();
            let rewritten = without_tests(&text);
            assert!(is_closed(&rewritten), "{text:?} {rewritten:?}");
            assert!(
                blocks(&format!("{rewritten}{NEXT}"))
                    .iter()
                    .all(Block::is_not_rust),
                "{text:?} {rewritten:?}"
            );
        }
    }
}
