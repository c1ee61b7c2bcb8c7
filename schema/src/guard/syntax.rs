//! Findings about a text that is not YAML. The parser's message describes the state of the parser.
//! A useful hint comes from the text around the error: a tab, a missing space, or a quote or a
//! bracket that is not closed.

use std::ops::Range;

use super::written::closing_quote;
use crate::diagnostic::{Code, Finding};

/// Maximum length of a line that a hint repeats, in bytes.
const MAX_QUOTED_BYTES: usize = 80;

/// Returns a finding about the byte offset `at`, at which the parser failed with this message.
/// `bracket` is the innermost bracket that is open there.
pub(super) fn finding(
    text: &str,
    at: usize,
    parser_message: &str,
    bracket: Option<Range<usize>>,
) -> Finding {
    let message = format!("this is not YAML: {parser_message}");
    if let Some(tab) = tab_in_indentation(text, at) {
        let finding = Finding::new(Code::Syntax, tab..tab + 1, message);
        return finding.hint("indent with spaces, not with tabs");
    }
    let length = text[at..]
        .chars()
        .next()
        .filter(|next| !next.is_whitespace())
        .map_or(0, char::len_utf8);
    let finding = Finding::new(Code::Syntax, at..at + length, message);
    match (hint_at(text, at), bracket) {
        (Some(hint), _) => finding.hint(hint),
        (None, Some(bracket)) => {
            let finding = finding.related(bracket, "this bracket is not closed");
            finding.hint("close the bracket, or put a `,` between its items")
        }
        (None, None) => finding.maybe_hint(hint_about_lines(text, at)),
    }
}

/// Returns the offset of a tab in the indentation of the line at `at`, or of the next line, which
/// the parser may have read as a continuation.
fn tab_in_indentation(text: &str, at: usize) -> Option<usize> {
    let mut start = line_start(text, at);
    for line in text[start..].split_inclusive('\n').take(2) {
        let indentation = line.len() - line.trim_start_matches([' ', '\t']).len();
        if let Some(tab) = line[..indentation].find('\t') {
            return Some(start + tab);
        }
        start += line.len();
    }
    None
}

/// Returns a hint that follows from the characters at `at`.
fn hint_at(text: &str, at: usize) -> Option<String> {
    if let Some(hint) = hint_after_quote(text, at) {
        return Some(hint);
    }
    let rest = &text[at..];
    let hint = match rest.chars().next()? {
        '[' => "inside `{...}` and `[...]`, put a type with brackets in quotes: `\"List[int]\"`"
            .to_owned(),
        quote @ ('"' | '\'') => return hint_for_quote(rest, quote),
        '*' if !leading_word(&rest[1..]).is_empty() => {
            let name = leading_word(&rest[1..]);
            format!(
                "`*{name}` repeats a value that is marked `&{name}` above it; put a text that begins with `*` in quotes"
            )
        }
        '`' => "put a text that begins with a backtick in quotes".to_owned(),
        first @ ('*' | '&' | '!' | '@' | '%' | '|' | '>') => {
            format!("put a text that begins with `{first}` in quotes")
        }
        first if first.is_control() && !first.is_whitespace() => {
            "remove the control character".to_owned()
        }
        _ => return None,
    };
    Some(hint)
}

/// Returns a hint if there is more text directly after a quoted text.
fn hint_after_quote(text: &str, at: usize) -> Option<String> {
    if text[at..].starts_with([',', ']', '}', '\r', '\n']) {
        return None;
    }
    let hint = match text[line_start(text, at)..at]
        .trim_end()
        .chars()
        .next_back()?
    {
        '\'' => {
            "the text ends at the previous quote; inside `'...'`, write a quote twice: `'it''s'`"
        }
        '"' => "the text ends at the previous quote; inside `\"...\"`, write a quote as `\\\"`",
        _ => return None,
    };
    Some(hint.to_owned())
}

fn hint_for_quote(rest: &str, quote: char) -> Option<String> {
    let line = rest.lines().next().unwrap_or_default();
    let is_closed = closing_quote(&line.as_bytes()[1..], quote as u8).is_some();
    (!is_closed).then(|| format!("close the text with `{quote}`"))
}

/// Returns a hint that follows from the line at `at` and the line before it.
fn hint_about_lines(text: &str, at: usize) -> Option<String> {
    let start = line_start(text, at);
    let head = &text[start..at];
    if text[at..].starts_with(':') && head.contains(": ") {
        return Some("put a text that contains `: ` in quotes".to_owned());
    }
    let mut lines = text[..start].lines().rev();
    let before =
        lines.find(|line| !line.trim().is_empty() && !line.trim_start().starts_with('#'))?;
    let is_beside = head.is_empty() && !before.starts_with(' ');
    if head.trim().is_empty() && !is_beside {
        return Some("begin it in the same column as its siblings".to_owned());
    }
    (before.len() <= MAX_QUOTED_BYTES).then(|| hint_from_line_before(before.trim()))
}

/// Returns a hint for an error in the line after `line`.
fn hint_from_line_before(line: &str) -> String {
    match line.split_once(':') {
        _ if lacks_space_after_dash(line) => {
            format!(
                "put a space after the `-` of the line before: `- {}`",
                &line[1..]
            )
        }
        None => "the line before has no `:`, so this line seems to continue it".to_owned(),
        Some((key, value)) if !value.is_empty() && !value.starts_with([' ', '/']) => {
            format!("put a space after the `:` of the line before: `{key}: {value}`")
        }
        Some((key, value)) if !value.trim().is_empty() && !leading_word(key).is_empty() => {
            let key = leading_word(key);
            format!(
                "the line before gives `{key}` its value already; begin this line in the column of `{key}`, or put a text of several lines in quotes"
            )
        }
        Some(_) => {
            "begin it in the same column as its siblings, or quote the text that continues here"
                .to_owned()
        }
    }
}

fn lacks_space_after_dash(line: &str) -> bool {
    line.strip_prefix('-')
        .is_some_and(|rest| rest.starts_with(|next: char| next.is_ascii_alphabetic()))
}

/// Returns the letters, digits, `_` and `-` at the beginning of a text.
fn leading_word(text: &str) -> &str {
    let end = text.find(|c: char| !(c.is_ascii_alphanumeric() || c == '_' || c == '-'));
    &text[..end.unwrap_or(text.len()).min(40)]
}

fn line_start(text: &str, at: usize) -> usize {
    text[..at].rfind('\n').map_or(0, |end| end + 1)
}
