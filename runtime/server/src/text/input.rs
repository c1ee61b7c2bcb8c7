//! [`TextInput`]: the bytes of a text session that have come, and the messages in them.

use std::ops::Range;

use wire::block::READ_BYTES;
use wire::frame::{Deframer, FrameError, Framing, LENGTH_BYTES, Step};

use crate::connection::pressure::FREE_BYTES;
use crate::connection::stream::make_room;

/// By how many times its bytes the memory for them may be larger.
const MAX_SPARE: usize = 4;

/// The bytes that have come and were not handled yet.
#[derive(Debug)]
pub(super) struct TextInput {
    deframer: Deframer,
    pub(super) bytes: Vec<u8>,
    /// `consumed <= bytes.len()`
    consumed: usize,
}

/// What was found in the bytes that have come.
#[derive(Debug)]
pub(super) enum NextMessage {
    /// The message at this place in the bytes.
    Whole(Range<usize>),
    /// No complete message.
    Unfinished {
        /// Number of bytes of the next one that have come.
        come: usize,
        /// Number of bytes that it has, or may have; 0 if it is short so far.
        length: usize,
    },
    /// The peer has sent everything, and all of it was handled.
    End,
}

impl TextInput {
    /// Returns the input of a session of which `bytes` have come. `frame_limit` is the limit of a
    /// message in bytes.
    pub(super) fn new(bytes: Vec<u8>, frame_limit: usize) -> Self {
        Self {
            deframer: Deframer::detecting(frame_limit),
            bytes,
            consumed: 0,
        }
    }

    /// Returns the framing that separates messages.
    pub(super) fn framing(&self) -> Framing {
        self.deframer.framing().unwrap_or(Framing::Lines)
    }

    /// Finds the next message. `ended` says that no more bytes will come.
    ///
    /// # Errors
    /// Returns an error if the bytes can never become a message.
    pub(super) fn next(&mut self, ended: bool) -> Result<NextMessage, FrameError> {
        loop {
            match self.deframer.step(&self.bytes[self.consumed..], ended)? {
                Step::Message {
                    start,
                    end,
                    consumed,
                } => {
                    let message = self.consumed + start..self.consumed + end;
                    self.consumed += consumed;
                    return Ok(NextMessage::Whole(message));
                }
                Step::Skip(count) => self.consumed += count,
                Step::Need(more) => {
                    let come = self.pending();
                    let length = match self.framing() {
                        Framing::Framed if come >= LENGTH_BYTES => come - LENGTH_BYTES + more,
                        // The end of a line is not known before it comes.
                        Framing::Lines if come > FREE_BYTES => self.deframer.limit(),
                        Framing::Framed | Framing::Lines => 0,
                    };
                    return Ok(NextMessage::Unfinished { come, length });
                }
                Step::End => {
                    self.consumed = self.bytes.len();
                    return Ok(NextMessage::End);
                }
            }
        }
    }

    /// Returns whether everything that has come was handled.
    pub(super) fn is_empty(&self) -> bool {
        self.consumed == self.bytes.len()
    }

    /// Returns the number of bytes that have come and were not handled.
    pub(super) fn pending(&self) -> usize {
        self.bytes.len() - self.consumed
    }

    /// Drops everything that has come.
    pub(super) fn clear(&mut self) {
        self.bytes = Vec::new();
        self.consumed = 0;
    }

    /// Raises the limit of a message. Returns whether it was lower.
    pub(super) fn raise_limit(&mut self, limit: usize) -> bool {
        let is_higher = limit > self.deframer.limit();
        self.deframer.set_limit(limit);
        is_higher
    }

    /// Makes room for more bytes, and frees the memory that only a long message needed.
    pub(super) fn make_room(&mut self) {
        if self.is_empty() {
            self.bytes.clear();
            self.bytes.shrink_to(READ_BYTES);
        } else {
            self.bytes.drain(..self.consumed);
            // A message that grows has filled half of its memory at least.
            if self.bytes.capacity() > MAX_SPARE * self.bytes.len().max(READ_BYTES) {
                self.bytes.shrink_to(READ_BYTES);
            }
        }
        self.consumed = 0;
        make_room(&mut self.bytes);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_memory_of_a_long_message_is_freed_while_the_next_one_comes() {
        const LONG: usize = 10 << 20;
        let mut input = TextInput::new(Vec::new(), 2 * LONG);
        let line = [vec![b'x'; LONG], b"\n{".to_vec()].concat();
        for piece in line.chunks(READ_BYTES) {
            assert!(matches!(
                input.next(false),
                Ok(NextMessage::Unfinished { .. })
            ));
            input.make_room();
            let before = input.bytes.capacity();
            input.bytes.extend_from_slice(piece);
            assert_eq!(input.bytes.capacity(), before, "there is room for a read");
        }
        let found = input.next(false);
        assert!(matches!(found, Ok(NextMessage::Whole(place)) if place.len() == LONG));
        assert!(matches!(
            input.next(false),
            Ok(NextMessage::Unfinished { come: 1, length: 0 })
        ));
        input.make_room();
        assert!(input.bytes.capacity() <= 2 * READ_BYTES);
        assert_eq!(input.bytes, b"{");
    }
}
