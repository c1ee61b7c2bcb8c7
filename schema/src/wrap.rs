//! [`wrapped`]: breaks long lines for a narrow terminal.

use std::iter::Peekable;
use std::str::Chars;

/// Breaks a line at its spaces into lines of at most `width` characters. Each further line begins
/// with `indent` spaces, or fewer on a very narrow terminal. A word that is longer than a line stays
/// whole. Escape sequences of colours have no width.
///
/// ```
/// let line = "~ server1 at 127.0.0.1:7101: generation 1 -> 2";
/// assert_eq!(rpc_schema::wrapped(line, 30, 2), "~ server1 at 127.0.0.1:7101:\n  generation 1 -> 2");
/// ```
pub fn wrapped(line: &str, width: usize, indent: usize) -> String {
    let indent = indent.min(width / 2);
    let mut text = String::with_capacity(line.len());
    let mut column = 0;
    let mut has_word = false;
    for token in line.split_inclusive(' ') {
        let word = token.trim_end_matches(' ');
        let length = visible_width(word);
        if has_word && length > 0 && column + length > width {
            let kept = text.trim_end_matches(' ').len();
            text.truncate(kept);
            text.push('\n');
            text.extend(std::iter::repeat_n(' ', indent));
            column = indent;
        }
        has_word |= length > 0;
        text.push_str(token);
        column += length + token.len() - word.len();
    }
    text
}

/// Breaks the long lines of a rendered report that people read as sentences: the messages and the
/// hints. Lines of a file stay as they are.
pub fn wrapped_report(report: &str, width: usize) -> String {
    let lines = report.lines().map(|line| match sentence_indent(line) {
        Some(indent) => wrapped(line, width, indent),
        None => line.to_owned(),
    });
    lines.collect::<Vec<_>>().join("\n")
}

/// Returns how far the further lines of a sentence are indented. `None` for other lines.
fn sentence_indent(line: &str) -> Option<usize> {
    let plain = without_escapes(line);
    if plain.starts_with("error") {
        return Some(2);
    }
    let marks = ["= help: ", "= note: "];
    let begins = |mark: &&str| plain.trim_start().starts_with(*mark);
    let mark = marks.into_iter().find(begins)?;
    Some(plain.len() - plain.trim_start().len() + mark.len())
}

fn visible_width(word: &str) -> usize {
    without_escapes(word).chars().count()
}

/// Returns a text without the escape sequences of colours: ESC, `[`, parameters and a letter.
fn without_escapes(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut letters = text.chars().peekable();
    while let Some(letter) = letters.next() {
        if letter == '\u{1b}' {
            skip_sequence(&mut letters);
        } else {
            plain.push(letter);
        }
    }
    plain
}

fn skip_sequence(letters: &mut Peekable<Chars<'_>>) {
    if letters.next_if_eq(&'[').is_some() {
        letters.find(char::is_ascii_alphabetic);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_broken_at_its_last_space_that_fits() {
        for (line, width, indent, expected) in [
            ("", 10, 2, ""),
            ("short", 10, 2, "short"),
            ("one two three", 8, 2, "one two\n  three"),
            ("    one two", 8, 6, "    one\n    two"),
            ("a  b  c", 4, 0, "a  b\nc"),
            (
                "a-word-that-is-too-long b",
                6,
                1,
                "a-word-that-is-too-long\n b",
            ),
            (
                "\u{1b}[33m~ one two\u{1b}[0m",
                5,
                2,
                "\u{1b}[33m~ one\n  two\u{1b}[0m",
            ),
        ] {
            assert_eq!(wrapped(line, width, indent), expected, "{line:?}");
        }
    }

    #[test]
    fn only_the_sentences_of_a_report_are_broken() {
        let report = "error[E050]: unknown provider `hme`\n --> init.yaml:9:15\n9 |     provider: hme # a long line\n  = help: did you mean `home`?";
        assert_eq!(
            wrapped_report(report, 24),
            "error[E050]: unknown\n  provider `hme`\n --> init.yaml:9:15\n9 |     provider: hme # a long line\n  = help: did you mean\n          `home`?"
        );
    }
}
