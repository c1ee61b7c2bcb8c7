//! Framing: where a message ends. The first bytes of a connection decide its framing.
//!
//! ```text
//! first byte after a BOM and white space
//!   a visible ASCII character -> lines:  message LF | message CR LF | message end-of-file
//!   0x16 0x03                 -> a TLS hello on a plain port
//!   anything else             -> framed: u32 big-endian length, then as many bytes
//! ```
//!
//! A line that looks like HTTP ends the connection: see [`is_http`].

/// Maximum value of a frame limit, in bytes. Below it, no valid length begins like text or like
/// TLS.
pub const MAX_FRAME_LIMIT: usize = 128 << 20;

const BOM: &[u8] = b"\xef\xbb\xbf";
/// Number of bytes of the length in front of a frame.
pub const LENGTH_BYTES: usize = 4;

/// How the messages of a connection are separated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Framing {
    /// Each line is a message.
    Lines,
    /// Each message follows its length, 4 bytes in big-endian order.
    Framed,
}

impl Framing {
    /// Appends `message` in this framing. `message` contains no line feed and is shorter than
    /// [`MAX_FRAME_LIMIT`].
    pub fn write(self, message: &[u8], out: &mut Vec<u8>) {
        if self == Self::Framed {
            out.extend_from_slice(
                &u32::try_from(message.len())
                    .unwrap_or(u32::MAX)
                    .to_be_bytes(),
            );
        }
        out.extend_from_slice(message);
        if self == Self::Lines {
            out.push(b'\n');
        }
    }
}

/// Bytes that can never become a message. The connection cannot continue.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum FrameError {
    /// A frame or line is longer than the limit.
    #[error("a message of {length} bytes is over the limit of {limit} bytes")]
    TooLong {
        /// The declared length of a frame, or the received length of a line.
        length: usize,
        /// The limit.
        limit: usize,
    },
    /// The bytes are an alert of TLS, not the length of a frame.
    #[error("it speaks TLS; connect with a certificate (--tls, RPC_TLS)")]
    TlsAlert,
    /// A frame has no bytes.
    #[error("a frame of length 0 holds no message")]
    Empty,
    /// The connection ended inside a frame.
    #[error("the connection ended after {got} of a frame's {length} bytes")]
    CutShort {
        /// Number of bytes of the frame that arrived.
        got: usize,
        /// Number of bytes that the frame should have.
        length: usize,
    },
    /// A TLS hello on a port for plain text.
    #[error("this port speaks plain TCP, not TLS")]
    Tls,
    /// A line of an HTTP request.
    #[error(
        "this port speaks JSON lines, not HTTP: send {{\"header\": \"RPC-REQ\", \"value\": ...}} and a line feed"
    )]
    Http,
}

/// What the bytes received so far contain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// No complete message. At least this many more bytes are needed.
    Need(usize),
    /// `input[start..end]` is a message; the next message begins at `consumed`.
    Message {
        /// Where the message begins.
        start: usize,
        /// Where the message ends.
        end: usize,
        /// Number of bytes of the input that are no longer needed; `start <= end <= consumed`.
        consumed: usize,
    },
    /// This many bytes at the front belong to no message: a BOM, white space, blank lines.
    Skip(usize),
    /// The peer sends nothing more, and all its bytes were processed.
    End,
}

/// Finds the messages in the bytes of a connection.
///
/// The caller keeps the bytes. It appends what arrives to its buffer, calls [`step`](Self::step),
/// and removes the consumed bytes from the front of the buffer.
#[derive(Debug, Clone)]
pub struct Deframer {
    framing: Option<Framing>,
    /// Whether the first bytes were checked for a BOM.
    is_bom_checked: bool,
    limit: usize,
    /// Number of bytes at the front of the input that are known to contain no line feed;
    /// `scanned <= input.len()`.
    scanned: usize,
}

impl Deframer {
    /// Returns a deframer whose framing the first bytes decide. `limit` is in bytes, at most
    /// [`MAX_FRAME_LIMIT`].
    pub fn detecting(limit: usize) -> Self {
        Self {
            framing: None,
            is_bom_checked: false,
            limit: limit.min(MAX_FRAME_LIMIT),
            scanned: 0,
        }
    }

    /// Returns a deframer whose framing is known.
    pub fn new(framing: Framing, limit: usize) -> Self {
        Self {
            framing: Some(framing),
            ..Self::detecting(limit)
        }
    }

    /// Returns the maximum number of bytes of a message.
    pub fn limit(&self) -> usize {
        self.limit
    }

    /// Sets the maximum number of bytes of a message, at most [`MAX_FRAME_LIMIT`].
    pub fn set_limit(&mut self, limit: usize) {
        self.limit = limit.min(MAX_FRAME_LIMIT);
    }

    /// Returns the framing. `None` until the first bytes have decided it.
    pub fn framing(&self) -> Option<Framing> {
        self.framing
    }

    /// Looks for the next message in `input`, the bytes that were not consumed so far. `ended` says
    /// that no more bytes will come.
    ///
    /// # Errors
    /// A [`FrameError`], after which this connection has no more messages.
    pub fn step(&mut self, input: &[u8], ended: bool) -> Result<Step, FrameError> {
        match self.framing {
            Some(Framing::Lines) => self.step_line(input, ended),
            Some(Framing::Framed) => self.step_frame(input, ended),
            None => self.detect(input, ended),
        }
    }

    fn detect(&mut self, input: &[u8], ended: bool) -> Result<Step, FrameError> {
        if !self.is_bom_checked {
            if input.len() < BOM.len() && BOM.starts_with(input) && !ended {
                return Ok(Step::Need(1));
            }
            self.is_bom_checked = true;
            if input.starts_with(BOM) {
                return Ok(Step::Skip(BOM.len()));
            }
        }
        match input {
            [] if ended => return Ok(Step::End),
            [] => return Ok(Step::Need(1)),
            [first, ..] if first.is_ascii_whitespace() => {
                let space = leading_space(input);
                return Ok(Step::Skip(space));
            }
            [first, ..] if first.is_ascii_graphic() => self.framing = Some(Framing::Lines),
            [0x16] if !ended => return Ok(Step::Need(1)),
            [0x16, 0x03, ..] => return Err(FrameError::Tls),
            _ => self.framing = Some(Framing::Framed),
        }
        self.step(input, ended)
    }

    fn step_line(&mut self, input: &[u8], ended: bool) -> Result<Step, FrameError> {
        let fresh = input.get(self.scanned..).unwrap_or_default();
        let (end, consumed) = match memchr::memchr(b'\n', fresh) {
            Some(found) => {
                let end = self.scanned.saturating_add(found);
                (end, end.saturating_add(1))
            }
            None if ended && input.is_empty() => return Ok(Step::End),
            None if ended => (input.len(), input.len()),
            None => (input.len(), 0),
        };
        if end > self.limit {
            return Err(FrameError::TooLong {
                length: end,
                limit: self.limit,
            });
        }
        if consumed == 0 {
            self.scanned = input.len();
            return Ok(Step::Need(1));
        }
        self.scanned = 0;
        let line = input.get(..end).unwrap_or_default();
        let text = line.trim_ascii();
        if is_http(text) {
            return Err(FrameError::Http);
        }
        let start = leading_space(line);
        Ok(if text.is_empty() {
            Step::Skip(consumed)
        } else {
            Step::Message {
                start,
                end: start.saturating_add(text.len()),
                consumed,
            }
        })
    }

    fn step_frame(&self, input: &[u8], ended: bool) -> Result<Step, FrameError> {
        let Some((prefix, rest)) = input.split_first_chunk::<LENGTH_BYTES>() else {
            return match (ended, input.len()) {
                (true, 0) => Ok(Step::End),
                (true, got) => Err(FrameError::CutShort {
                    got,
                    length: LENGTH_BYTES,
                }),
                (false, got) => Ok(Step::Need(LENGTH_BYTES.saturating_sub(got))),
            };
        };
        let length = u32::from_be_bytes(*prefix) as usize;
        if length == 0 {
            return Err(FrameError::Empty);
        }
        if is_tls_alert(length) {
            return Err(FrameError::TlsAlert);
        }
        if length > self.limit {
            return Err(FrameError::TooLong {
                length,
                limit: self.limit,
            });
        }
        if rest.len() < length {
            return if ended {
                Err(FrameError::CutShort {
                    got: rest.len(),
                    length,
                })
            } else {
                Ok(Step::Need(length.saturating_sub(rest.len())))
            };
        }
        let end = length.saturating_add(LENGTH_BYTES);
        Ok(Step::Message {
            start: LENGTH_BYTES,
            end,
            consumed: end,
        })
    }
}

/// Returns the number of bytes of white space at the front.
fn leading_space(bytes: &[u8]) -> usize {
    bytes.len().saturating_sub(bytes.trim_ascii_start().len())
}

/// Returns whether a line belongs to an HTTP request, in upper or lower case: a request line such
/// as `GET / HTTP/1.1` or `patch /x`, or a header such as `Host: x`. No JSON object begins like
/// these.
///
/// The syntax is that of RFC 9112, sections 3 and 5. The version may be absent, as in HTTP/0.9.
pub fn is_http(line: &[u8]) -> bool {
    let is_token = |byte: &u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(byte);
    let token = line.iter().take_while(|byte| is_token(byte)).count();
    let rest = line.get(token..).unwrap_or_default();
    match rest {
        _ if token == 0 => false,
        [b':', ..] => true,
        [b' ' | b'\t', ..] => {
            let mut words = rest
                .split(u8::is_ascii_whitespace)
                .filter(|word| !word.is_empty());
            let target = words.next().unwrap_or_default();
            let is_target = target.starts_with(b"/")
                || target == b"*"
                || target.windows(3).any(|part| part == b"://");
            let is_version = |word: &[u8]| {
                let name = word.first_chunk::<5>();
                name.is_some_and(|name| name.eq_ignore_ascii_case(b"HTTP/"))
            };
            is_target || is_version(target) || words.any(is_version)
        }
        _ => false,
    }
}

/// Returns whether the length of a frame is the beginning of an alert of TLS: its type and the first
/// byte of its version. It is over [`MAX_FRAME_LIMIT`], so it is the length of no frame.
pub(crate) fn is_tls_alert(length: usize) -> bool {
    length >> 16 == 0x1503
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Feeds `bytes` in pieces of `size` bytes. Returns the messages, and how the connection ended.
    fn messages(bytes: &[u8], size: usize, limit: usize) -> (Vec<Vec<u8>>, Result<(), FrameError>) {
        let mut deframer = Deframer::detecting(limit);
        let mut buffer = Vec::new();
        let mut pieces = bytes.chunks(size);
        let mut found = Vec::new();
        let mut ended = false;
        loop {
            match deframer.step(&buffer, ended) {
                Ok(Step::Message {
                    start,
                    end,
                    consumed,
                }) => {
                    found.push(buffer[start..end].to_vec());
                    buffer.drain(..consumed);
                }
                Ok(Step::Skip(count)) => drop(buffer.drain(..count)),
                Ok(Step::Need(_)) => match pieces.next() {
                    Some(piece) => buffer.extend_from_slice(piece),
                    None => ended = true,
                },
                Ok(Step::End) => return (found, Ok(())),
                Err(error) => return (found, Err(error)),
            }
        }
    }

    /// Checks the messages of `bytes` and how the connection ends, for all sizes of pieces.
    fn check(bytes: &[u8], expected: &[&[u8]], ending: &Result<(), FrameError>) {
        for size in 1..=bytes.len().max(1) {
            let (found, end) = messages(bytes, size, 16);
            assert_eq!(found, expected, "{bytes:?} in pieces of {size}");
            if ending.is_ok() || size == bytes.len() {
                assert_eq!(&end, ending, "{bytes:?} in pieces of {size}");
            } else {
                assert!(end.is_err(), "{bytes:?} in pieces of {size}");
            }
        }
    }

    #[test]
    fn the_first_bytes_decide_the_framing_and_any_split_gives_the_same_messages() {
        check(b"", &[], &Ok(()));
        check(b"{}\n{1}\n", &[b"{}", b"{1}"], &Ok(()));
        check(b"{}\r\n\r\n\n  \n{1}", &[b"{}", b"{1}"], &Ok(()));
        check(b"\xef\xbb\xbf \n\t{}\n", &[b"{}"], &Ok(()));
        check(b"hello\n", &[b"hello"], &Ok(()));
        check(b" \n \n", &[], &Ok(()));
        check(b"\0\0\0\x02{}\0\0\0\x01x", &[b"{}", b"x"], &Ok(()));
        check(b"\0\0\0\0", &[], &Err(FrameError::Empty));
        check(
            b"\0\0\0\x05{}",
            &[],
            &Err(FrameError::CutShort { got: 2, length: 5 }),
        );
        check(
            b"\0\0",
            &[],
            &Err(FrameError::CutShort { got: 2, length: 4 }),
        );
        check(b"\x16\x03\x01", &[], &Err(FrameError::Tls));
        check(b"{}\nGET / HTTP/1.1\r\n", &[b"{}"], &Err(FrameError::Http));
        check(b"[1]\n\"x\"\n7\n", &[b"[1]", b"\"x\"", b"7"], &Ok(()));
    }

    #[test]
    fn http_is_recognized_by_any_method_and_in_any_case() {
        for line in [
            "GET / HTTP/1.1",
            "get / http/1.0",
            "Post /x HTTP/1.1",
            "m-search * HTTP/1.1",
            "patch /",
            "GET /",
            "foo http://127.0.0.1/ HTTP/1.1",
            "CONNECT 127.0.0.1:80 HTTP/1.1",
            "OPTIONS  *",
            "x HTTP/1.1",
            "Host: 127.0.0.1",
            "hOST:x",
            "sec-fetch-mode: no-cors",
            "x: {\"header\": \"RPC-REQ\"}",
        ] {
            assert!(is_http(line.as_bytes()), "{line}");
        }
        for line in [
            "{\"a\": \"GET / HTTP/1.1\"}",
            "hello",
            "hello world",
            "",
            "7",
            "[\"Host:\"]",
            "/ GET",
            "\"a\": 1",
        ] {
            assert!(!is_http(line.as_bytes()), "{line}");
        }
    }

    #[test]
    fn a_message_may_be_as_long_as_the_limit() {
        check(b"{23456789abcdef}\n", &[b"{23456789abcdef}"], &Ok(()));
        check(
            b"{23456789abcdefg}\n",
            &[],
            &Err(FrameError::TooLong {
                length: 17,
                limit: 16,
            }),
        );
        check(
            b"\0\0\0\x10{23456789abcdef}",
            &[b"{23456789abcdef}"],
            &Ok(()),
        );
        for length in [17_u32, 0x7fff_ffff, 0x8000_0000, 0xffff_ffff] {
            let expected = FrameError::TooLong {
                length: length as usize,
                limit: 16,
            };
            check(&length.to_be_bytes(), &[], &Err(expected));
        }
    }

    #[test]
    fn written_messages_are_found_again() {
        for framing in [Framing::Lines, Framing::Framed] {
            let mut out = Vec::new();
            framing.write(b"{1}", &mut out);
            framing.write(b"{2}", &mut out);
            assert_eq!(
                messages(&out, 3, 16),
                (vec![b"{1}".to_vec(), b"{2}".to_vec()], Ok(()))
            );
        }
    }

    #[test]
    fn no_limit_of_a_message_is_above_the_maximum() {
        let mut deframer = Deframer::new(Framing::Framed, usize::MAX);
        assert_eq!(deframer.limit(), MAX_FRAME_LIMIT);
        deframer.set_limit(MAX_FRAME_LIMIT + 1);
        assert_eq!(deframer.limit(), MAX_FRAME_LIMIT);
        let step = |length: usize| {
            Deframer::new(Framing::Framed, usize::MAX).step(&(length as u32).to_be_bytes(), false)
        };
        assert_eq!(step(MAX_FRAME_LIMIT), Ok(Step::Need(MAX_FRAME_LIMIT)));
        let too_long = FrameError::TooLong {
            length: MAX_FRAME_LIMIT + 1,
            limit: MAX_FRAME_LIMIT,
        };
        assert_eq!(step(MAX_FRAME_LIMIT + 1), Err(too_long));
    }
}
