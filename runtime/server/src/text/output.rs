//! [`TextOutput`]: the answers of a text session that the peer has not read.

use std::io;
use std::task::Context;

use tls::Stream;
use wire::block::{Block, READ_BYTES};
use wire::frame::Framing;
use wire::outbox::Outbox;

use crate::connection::stream;

/// Answers on their way to the peer. A long answer is not copied.
#[derive(Debug, Default)]
pub(super) struct TextOutput(Outbox);

impl TextOutput {
    /// Appends a message.
    pub(super) fn put(&mut self, framing: Framing, message: Vec<u8>) {
        match framing {
            Framing::Lines => {
                self.0.push(Block::Bytes(message));
                self.0.bytes().push(b'\n');
            }
            Framing::Framed => {
                let frame = self.0.begin_frame();
                self.0.push(Block::Bytes(message));
                self.0.end_frame(frame);
            }
        }
    }

    /// Appends bytes that are not a message.
    pub(super) fn put_raw(&mut self, bytes: &[u8]) {
        self.0.bytes().extend_from_slice(bytes);
    }

    /// Returns the number of bytes that are not written yet.
    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    /// Returns whether everything was written.
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Writes as much as the kernel takes. Returns how many bytes it took.
    ///
    /// # Errors
    /// Returns the error of the operating system.
    pub(super) fn write(&mut self, stream: &mut Stream, cx: &mut Context<'_>) -> io::Result<usize> {
        let written = stream::write(stream, &mut self.0, cx)?;
        drop(self.0.take_spare());
        self.0.trim(READ_BYTES);
        Ok(written)
    }
}
