//! What is said about a text that is not YAML. The parser's words are about its own state; what
//! helps is seen in the text around the place: a tab, a missing space, a quote or a bracket that is
//! left open.

use std::ops::Range;

use super::written::closing_quote;
use crate::diagnostic::{Code, Finding};

/// A longer line is not repeated in a hint.
const MAX_QUOTED_BYTES: usize = 80;

/// A finding about the byte at which a parser gave up, in its words; `bracket` is the innermost
/// that is open there.
pub(super) fn finding(
    text: &str,
    at: usize,
    words: &str,
    bracket: Option<Range<usize>>,
) -> Finding {
    let message = format!("this is not YAML: {words}");
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
            let finding = finding.related(bracket, "this bracket is still open");
            finding.hint("close it, or put a `,` between its items")
        }
        (None, None) => finding.maybe_hint(hint_about_lines(text, at)),
    }
}

/// In the line of a place, or in the next one, which a text on that line seems to go on with.
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

/// What the characters there tell.
fn hint_at(text: &str, at: usize) -> Option<String> {
    if let Some(hint) = hint_behind_quote(text, at) {
        return Some(hint);
    }
    let rest = &text[at..];
    let hint = match rest.chars().next()? {
        '[' => {
            "inside `{...}` and `[...]` a type with brackets is quoted: `\"List[int]\"`".to_owned()
        }
        quote @ ('"' | '\'') => return hint_for_quote(rest, quote),
        '*' if !word(&rest[1..]).is_empty() => {
            let name = word(&rest[1..]);
            format!(
                "`*{name}` repeats what is marked `&{name}` above it; a text that begins with `*` is quoted"
            )
        }
        '`' => "a text that begins with a backtick is quoted".to_owned(),
        first @ ('*' | '&' | '!' | '@' | '%' | '|' | '>') => {
            format!("a text that begins with `{first}` is quoted")
        }
        first if first.is_control() && !first.is_whitespace() => "remove the character".to_owned(),
        _ => return None,
    };
    Some(hint)
}

/// Something stands where a quoted text has ended.
fn hint_behind_quote(text: &str, at: usize) -> Option<String> {
    if text[at..].starts_with([',', ']', '}', '\r', '\n']) {
        return None;
    }
    let hint = match text[line_start(text, at)..at]
        .trim_end()
        .chars()
        .next_back()?
    {
        '\'' => {
            "the text ends at the quote before; inside `'...'` a quote is written twice: `'it''s'`"
        }
        '"' => "the text ends at the quote before; inside `\"...\"` a quote is written `\\\"`",
        _ => return None,
    };
    Some(hint.to_owned())
}

fn hint_for_quote(rest: &str, quote: char) -> Option<String> {
    let line = rest.lines().next().unwrap_or_default();
    let is_closed = closing_quote(&line.as_bytes()[1..], quote as u8).is_some();
    (!is_closed).then(|| format!("close it with `{quote}`"))
}

/// What the line there and the one before it tell together.
fn hint_about_lines(text: &str, at: usize) -> Option<String> {
    let start = line_start(text, at);
    let head = &text[start..at];
    if text[at..].starts_with(':') && head.contains(": ") {
        return Some("a text that has `: ` in it is quoted".to_owned());
    }
    let mut lines = text[..start].lines().rev();
    let before =
        lines.find(|line| !line.trim().is_empty() && !line.trim_start().starts_with('#'))?;
    let is_beside = head.is_empty() && !before.starts_with(' ');
    if head.trim().is_empty() && !is_beside {
        return Some("begin it in the same column as its siblings".to_owned());
    }
    (before.len() <= MAX_QUOTED_BYTES).then(|| hint_about_line(before.trim()))
}

/// About a place in the line behind this one.
fn hint_about_line(line: &str) -> String {
    match line.split_once(':') {
        _ if glued_dash(line) => {
            format!(
                "a space belongs behind the `-` of the line before: `- {}`",
                &line[1..]
            )
        }
        None => "the line before has no `:`, so this one seems to go on with it".to_owned(),
        Some((key, value)) if !value.is_empty() && !value.starts_with([' ', '/']) => {
            format!("a space belongs behind the `:` of the line before: `{key}: {value}`")
        }
        Some(_) => {
            "begin it in the same column as its siblings, or quote the text that goes on here"
                .to_owned()
        }
    }
}

fn glued_dash(line: &str) -> bool {
    line.strip_prefix('-')
        .is_some_and(|rest| rest.starts_with(|next: char| next.is_ascii_alphabetic()))
}

fn word(text: &str) -> &str {
    let end = text.find(|c: char| !(c.is_ascii_alphanumeric() || c == '_' || c == '-'));
    &text[..end.unwrap_or(text.len()).min(40)]
}

fn line_start(text: &str, at: usize) -> usize {
    text[..at].rfind('\n').map_or(0, |end| end + 1)
}
