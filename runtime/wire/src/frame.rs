//! Framing: where a message ends. A connection's first bytes decide it once.
//!
//! ```text
//! first byte after a BOM and white space
//!   a visible ASCII character -> lines:  message LF | message CR LF | message end-of-file
//!   0x16 0x03                 -> a TLS hello on a plain port
//!   anything else             -> framed: u32 big-endian length, then as many bytes
//! ```
//!
//! A line that looks like HTTP ends the connection: see [`is_http`].

/// No frame limit may be set higher, so that no valid length begins like text or like TLS.
pub const MAX_FRAME_LIMIT: usize = 128 << 20;

const BOM: &[u8] = b"\xef\xbb\xbf";
const LENGTH_BYTES: usize = 4;

/// How the messages of a connection are told apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Framing {
    /// Each line is a message.
    Lines,
    /// A 4-byte big-endian length stands before each message.
    Framed,
}

impl Framing {
    /// Appends `message` as it travels in this framing. `message` holds no line feed and is below
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

/// Bytes that can never become a message. The connection cannot go on.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum FrameError {
    /// A frame or line longer than the limit.
    #[error("a message of {length} bytes is over the limit of {limit} bytes")]
    TooLong {
        /// The declared length, or what came of a line so far.
        length: usize,
        /// The limit.
        limit: usize,
    },
    /// A frame of no bytes.
    #[error("a frame of length 0 holds no message")]
    Empty,
    /// The connection ended inside a frame.
    #[error("the connection ended after {got} of a frame's {length} bytes")]
    CutShort {
        /// How many bytes of the frame came.
        got: usize,
        /// How many it should have.
        length: usize,
    },
    /// A TLS hello where plain text is spoken.
    #[error("this port speaks plain TCP, not TLS")]
    Tls,
    /// A line of an HTTP request.
    #[error(
        "this port speaks JSON lines, not HTTP: send {{\"header\": \"RPC-REQ\", \"value\": ...}} and a line feed"
    )]
    Http,
}

/// What the bytes that came so far amount to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// No whole message yet. At least this many more bytes are needed.
    Need(usize),
    /// `input[start..end]` is a message; the next one begins at `consumed`.
    Message {
        /// Where the message begins.
        start: usize,
        /// Where it ends.
        end: usize,
        /// How many bytes of the input are done with; `start <= end <= consumed`.
        consumed: usize,
    },
    /// That many bytes at the front are no part of a message: a BOM, white space, blank lines.
    Skip(usize),
    /// The peer will send nothing more, and everything it sent has been read.
    End,
}

/// Finds the messages in a connection's bytes.
///
/// The caller keeps the bytes: it appends what arrives to its buffer, asks [`step`](Self::step),
/// and removes what was consumed from the buffer's front.
#[derive(Debug, Clone)]
pub struct Deframer {
    framing: Option<Framing>,
    /// Whether the first bytes have been looked at for a BOM.
    begun: bool,
    limit: usize,
    /// How many bytes at the input's front are known to hold no line feed; `scanned <=
    /// input.len()`.
    scanned: usize,
}

impl Deframer {
    /// For a connection whose framing its first bytes will decide. `limit` is in bytes, at most
    /// [`MAX_FRAME_LIMIT`].
    pub fn detecting(limit: usize) -> Self {
        Self {
            framing: None,
            begun: false,
            limit: limit.min(MAX_FRAME_LIMIT),
            scanned: 0,
        }
    }

    /// For a connection whose framing is known.
    pub fn new(framing: Framing, limit: usize) -> Self {
        Self {
            framing: Some(framing),
            ..Self::detecting(limit)
        }
    }

    /// Maximum number of bytes of a message.
    pub fn limit(&self) -> usize {
        self.limit
    }

    /// Sets another limit, in bytes, at most [`MAX_FRAME_LIMIT`].
    pub fn set_limit(&mut self, limit: usize) {
        self.limit = limit.min(MAX_FRAME_LIMIT);
    }

    /// The framing, once the first bytes have decided it.
    pub fn framing(&self) -> Option<Framing> {
        self.framing
    }

    /// Looks for the next message in `input`, the bytes not consumed so far. `ended` says that no
    /// more will come.
    ///
    /// # Errors
    /// A [`FrameError`] after which this connection holds no more messages.
    pub fn step(&mut self, input: &[u8], ended: bool) -> Result<Step, FrameError> {
        match self.framing {
            Some(Framing::Lines) => self.step_line(input, ended),
            Some(Framing::Framed) => self.step_frame(input, ended),
            None => self.detect(input, ended),
        }
    }

    fn detect(&mut self, input: &[u8], ended: bool) -> Result<Step, FrameError> {
        if !self.begun {
            if input.len() < BOM.len() && BOM.starts_with(input) && !ended {
                return Ok(Step::Need(1));
            }
            self.begun = true;
            if input.starts_with(BOM) {
                return Ok(Step::Skip(BOM.len()));
            }
        }
        match input {
            [] if ended => return Ok(Step::End),
            [] => return Ok(Step::Need(1)),
            [first, ..] if first.is_ascii_whitespace() => {
                let space = input.len() - input.trim_ascii_start().len();
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
        let (end, consumed) = match input[self.scanned..].iter().position(|byte| *byte == b'\n') {
            Some(found) => (self.scanned + found, self.scanned + found + 1),
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
        let text = input[..end].trim_ascii();
        if is_http(text) {
            return Err(FrameError::Http);
        }
        let start = end - input[..end].trim_ascii_start().len();
        Ok(if text.is_empty() {
            Step::Skip(consumed)
        } else {
            Step::Message {
                start,
                end: start + text.len(),
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
                (false, got) => Ok(Step::Need(LENGTH_BYTES - got)),
            };
        };
        let length = u32::from_be_bytes(*prefix) as usize;
        if length == 0 {
            return Err(FrameError::Empty);
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
                Ok(Step::Need(length - rest.len()))
            };
        }
        let end = LENGTH_BYTES + length;
        Ok(Step::Message {
            start: LENGTH_BYTES,
            end,
            consumed: end,
        })
    }
}

/// Whether a line is one of an HTTP request, in any case: a request line such as `GET / HTTP/1.1`
/// or `patch /x`, or a header such as `Host: x`. No JSON object begins like either.
///
/// The syntax is that of RFC 9112, sections 3 and 5; the version may be absent, as in HTTP/0.9.
pub fn is_http(line: &[u8]) -> bool {
    let is_token = |byte: &u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(byte);
    let token = line.iter().take_while(|byte| is_token(byte)).count();
    match line[token..] {
        _ if token == 0 => false,
        [b':', ..] => true,
        [b' ' | b'\t', ..] => {
            let mut words = line[token..]
                .split(u8::is_ascii_whitespace)
                .filter(|word| !word.is_empty());
            let target = words.next().unwrap_or_default();
            let is_target = target.starts_with(b"/")
                || target == b"*"
                || target.windows(3).any(|part| part == b"://");
            let is_version =
                |word: &[u8]| word.len() >= 5 && word[..5].eq_ignore_ascii_case(b"HTTP/");
            is_target || is_version(target) || words.any(is_version)
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Feeds `bytes` in pieces of `size`, and collects the messages and how it ended.
    fn messages(bytes: &[u8], size: usize, limit: usize) -> (Vec<Vec<u8>>, Result<(), FrameError>) {
        let mut deframer = Deframer::detecting(limit);
        let (mut buffer, mut pieces, mut found) = (Vec::new(), bytes.chunks(size), Vec::new());
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
    fn the_first_bytes_decide_and_any_split_gives_the_same_messages() {
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
    fn a_line_of_http_is_told_whatever_its_method_and_case() {
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
    fn the_limit_is_the_longest_message() {
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
    fn what_is_written_is_found_again() {
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
}
