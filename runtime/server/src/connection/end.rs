//! [`EndReason`]: why a connection ended; [`linger`]: how it is closed.

use std::fmt;
use std::io;
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use super::stream::Stream;

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
    /// A message was not complete in time.
    HeaderTimeout,
    /// The server's budget for unread answers is used up.
    UntakenAnswers,
    /// Too many messages were malformed.
    Malformed,
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
            Self::HeaderTimeout => "header timeout: no whole message",
            Self::UntakenAnswers => {
                "answers not taken: the server's limit for such answers is reached"
            }
            Self::Malformed => "too many malformed messages",
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
