//! [`drain`]: the end of a connection that is done on this side.

use std::io;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt as _};

/// A connection that is done on this side is drained for at most this long, so that its peer reads the last answer.
const LINGER: Duration = Duration::from_secs(1);

/// How much is dropped at once, and how long the pause is before the next. A peer that goes on sending is slowed down by
/// its full socket; reading at its speed would cost more than the calls of others.
const DROPPED_AT_ONCE: usize = 64 * 1024;
const PAUSE: Duration = Duration::from_millis(20);

/// Drops what still comes, until the peer has ended the connection too.
///
/// # Errors
/// What the operating system says.
pub(super) async fn drain(stream: &mut (impl AsyncRead + Unpin)) -> io::Result<()> {
    // Not in the future, which a session holds for all of its life.
    let mut sink = vec![0; 4096];
    let drained = async {
        loop {
            let mut dropped = 0;
            while dropped < DROPPED_AT_ONCE {
                let count = stream.read(&mut sink).await?;
                if count == 0 {
                    return Ok(());
                }
                dropped += count;
            }
            tokio::time::sleep(PAUSE).await;
        }
    };
    tokio::time::timeout(LINGER, drained).await.unwrap_or(Ok(()))
}
