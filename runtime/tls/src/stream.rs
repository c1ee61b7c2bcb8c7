//! [`TlsStream`]: a TLS connection over a socket of tokio.

use std::cell::RefCell;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use rustls::Connection;
use rustls::pki_types::CertificateDer;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _, ReadBuf};
use tokio::net::TcpStream;

use crate::session::{TlsSession, WIRE_BYTES};

/// Maximum time for a peer to read why it was refused.
const LINGER: Duration = Duration::from_secs(1);

/// A TLS connection over a socket of tokio.
///
/// Bytes count as written when the kernel has taken all of the records that seal them, so that
/// nobody counts a request as sent that is still here. So a write that returned `Pending` must be
/// tried again with the same bytes, before any others.
#[derive(Debug)]
pub struct TlsStream {
    socket: TcpStream,
    session: TlsSession,
}

/// Why a handshake failed.
#[derive(Debug)]
pub enum HandshakeError {
    /// The connection broke.
    Io(io::Error),
    /// One end refused the other, or did not speak TLS.
    Tls(rustls::Error),
}

impl TlsStream {
    /// Shakes hands.
    ///
    /// # Errors
    /// Returns why that failed. The peer was told.
    pub async fn open(
        mut socket: TcpStream,
        connection: impl Into<Connection>,
    ) -> Result<Self, HandshakeError> {
        let mut session = TlsSession::new(connection);
        loop {
            flush(&mut socket, &mut session)
                .await
                .map_err(HandshakeError::Io)?;
            if !session.is_handshaking() {
                return Ok(Self { socket, session });
            }
            let room = session.wire_room();
            room.reserve(WIRE_BYTES / 16);
            if socket.read_buf(room).await.map_err(HandshakeError::Io)? == 0 {
                return Err(HandshakeError::Io(io::ErrorKind::UnexpectedEof.into()));
            }
            if let Err(error) = session.shake_hands() {
                say_why(&mut socket, &mut session).await;
                return Err(HandshakeError::Tls(error));
            }
        }
    }

    /// Returns the socket.
    pub fn socket(&self) -> &TcpStream {
        &self.socket
    }

    /// Returns the socket, and the buffer to which bytes that are read from it are appended, for a
    /// user who reads past tokio. [`open_bytes`](Self::open_bytes) follows.
    pub fn wire(&mut self) -> (&TcpStream, &mut Vec<u8>) {
        (&self.socket, self.session.wire_room())
    }

    /// Opens bytes that have come already; see [`TlsSession::read`].
    ///
    /// # Errors
    /// As [`TlsSession::read`].
    pub fn open_bytes(&mut self, room: &mut [u8]) -> io::Result<usize> {
        self.session.read(room)
    }

    /// Returns the certificates of the peer, its own first.
    pub fn peer_certificates(&self) -> Option<&[CertificateDer<'static>]> {
        self.session.peer_certificates()
    }

    /// Returns whether the session was resumed.
    pub fn was_resumed(&self) -> bool {
        self.session.was_resumed()
    }

    /// Writes as much as the kernel takes at once.
    ///
    /// # Errors
    /// Returns [`WouldBlock`](io::ErrorKind::WouldBlock) if the kernel does not take a whole record,
    /// or another error of the operating system.
    pub fn try_write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let Self { socket, session } = self;
        session.write(bytes, |records| socket.try_write(records))
    }

    fn poll_flush_sealed(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
        let mut done = 0;
        while !self.session.unsent().is_empty() {
            let count = ready!(Pin::new(&mut self.socket).poll_write(cx, self.session.unsent()))?;
            if count == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            done += self.session.sent(count);
        }
        Poll::Ready(Ok(done))
    }

    fn poll_write_slices(
        &mut self,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        if self.session.sealed() == 0 {
            self.session.seal(slices)?;
        }
        self.poll_flush_sealed(cx)
    }
}

/// Sends the alert, and lets the peer read it: what the peer sends meanwhile is dropped, since a
/// connection that is closed with bytes unread takes back what was sent. Failures are ignored, since
/// the peer may be gone.
async fn say_why(socket: &mut TcpStream, session: &mut TlsSession) {
    if flush(socket, session).await.is_err() || socket.shutdown().await.is_err() {
        return;
    }
    let mut dropped = 0;
    let mut sink = vec![0; WIRE_BYTES / 16];
    let draining = async {
        while dropped < WIRE_BYTES {
            match socket.read(&mut sink).await {
                Ok(0) | Err(_) => return,
                Ok(count) => dropped += count,
            }
        }
    };
    let _ = tokio::time::timeout(LINGER, draining).await;
}

/// Tells the peer that nothing is missing, as far as the kernel takes that at once.
impl Drop for TlsStream {
    fn drop(&mut self) {
        self.session.seal_end();
        let _ = self.socket.try_write(self.session.unsent());
    }
}

async fn flush(socket: &mut TcpStream, session: &mut TlsSession) -> io::Result<()> {
    while !session.unsent().is_empty() {
        let count = socket.write(session.unsent()).await?;
        if count == 0 {
            return Err(io::ErrorKind::WriteZero.into());
        }
        session.sent(count);
    }
    Ok(())
}

thread_local! {
    /// Where bytes from the wire arrive. Sessions of one thread share it, so that an idle session
    /// holds no memory for them.
    static ARRIVALS: RefCell<Vec<u8>> = RefCell::new(vec![0; WIRE_BYTES / 2]);
}

/// Appends what has come. Returns the number of bytes: 0 at the end of the connection.
fn poll_fill(
    socket: &mut TcpStream,
    room: &mut Vec<u8>,
    cx: &mut Context<'_>,
) -> Poll<io::Result<usize>> {
    ARRIVALS.with_borrow_mut(|arrivals| {
        let mut arrived = ReadBuf::new(arrivals);
        let polled = Pin::new(socket).poll_read(cx, &mut arrived);
        room.extend_from_slice(arrived.filled());
        polled.map_ok(|()| arrived.filled().len())
    })
}

impl AsyncRead for TlsStream {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        loop {
            match this.session.read(buffer.initialize_unfilled()) {
                Ok(count) => {
                    buffer.advance(count);
                    return Poll::Ready(Ok(()));
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) => {
                    // The alert for the peer, as far as the kernel takes it.
                    let _ = this.poll_flush_sealed(cx);
                    return Poll::Ready(Err(error));
                }
            }
            // An answer of TLS itself, such as to a change of keys.
            if this.session.sealed() == 0 {
                let _ = this.poll_flush_sealed(cx)?;
            }
            if ready!(poll_fill(&mut this.socket, this.session.wire_room(), cx))? == 0 {
                return Poll::Ready(Err(io::ErrorKind::UnexpectedEof.into()));
            }
        }
    }
}

impl AsyncWrite for TlsStream {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.get_mut().poll_write_slices(cx, &[IoSlice::new(bytes)])
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.get_mut().poll_write_slices(cx, slices)
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        // Sealed bytes belong to a write that is tried again.
        let this = self.get_mut();
        if this.session.sealed() == 0 {
            ready!(this.poll_flush_sealed(cx))?;
        }
        Pin::new(&mut this.socket).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        this.session.seal_end();
        ready!(this.poll_flush_sealed(cx))?;
        Pin::new(&mut this.socket).poll_shutdown(cx)
    }
}
