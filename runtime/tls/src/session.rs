//! [`TlsSession`]: TLS between plain bytes and the wire, without I/O.

use std::io::{self, BufRead as _, IoSlice, Write as _};

use rustls::Connection;
use rustls::pki_types::CertificateDer;

use crate::buffers::{Arrivals, SEALED_BYTES, keep_leaving, lend_leaving};

/// Number of plain bytes in the longest record.
const RECORD_BYTES: usize = 16 * 1024;

/// One end of a TLS connection. Its user reads and writes the wire.
///
/// ```text
/// plain --seal--> unsent --> wire
/// plain <--read-- arrivals <-- wire
/// ```
#[derive(Debug)]
pub struct TlsSession {
    connection: Connection,
    /// Bytes for the wire; `sent <= outgoing.len()`.
    outgoing: Vec<u8>,
    sent: usize,
    /// Number of plain bytes that `outgoing` seals.
    sealed: usize,
    arrivals: Arrivals,
}

impl TlsSession {
    /// Returns a session over this connection of rustls.
    pub fn new(connection: impl Into<Connection>) -> Self {
        let mut session = Self {
            connection: connection.into(),
            outgoing: Vec::new(),
            sent: 0,
            sealed: 0,
            arrivals: Arrivals::default(),
        };
        session.pull();
        session
    }

    /// Returns whether the handshake is not complete.
    pub fn is_handshaking(&self) -> bool {
        self.connection.is_handshaking()
    }

    /// Returns the certificates of the peer, its own first.
    pub fn peer_certificates(&self) -> Option<&[CertificateDer<'static>]> {
        self.connection.peer_certificates()
    }

    /// Returns whether the session was resumed.
    pub fn was_resumed(&self) -> bool {
        self.connection.handshake_kind() == Some(rustls::HandshakeKind::Resumed)
    }

    /// Seals plain bytes, as many as are sealed at once. All sealed bytes must be sent before.
    ///
    /// # Errors
    /// Returns an error of rustls.
    pub fn seal(&mut self, slices: &[IoSlice<'_>]) -> io::Result<()> {
        for slice in slices {
            let room = SEALED_BYTES.saturating_sub(self.sealed);
            let mut rest = &slice[..slice.len().min(room)];
            while !rest.is_empty() {
                // One record at a time, so that its memory is used again for the next one.
                let record = &rest[..rest.len().min(RECORD_BYTES)];
                let count = self.connection.writer().write(record)?;
                self.pull();
                if count == 0 {
                    return Err(io::ErrorKind::WriteZero.into());
                }
                rest = &rest[count..];
                self.sealed += count;
            }
        }
        Ok(())
    }

    /// Seals the end of the stream. The peer then knows that nothing is missing.
    pub fn seal_end(&mut self) {
        self.connection.send_close_notify();
        self.pull();
    }

    /// Returns the bytes to put on the wire next.
    pub fn unsent(&self) -> &[u8] {
        &self.outgoing[self.sent..]
    }

    /// Returns the number of plain bytes that are sealed and not all sent.
    pub fn sealed(&self) -> usize {
        self.sealed
    }

    /// Records that this many bytes were put on the wire. Returns how many plain bytes are thereby
    /// sent: 0 until all that were sealed are.
    pub fn sent(&mut self, count: usize) -> usize {
        self.sent += count.min(self.outgoing.len() - self.sent);
        if self.sent < self.outgoing.len() {
            return 0;
        }
        keep_leaving(std::mem::take(&mut self.outgoing));
        self.sent = 0;
        std::mem::take(&mut self.sealed)
    }

    /// Seals plain bytes and puts them on the wire with `put`, which returns how many bytes it took.
    /// Returns how many plain bytes are thereby sent. After an error such as
    /// [`WouldBlock`](io::ErrorKind::WouldBlock), it is called again with the same bytes.
    ///
    /// # Errors
    /// Those of `put`, and of rustls.
    pub fn write(
        &mut self,
        bytes: &[u8],
        mut put: impl FnMut(&[u8]) -> io::Result<usize>,
    ) -> io::Result<usize> {
        if self.sealed() == 0 {
            self.seal(&[IoSlice::new(bytes)])?;
        }
        while !self.unsent().is_empty() {
            let count = put(self.unsent())?;
            if count == 0 {
                return Err(io::ErrorKind::WriteZero.into());
            }
            let done = self.sent(count);
            if done > 0 {
                return Ok(done);
            }
        }
        Ok(0)
    }

    /// Takes the bytes to put on the wire next, for a user who writes while others use the session.
    /// Then follows [`wrote_all`](Self::wrote_all) or [`give_back`](Self::give_back).
    pub fn take_unsent(&mut self) -> Vec<u8> {
        let mut unsent = std::mem::take(&mut self.outgoing);
        unsent.drain(..std::mem::take(&mut self.sent));
        unsent
    }

    /// Records that all bytes of [`take_unsent`](Self::take_unsent) were put on the wire. Returns
    /// how many plain bytes are thereby sent. Takes their buffer.
    pub fn wrote_all(&mut self, buffer: Vec<u8>) -> usize {
        keep_leaving(buffer);
        std::mem::take(&mut self.sealed)
    }

    /// Gives back the bytes of [`take_unsent`](Self::take_unsent) that were not put on the wire.
    pub fn give_back(&mut self, mut rest: Vec<u8>) {
        rest.append(&mut self.outgoing);
        self.outgoing = rest;
    }

    /// Returns where bytes from the wire arrive.
    pub fn arrivals(&mut self) -> &mut Arrivals {
        &mut self.arrivals
    }

    /// Handles bytes from the wire until the handshake is complete, and no further.
    ///
    /// # Errors
    /// Returns why the handshake failed. An alert for the peer may then be [`unsent`](Self::unsent).
    pub fn shake_hands(&mut self) -> Result<(), rustls::Error> {
        while self.connection.is_handshaking() && !self.arrivals.is_empty() {
            self.feed().map_err(|error| match rustls_error(&error) {
                Some(error) => error.clone(),
                None => rustls::Error::General(error.to_string()),
            })?;
        }
        Ok(())
    }

    /// Reads plain bytes. Returns 0 at the end that the peer has sealed.
    ///
    /// # Errors
    /// As [`read_with`](Self::read_with).
    pub fn read(&mut self, room: &mut [u8]) -> io::Result<usize> {
        self.read_with(|plain| {
            let count = plain.len().min(room.len());
            room[..count].copy_from_slice(&plain[..count]);
            count
        })
    }

    /// Reads plain bytes with `take`, which returns how many of them it took. Returns that number;
    /// 0 also at the end that the peer has sealed.
    ///
    /// # Errors
    /// Returns [`WouldBlock`](io::ErrorKind::WouldBlock) if more bytes are needed from the wire;
    /// otherwise an error of the protocol, which [`rustls_error`] finds.
    pub fn read_with(&mut self, take: impl FnOnce(&[u8]) -> usize) -> io::Result<usize> {
        let result = loop {
            let mut reader = self.connection.reader();
            match reader.fill_buf() {
                Ok(plain) => {
                    let count = take(plain);
                    reader.consume(count);
                    break Ok(count);
                }
                Err(error)
                    if error.kind() == io::ErrorKind::WouldBlock && !self.arrivals.is_empty() => {}
                Err(error) => break Err(error),
            }
            self.feed()?;
        };
        self.arrivals.rest();
        result
    }

    /// Feeds rustls some bytes from the wire.
    fn feed(&mut self) -> io::Result<()> {
        let mut waiting = self.arrivals.waiting();
        let before = waiting.len();
        self.connection.read_tls(&mut waiting)?;
        let fed = before - waiting.len();
        self.arrivals.handled(fed);
        let processed = self.connection.process_new_packets();
        self.pull();
        processed
            .map(|_| ())
            .map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))
    }

    /// Takes what rustls has for the wire.
    fn pull(&mut self) {
        if self.outgoing.capacity() == 0 && self.connection.wants_write() {
            self.outgoing = lend_leaving();
        }
        while self.connection.wants_write() {
            if self.connection.write_tls(&mut self.outgoing).is_err() {
                // Writing to memory does not fail.
                return;
            }
        }
    }
}

/// Returns the error of rustls that an I/O error carries.
pub fn rustls_error(error: &io::Error) -> Option<&rustls::Error> {
    error.get_ref()?.downcast_ref()
}
