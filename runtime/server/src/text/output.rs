//! [`TextOutput`]: the answers of a text session that the peer has not read.

use std::io;
use std::time::Instant;

use wire::frame::Framing;

use tls::Stream;
use wire::block::READ_BYTES;

/// Answers on their way to the peer.
#[derive(Debug, Default)]
pub(super) struct TextOutput {
    bytes: Vec<u8>,
    /// `written <= bytes.len()`
    written: usize,
}

impl TextOutput {
    /// Appends a message.
    pub(super) fn put(&mut self, framing: Framing, message: &[u8]) {
        framing.write(message, &mut self.bytes);
    }

    /// Appends bytes that are not a message.
    pub(super) fn put_raw(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
    }

    /// Returns the bytes that are not written yet.
    pub(super) fn unwritten(&self) -> &[u8] {
        &self.bytes[self.written..]
    }

    /// Returns the number of bytes that are not written yet.
    pub(super) fn len(&self) -> usize {
        self.bytes.len() - self.written
    }

    /// Returns whether everything was written.
    pub(super) fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Writes as much as the kernel takes at once. Returns when it last took something, if it did.
    ///
    /// # Errors
    /// Returns the error of the operating system.
    pub(super) fn write(&mut self, stream: &mut Stream) -> io::Result<Option<Instant>> {
        let mut taken_at = None;
        while !self.is_empty() {
            match stream.try_write(self.unwritten()) {
                Ok(count) => {
                    self.advance(count);
                    taken_at = Some(Instant::now());
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(taken_at),
                Err(error) => return Err(error),
            }
        }
        self.bytes.clear();
        self.bytes.shrink_to(READ_BYTES);
        self.written = 0;
        Ok(taken_at)
    }

    /// Records that this many bytes were written. Frees their memory from time to time, even if the
    /// output never becomes empty.
    pub(super) fn advance(&mut self, count: usize) {
        self.written += count;
        if self.written >= READ_BYTES && self.written >= self.bytes.len() / 2 {
            self.bytes.drain(..self.written);
            self.written = 0;
        }
    }
}
