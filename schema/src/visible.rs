//! [`visible`]: makes text from an untrusted source safe to show to a person.

use std::borrow::Cow;
use std::fmt::Write as _;

/// Escapes every character that changes how a terminal or an editor shows the text around it:
/// control characters (C0, DEL, C1), line and paragraph separators, bidirectional controls (Unicode
/// UAX #9), invisible marks and tags.
///
/// Every text of a peer, a procedure or a file passes through this function before a person sees
/// it. The escapes are those of JSON (RFC 8259, section 7), so JSON text keeps its meaning.
///
/// ```
/// assert_eq!(rpc_schema::visible("plain: ä 漢 🦀"), "plain: ä 漢 🦀");
/// assert_eq!(rpc_schema::visible("\u{1b}[2J\nfake: \u{202e}x\u{9b}"), r"\u001b[2J\nfake: \u202ex\u009b");
/// ```
pub fn visible(text: &str) -> Cow<'_, str> {
    let Some(first) = text.find(is_hidden) else {
        return Cow::Borrowed(text);
    };
    let mut shown = String::with_capacity(text.len() + 16);
    shown.push_str(&text[..first]);
    for letter in text[first..].chars() {
        match letter {
            '\n' => shown.push_str("\\n"),
            '\r' => shown.push_str("\\r"),
            '\t' => shown.push_str("\\t"),
            letter if is_hidden(letter) => {
                for unit in letter.encode_utf16(&mut [0; 2]) {
                    // Writing to a string cannot fail.
                    let _ = write!(shown, "\\u{unit:04x}");
                }
            }
            letter => shown.push(letter),
        }
    }
    Cow::Owned(shown)
}

/// Returns whether a character is invisible, or changes how the text around it is shown.
fn is_hidden(letter: char) -> bool {
    letter.is_control()
        || matches!(
            letter,
            '\u{ad}'
                | '\u{34f}'
                | '\u{61c}'
                | '\u{115f}'..='\u{1160}'
                | '\u{180e}'
                | '\u{200b}'
                | '\u{200e}'..='\u{200f}'
                | '\u{2028}'..='\u{202e}'
                | '\u{2060}'..='\u{206f}'
                | '\u{3164}'
                | '\u{feff}'
                | '\u{ffa0}'
                | '\u{fff9}'..='\u{fffb}'
                | '\u{e0000}'..='\u{e007f}'
        )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hidden_characters_are_escaped_and_all_others_are_kept() {
        for (text, shown) in [
            ("", ""),
            ("a \"quote\" and a \\", "a \"quote\" and a \\"),
            ("e\u{301} 👩\u{200d}🚀", "e\u{301} 👩\u{200d}🚀"),
            ("\u{1b}]0;title\u{7}", r"\u001b]0;title\u0007"),
            ("\u{9b}31m\u{7f}", r"\u009b31m\u007f"),
            ("a\r\n\tb\0", r"a\r\n\tb\u0000"),
            ("\u{2028}\u{2029}\u{85}", r"\u2028\u2029\u0085"),
            (
                "\u{202a}\u{202e}\u{2066}\u{2069}\u{200f}\u{61c}",
                r"\u202a\u202e\u2066\u2069\u200f\u061c",
            ),
            ("\u{feff}\u{ad}\u{e0041}", r"\ufeff\u00ad\udb40\udc41"),
            ("\u{3164}\u{115f}\u{34f}", r"\u3164\u115f\u034f"),
        ] {
            assert_eq!(visible(text), shown, "{text:?}");
        }
    }

    #[test]
    fn an_escaped_text_is_not_escaped_again() {
        let once = visible("\u{1b}[2J\n").into_owned();
        assert!(matches!(visible(&once), Cow::Borrowed(_)));
    }
}
