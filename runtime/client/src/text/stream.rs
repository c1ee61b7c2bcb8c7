//! [`TextStream`]: the byte stream of a text session, with or without TLS.

use std::io::{self, Read as _, Write as _};
use std::net::TcpStream;

use crate::connect::Connected;

/// The byte stream of a text session. One call uses it at a time.
#[derive(Debug)]
pub(super) struct TextStream {
    connected: Connected,
}

/// Tells the server that nothing is missing, as far as the kernel takes that at once.
#[cfg(feature = "tls")]
impl Drop for TextStream {
    fn drop(&mut self) {
        if let Some(tls) = &mut self.connected.tls {
            crate::tls_connect::end(&self.connected.socket, tls);
        }
    }
}

impl TextStream {
    pub(super) fn new(connected: Connected) -> Self {
        Self { connected }
    }

    pub(super) fn socket(&self) -> &TcpStream {
        &self.connected.socket
    }

    /// Writes some bytes.
    ///
    /// # Errors
    /// Returns the error of the operating system. Over TLS, a write that timed out is tried again
    /// with the same bytes.
    pub(super) fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let socket = &mut &self.connected.socket;
        #[cfg(feature = "tls")]
        if let Some(tls) = &mut self.connected.tls {
            return tls.write(bytes, |records| socket.write(records));
        }
        socket.write(bytes)
    }

    /// Reads some bytes; 0 at the end.
    ///
    /// # Errors
    /// Returns the error of the operating system, or of TLS.
    pub(super) fn read(&mut self, room: &mut [u8]) -> io::Result<usize> {
        let socket = &mut &self.connected.socket;
        #[cfg(feature = "tls")]
        if let Some(tls) = &mut self.connected.tls {
            loop {
                match tls.read(room) {
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                    result => return result,
                }
                let count = socket.read(tls.arrivals().room())?;
                if count == 0 {
                    return Err(io::ErrorKind::UnexpectedEof.into());
                }
                tls.arrivals().arrived(count);
            }
        }
        socket.read(room)
    }
}
