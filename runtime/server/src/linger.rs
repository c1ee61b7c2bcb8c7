//! [`drain`]: the end of a connection that is done on this side.

use std::io;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt as _};

/// A connection that is done on this side is drained for at most this long, so that its peer reads the last answer.
const LINGER: Duration = Duration::from_secs(1);

/// Maximum number of bytes that are dropped. A peer that sends more does not read its answer; reading at its speed would
/// cost more than the calls of others.
const MAX_DROPPED_BYTES: usize = 64 * 1024;

/// Drops what still comes, until the peer has ended the connection too, or sends on.
///
/// # Errors
/// What the operating system says.
pub(super) async fn drain(stream: &mut (impl AsyncRead + Unpin)) -> io::Result<()> {
    // Not in the future, which a session holds for all of its life.
    let mut sink = vec![0; 16 * 1024];
    let drained = async {
        let mut dropped = 0;
        while dropped < MAX_DROPPED_BYTES {
            match stream.read(&mut sink).await? {
                0 => return Ok(()),
                count => dropped += count,
            }
        }
        // It has its time to read the answer, and is held up by its full socket.
        std::future::pending().await
    };
    tokio::time::timeout(LINGER, drained).await.unwrap_or(Ok(()))
}
