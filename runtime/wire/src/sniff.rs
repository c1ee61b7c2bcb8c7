//! [`sniff`]: which protocol a connection speaks, by its first bytes.

use super::binary::{Kind, MAGIC};

/// A protocol that a connection may begin with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FirstBytes {
    /// Text messages, as lines or framed. Also whatever is none of this protocol: a text session
    /// answers it.
    Text,
    /// Frames of a binary session, which begins with a HELLO.
    Binary,
}

/// The length of a frame, in front of its payload.
const LENGTH_BYTES: usize = 4;

/// Tells by the first bytes which protocol a connection speaks. `None` if more bytes must come to
/// tell; `ended` says that none will. A frame of more than `frame_limit` bytes is no HELLO.
///
/// ```text
/// length (4 bytes, the first below 0x09) HELLO "RPCB" -> binary
/// anything else                                       -> text
/// ```
pub fn sniff(input: &[u8], ended: bool, frame_limit: usize) -> Option<FirstBytes> {
    let mut hello = [0; 1 + MAGIC.len()];
    hello[0] = Kind::Hello as u8;
    hello[1..].copy_from_slice(&MAGIC);
    // White space, a byte order mark, text and TLS begin above the first byte of any length.
    if input.first().is_some_and(|first| *first >= 0x09) {
        return Some(FirstBytes::Text);
    }
    let Some((length, payload)) = input.split_first_chunk::<LENGTH_BYTES>() else {
        return ended.then_some(FirstBytes::Text);
    };
    let length = u32::from_be_bytes(*length) as usize;
    let compared = payload.len().min(hello.len());
    if length < hello.len() || length > frame_limit || payload[..compared] != hello[..compared] {
        return Some(FirstBytes::Text);
    }
    if compared == hello.len() {
        Some(FirstBytes::Binary)
    } else {
        ended.then_some(FirstBytes::Text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_bytes_tell_the_protocol_as_soon_as_they_can() {
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
