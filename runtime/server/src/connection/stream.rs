//! [`Stream`]: the byte stream of a connection.

use std::io::{self, IoSlice};
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll};

use rustix::buffer::spare_capacity;
use rustix::net::{RecvFlags, recv};
use tls::TlsStream;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

/// Number of plain bytes in the longest record of TLS.
const RECORD_BYTES: usize = 16 * 1024;

/// Receives what has come into the spare capacity of `bytes`.
fn receive(socket: &TcpStream, bytes: &mut Vec<u8>) -> io::Result<usize> {
    let (count, _) = recv(socket, spare_capacity(bytes), RecvFlags::DONTWAIT)?;
    Ok(count)
}

/// The byte stream of a connection.
#[derive(Debug)]
pub(crate) enum Stream {
    /// TCP without encryption.
    Plain(TcpStream),
    /// TLS. Boxed, since its state is large.
    Tls(Box<TlsStream>),
}

impl Stream {
    /// Writes as much as the kernel takes at once.
    ///
    /// # Errors
    /// Returns [`WouldBlock`](io::ErrorKind::WouldBlock) if the kernel takes nothing, or another error
    /// of the operating system.
    pub(crate) fn try_write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Plain(stream) => stream.try_write(bytes),
            Self::Tls(stream) => stream.try_write(bytes),
        }
    }

    /// Returns the address that the peer has connected to.
    ///
    /// # Errors
    /// Returns the error of the operating system.
    pub(crate) fn local_addr(&self) -> io::Result<SocketAddr> {
        match self {
            Self::Plain(stream) => stream.local_addr(),
            Self::Tls(stream) => stream.socket().local_addr(),
        }
    }

    /// Reads what has come into `bytes`, past the scheduler.
    ///
    /// # Errors
    /// Returns [`WouldBlock`](io::ErrorKind::WouldBlock) if nothing has come, or no whole record of
    /// TLS; otherwise the error of the operating system or of TLS.
    pub(crate) fn read_now(&mut self, bytes: &mut Vec<u8>) -> io::Result<usize> {
        match self {
            Self::Plain(stream) => receive(stream, bytes),
            Self::Tls(stream) => {
                let (socket, wire) = stream.wire();
                wire.reserve(RECORD_BYTES);
                if receive(socket, wire)? == 0 {
                    return Ok(0);
                }
                let mut piece = [0; RECORD_BYTES];
                let room = piece.len().min(bytes.capacity() - bytes.len());
                let count = stream.open_bytes(&mut piece[..room])?;
                bytes.extend_from_slice(&piece[..count]);
                Ok(count)
            }
        }
    }
}

impl AsyncRead for Stream {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_read(cx, buffer),
            Self::Tls(stream) => Pin::new(stream).poll_read(cx, buffer),
        }
    }
}

impl AsyncWrite for Stream {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_write(cx, bytes),
            Self::Tls(stream) => Pin::new(stream).poll_write(cx, bytes),
        }
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_write_vectored(cx, slices),
            Self::Tls(stream) => Pin::new(stream).poll_write_vectored(cx, slices),
        }
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_flush(cx),
            Self::Tls(stream) => Pin::new(stream).poll_flush(cx),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_shutdown(cx),
            Self::Tls(stream) => Pin::new(stream).poll_shutdown(cx),
        }
    }
}
