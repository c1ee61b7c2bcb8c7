//! [`EndReason`]: why a connection ended; [`linger`]: how it is closed.

use std::fmt;
use std::io;
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use tls::Stream;

/// Maximum time for a peer to read its last answer and close the connection.
const LINGER: Duration = Duration::from_secs(1);

/// Maximum number of bytes that are read and dropped meanwhile. A peer that sends more does not
/// read its answer, and reading at its speed would cost more than the calls of others.
const MAX_DROPPED_BYTES: usize = 64 * 1024;

/// Number of bytes that are read and dropped at once.
const SINK_BYTES: usize = 16 * 1024;

/// Why a connection ended, as the log says it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum EndReason {
    /// Everything was answered, and this side closed the connection.
    Done,
    /// The peer closed the connection.
    PeerClosed,
    /// Nothing happened for too long.
    IdleTimeout,
    /// The peer read no answers for too long.
    WriteTimeout,
    /// No byte of a message has come in time.
    HeaderTimeout,
    /// A message has come more slowly than the minimum rate, and was not complete in time.
    SlowMessage,
    /// A message has come too slowly while others waited for the room that it had.
    KeptRoom,
    /// The server's budget for unread answers is used up.
    UntakenAnswers,
    /// Too many messages were malformed.
    Malformed,
    /// The peer's certificate was revoked, or has expired.
    CertificateEnded,
    /// The first message is not of this protocol.
    NotThisProtocol,
}

impl fmt::Display for EndReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Done => "done",
            Self::PeerClosed => "end of the connection",
            Self::IdleTimeout => "idle timeout",
            Self::WriteTimeout => "write timeout: no answers taken",
            Self::HeaderTimeout => "header timeout: no message (--header-timeout)",
            Self::SlowMessage => {
                "header timeout: the message came too slowly (--header-timeout, --min-rate)"
            }
            Self::KeptRoom => {
                "the message came too slowly while others waited for room (--max-unfinished)"
            }
            Self::UntakenAnswers => {
                "answers not taken: the server's limit for such answers is reached (--max-untaken)"
            }
            Self::Malformed => "too many malformed messages (--max-malformed)",
            Self::CertificateEnded => "its certificate is no longer valid",
            Self::NotThisProtocol => "its first message is not of this protocol",
        })
    }
}

impl EndReason {
    /// Returns whether the peer may still read its last answers. Otherwise the connection is cut
    /// off.
    fn lingers(self) -> bool {
        matches!(self, Self::Done | Self::Malformed | Self::NotThisProtocol)
    }
}

/// Closes a connection: says that nothing more will come, and lets the peer finish reading.
///
/// # Errors
/// Returns the error of the operating system.
pub(crate) async fn linger(stream: &mut Stream, reason: EndReason) -> io::Result<EndReason> {
    if reason == EndReason::PeerClosed {
        stream.shutdown().await?;
    } else if reason.lingers() {
        stream.shutdown().await?;
        drain(stream).await?;
    }
    Ok(reason)
}

/// Reads and drops bytes until the peer has closed the connection too, or its time is over.
async fn drain(stream: &mut Stream) -> io::Result<()> {
    // On the heap, so that the future of a session does not hold these bytes all its life.
    let mut sink = vec![0; SINK_BYTES];
    let drained = async {
        let mut dropped = 0;
        while dropped < MAX_DROPPED_BYTES {
            match stream.read(&mut sink).await? {
                0 => return Ok(()),
                count => dropped += count,
            }
        }
        // The peer keeps its time to read the answer. Its full socket holds it up.
        std::future::pending().await
    };
    tokio::time::timeout(LINGER, drained)
        .await
        .unwrap_or(Ok(()))
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use tokio::net::TcpStream;
    use tokio::time::Instant;

    use super::*;

    /// Returns a connection to a peer that has sent this many bytes.
    async fn sent(bytes: usize) -> (Stream, std::net::TcpStream) {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await;
        let listener = listener.expect("a listener");
        let address = listener.local_addr().expect("an address");
        let mut peer = std::net::TcpStream::connect(address).expect("a connection");
        let (stream, _) = listener.accept().await.expect("a connection");
        peer.write_all(&vec![b'x'; bytes]).expect("sent");
        (Stream::Plain(stream), peer)
    }

    /// Ends a connection, and returns how long that took and the number of bytes that were left.
    async fn end(mut stream: Stream) -> (Duration, usize) {
        let began_at = Instant::now();
        let ended = linger(&mut stream, EndReason::Done).await;
        assert_eq!(ended.expect("no error"), EndReason::Done);
        let time = began_at.elapsed();
        let Stream::Plain(stream) = stream else {
            panic!("no TLS was spoken")
        };
        (time, unread(&stream))
    }

    fn unread(stream: &TcpStream) -> usize {
        let mut bytes = vec![0; 1 << 20];
        let mut count = 0;
        while let Ok(read) = stream.try_read(&mut bytes) {
            if read == 0 {
                break;
            }
            count += read;
        }
        count
    }

    #[tokio::test(start_paused = true)]
    async fn a_connection_waits_for_its_peer_for_a_limited_time() {
        let (stream, peer) = sent(100).await;
        let (time, left) = end(stream).await;
        assert!(
            (LINGER..2 * LINGER).contains(&time) && left == 0,
            "{time:?}, {left} bytes"
        );
        drop(peer);
    }

    #[tokio::test(start_paused = true)]
    async fn a_connection_drops_a_limited_number_of_bytes() {
        let (stream, peer) = sent(MAX_DROPPED_BYTES + 3 * SINK_BYTES).await;
        let (time, left) = end(stream).await;
        assert!((LINGER..2 * LINGER).contains(&time), "{time:?}");
        // The last read may take more than is left to the limit.
        assert!(
            (2 * SINK_BYTES..=3 * SINK_BYTES).contains(&left),
            "{left} bytes are left"
        );
        drop(peer);
    }

    #[tokio::test]
    async fn a_connection_whose_peer_closes_it_ends_at_once() {
        let (stream, peer) = sent(MAX_DROPPED_BYTES - 1).await;
        drop(peer);
        let (time, left) = end(stream).await;
        assert!(time < LINGER && left == 0, "{time:?}, {left} bytes");
    }
}
