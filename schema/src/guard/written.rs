//! How a scalar is written: where it begins and ends, and whether its value stands there letter by
//! letter.

use std::ops::Range;

use saphyr_parser::ScalarStyle;

pub(super) struct Written {
    /// Its bytes; empty where a value is missing.
    pub(super) span: Range<usize>,
    /// Where its value begins, when every byte of the value is a byte of the text.
    pub(super) verbatim: Option<usize>,
}

impl Written {
    /// The parser's span begins with an anchor, and runs on over the blanks and the comment behind
    /// a quoted scalar.
    pub(super) fn new(text: &str, span: Range<usize>, value: &str, style: ScalarStyle) -> Self {
        match style {
            ScalarStyle::Plain if value.is_empty() => Self {
                span: span.start..span.start,
                verbatim: None,
            },
            ScalarStyle::Plain => {
                let start = span.end.saturating_sub(value.len()).max(span.start);
                Self {
                    verbatim: verbatim(text, start, value),
                    span,
                }
            }
            ScalarStyle::SingleQuoted => Self::quoted(text, span, value, b'\''),
            ScalarStyle::DoubleQuoted => Self::quoted(text, span, value, b'"'),
            ScalarStyle::Literal | ScalarStyle::Folded => Self {
                span,
                verbatim: None,
            },
        }
    }

    fn quoted(text: &str, span: Range<usize>, value: &str, quote: u8) -> Self {
        let bytes = &text.as_bytes()[span.clone()];
        let anchor = match bytes.first() {
            Some(b'&') => bytes.iter().position(u8::is_ascii_whitespace).unwrap_or(0),
            _ => 0,
        };
        let Some(open) = bytes[anchor..].iter().position(|byte| *byte == quote) else {
            return Self {
                span,
                verbatim: None,
            };
        };
        let content = anchor + open + 1;
        let Some(length) = closing_quote(&bytes[content..], quote) else {
            return Self {
                span,
                verbatim: None,
            };
        };
        let verbatim =
            verbatim(text, span.start + content, value).filter(|_| length == value.len());
        Self {
            span: span.start..span.start + content + length + 1,
            verbatim,
        }
    }
}

fn verbatim(text: &str, start: usize, value: &str) -> Option<usize> {
    (text.get(start..start + value.len()) == Some(value)).then_some(start)
}

/// How many bytes of a quoted scalar stand before its closing quote.
pub(super) fn closing_quote(bytes: &[u8], quote: u8) -> Option<usize> {
    let mut at = 0;
    while at < bytes.len() {
        let is_escape = match quote {
            b'"' => bytes[at] == b'\\',
            _ => bytes[at] == quote && bytes.get(at + 1) == Some(&quote),
        };
        if is_escape {
            at += 2;
        } else if bytes[at] == quote {
            return Some(at);
        } else {
            at += 1;
        }
    }
    None
}
