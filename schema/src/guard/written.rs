//! [`WrittenScalar`]: where a scalar begins and ends in the text, and whether the text contains its
//! value byte by byte.

use std::ops::Range;

use saphyr_parser::ScalarStyle;

pub(super) struct WrittenScalar {
    /// The span of the scalar; empty if the value is missing.
    pub(super) span: Range<usize>,
    /// The byte offset at which the value begins, if the text contains the value byte by byte. It
    /// does not if the scalar has escapes, for example.
    pub(super) verbatim_start: Option<usize>,
}

impl WrittenScalar {
    /// Finds the exact span of a scalar. The parser's span is too long: it includes an anchor
    /// before the scalar, and the spaces and the comment after a quoted scalar.
    pub(super) fn new(text: &str, span: Range<usize>, value: &str, style: ScalarStyle) -> Self {
        match style {
            ScalarStyle::Plain if value.is_empty() => Self {
                span: span.start..span.start,
                verbatim_start: None,
            },
            ScalarStyle::Plain => {
                let start = span.end.saturating_sub(value.len()).max(span.start);
                Self {
                    verbatim_start: verbatim_start(text, start, value),
                    span,
                }
            }
            ScalarStyle::SingleQuoted => Self::quoted(text, span, value, b'\''),
            ScalarStyle::DoubleQuoted => Self::quoted(text, span, value, b'"'),
            ScalarStyle::Literal | ScalarStyle::Folded => Self {
                span,
                verbatim_start: None,
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
                verbatim_start: None,
            };
        };
        let content = anchor + open + 1;
        let Some(length) = closing_quote(&bytes[content..], quote) else {
            return Self {
                span,
                verbatim_start: None,
            };
        };
        let verbatim_start =
            verbatim_start(text, span.start + content, value).filter(|_| length == value.len());
        Self {
            span: span.start..span.start + content + length + 1,
            verbatim_start,
        }
    }
}

/// Returns `start` if the text contains the value there.
fn verbatim_start(text: &str, start: usize, value: &str) -> Option<usize> {
    (text.get(start..start + value.len()) == Some(value)).then_some(start)
}

/// Returns the number of bytes before the closing quote of a quoted scalar.
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
