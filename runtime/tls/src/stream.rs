//! [`TlsStream`]: a TLS connection over a socket of tokio.

use std::future::poll_fn;
use std::io::{self, IoSlice};
use std::pin::{Pin, pin};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use rustls::Connection;
use rustls::pki_types::CertificateDer;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _, ReadBuf};
use tokio::net::TcpStream;

use crate::buffers::Arrivals;
use crate::session::TlsSession;

/// Maximum number of bytes of a refused peer that are dropped.
const DROPPED_BYTES: usize = 64 * 1024;

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
    /// Shakes hands. The last bytes of the handshake may not be sent: they go out with what is
    /// written first, or before the next read.
    ///
    /// # Errors
    /// Returns why that failed. The peer was told.
    pub async fn open(
        socket: TcpStream,
        connection: impl Into<Connection>,
    ) -> Result<Self, HandshakeError> {
        Self::open_paced(socket, connection, std::future::ready(())).await
    }

    /// Shakes hands, as [`open`](Self::open) does, but waits for `pace` when the first record of the
    /// peer has come: what follows takes processor time.
    ///
    /// # Errors
    /// Those of `open`.
    pub async fn open_paced(
        mut socket: TcpStream,
        connection: impl Into<Connection>,
        pace: impl Future<Output = ()>,
    ) -> Result<Self, HandshakeError> {
        let mut session = TlsSession::new(connection);
        let mut pace = Some(pace);
        while session.is_handshaking() {
            flush(&mut socket, &mut session)
                .await
                .map_err(HandshakeError::Io)?;
            let filled = poll_fn(|cx| {
                let filled = poll_fill(&mut socket, session.arrivals(), cx);
                if filled.is_pending() {
                    session.arrivals().shrink();
                }
                filled
            });
            if filled.await.map_err(HandshakeError::Io)? == 0 {
                return Err(HandshakeError::Io(io::ErrorKind::UnexpectedEof.into()));
            }
            if pace.is_some() && !session.arrivals().has_first_record() {
                continue;
            }
            if let Some(pace) = pace.take() {
                wait(pace, &mut socket, &mut session)
                    .await
                    .map_err(HandshakeError::Io)?;
            }
            if let Err(error) = session.shake_hands() {
                say_why(&mut socket, &mut session).await;
                return Err(HandshakeError::Tls(error));
            }
        }
        Ok(Self { socket, session })
    }

    /// Returns the socket.
    pub fn socket(&self) -> &TcpStream {
        &self.socket
    }

    /// Returns the socket, and where the bytes that are read from it arrive, for a user who reads
    /// past tokio. [`open_bytes`](Self::open_bytes) follows.
    pub fn wire(&mut self) -> (&TcpStream, &mut Arrivals) {
        (&self.socket, self.session.arrivals())
    }

    /// Opens bytes that have come already; see [`TlsSession::read_with`].
    ///
    /// # Errors
    /// As [`TlsSession::read_with`].
    pub fn open_bytes(&mut self, take: impl FnOnce(&[u8]) -> usize) -> io::Result<usize> {
        self.session.read_with(take)
    }

    /// Returns the certificates of the peer, its own first.
    pub fn peer_certificates(&self) -> Option<&[CertificateDer<'static>]> {
        self.session.peer_certificates()
    }

    /// Returns whether the session was resumed.
    pub fn was_resumed(&self) -> bool {
        self.session.was_resumed()
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

/// Waits for `pace`. Ends with an error if the peer ends the connection meanwhile.
async fn wait(
    pace: impl Future<Output = ()>,
    socket: &mut TcpStream,
    session: &mut TlsSession,
) -> io::Result<()> {
    let mut pace = pin!(pace);
    poll_fn(|cx| {
        if pace.as_mut().poll(cx).is_ready() {
            return Poll::Ready(Ok(()));
        }
        session.arrivals().shrink();
        // Whatever more it sends waits in the socket.
        match socket.poll_peek(cx, &mut ReadBuf::new(&mut [0])) {
            Poll::Ready(Ok(0)) => Poll::Ready(Err(io::ErrorKind::UnexpectedEof.into())),
            Poll::Ready(Err(error)) => Poll::Ready(Err(error)),
            Poll::Ready(Ok(_)) | Poll::Pending => Poll::Pending,
        }
    })
    .await
}

/// Sends the alert, and lets the peer read it: what the peer sends meanwhile is dropped, since a
/// connection that is closed with bytes unread takes back what was sent. Failures are ignored, since
/// the peer may be gone.
async fn say_why(socket: &mut TcpStream, session: &mut TlsSession) {
    if flush(socket, session).await.is_err() || socket.shutdown().await.is_err() {
        return;
    }
    let mut dropped = 0;
    let mut sink = vec![0; DROPPED_BYTES / 16];
    let draining = async {
        while dropped < DROPPED_BYTES {
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
        if !self.session.unsent().is_empty() {
            let _ = self.socket.try_write(self.session.unsent());
        }
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

/// Receives what has come. Returns the number of bytes: 0 at the end of the connection.
fn poll_fill(
    socket: &mut TcpStream,
    arrivals: &mut Arrivals,
    cx: &mut Context<'_>,
) -> Poll<io::Result<usize>> {
    let mut arrived = ReadBuf::new(arrivals.room());
    let polled = Pin::new(socket).poll_read(cx, &mut arrived);
    let count = arrived.filled().len();
    arrivals.arrived(count);
    arrivals.rest();
    polled.map_ok(|()| count)
}

impl AsyncRead for TlsStream {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        loop {
            let opened = this.session.read_with(|plain| {
                let count = plain.len().min(buffer.remaining());
                buffer.put_slice(&plain[..count]);
                count
            });
            match opened {
                Ok(_) => return Poll::Ready(Ok(())),
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
            if ready!(poll_fill(&mut this.socket, this.session.arrivals(), cx))? == 0 {
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
