//! [`sniff`]: which protocol a connection speaks, by its first bytes.

use super::binary::{Kind, MAGIC};
use super::frame::LENGTH_BYTES;

/// A protocol that a connection may begin with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FirstBytes {
    /// Text messages, as lines or framed. Also bytes of an unknown protocol, which a text session
    /// refuses with an answer.
    Text,
    /// Frames of a binary session, which begins with a HELLO.
    Binary,
}

/// Returns which protocol a connection speaks, by its first bytes. `None` if more bytes are needed.
/// `ended` says that no more bytes will come. A frame of more than `frame_limit` bytes is not a
/// HELLO.
///
/// ```text
/// length (4 bytes, the first below 0x09) HELLO "RPCB" -> binary
/// anything else                                       -> text
/// ```
pub fn sniff(input: &[u8], ended: bool, frame_limit: usize) -> Option<FirstBytes> {
    let mut hello = [0; 1 + MAGIC.len()];
    hello[0] = Kind::Hello as u8;
    hello[1..].copy_from_slice(&MAGIC);
    // The first byte of white space, of a byte order mark, of text and of TLS is above that of any
    // length.
    if input.first().is_some_and(|first| *first >= 0x09) {
        return Some(FirstBytes::Text);
    }
    let Some((length, payload)) = input.split_first_chunk::<LENGTH_BYTES>() else {
        return ended.then_some(FirstBytes::Text);
    };
    let length = u32::from_be_bytes(*length) as usize;
    let is_alike = payload.iter().zip(&hello).all(|(is, wanted)| is == wanted);
    if length < hello.len() || length > frame_limit || !is_alike {
        return Some(FirstBytes::Text);
    }
    if payload.len() >= hello.len() {
        Some(FirstBytes::Binary)
    } else {
        ended.then_some(FirstBytes::Text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_protocol_is_known_after_as_few_bytes_as_possible() {
        for (input, expected) in [
            (&b""[..], None),
            (b"{", Some(FirstBytes::Text)),
            (b"GET / HTTP/1.1\r\n", Some(FirstBytes::Text)),
            (b"\xef\xbb\xbf{", Some(FirstBytes::Text)),
            (b"\n", Some(FirstBytes::Text)),
            (b"\x16\x03", Some(FirstBytes::Text)),
            (b"\x00\x00\x00", None),
            (b"\x00\x00\x00\x40", None),
            (b"\x00\x00\x00\x04", Some(FirstBytes::Text)),
            (b"\x00\x00\x00\x65", Some(FirstBytes::Text)),
            (b"\x00\x00\x00\x40{", Some(FirstBytes::Text)),
            (b"\x00\x00\x00\x19\x00RPC", None),
            (b"\x00\x00\x00\x19\x00RPCB", Some(FirstBytes::Binary)),
            (b"\x00\x00\x00\x19\x00RPCX", Some(FirstBytes::Text)),
            (
                b"\x00\x00\x00\x19\x00RPCB\x01\x00",
                Some(FirstBytes::Binary),
            ),
        ] {
            assert_eq!(
                sniff(input, false, 100),
                expected,
                "{}",
                input.escape_ascii()
            );
            assert_eq!(
                sniff(input, true, 100),
                expected.or(Some(FirstBytes::Text)),
                "{}",
                input.escape_ascii()
            );
        }
    }
}
