//! A connection: the parts that do not depend on the protocol that it speaks.
//!
//! ```text
//! accept --> admission --> sniff --> text::serve   --> linger --> closed
//!                               \--> binary::serve --/
//! ```
//!
//! | module | does |
//! |---|---|
//! | `accept`, `lanes` | accepts connections, on threads that serve them |
//! | `admission` | decides whether a connection is served |
//! | `stream` | the byte stream; another kind of stream is another variant |
//! | `peers` | the far end of a connection, and what is remembered of each address |
//! | `timeouts` | when a connection is closed because nothing happens |
//! | `pressure`, `budget` | the limits of one connection, and of all connections together |
//! | `end` | why a connection ended, and how it is closed |

pub(crate) mod accept;
pub(crate) mod admission;
pub(crate) mod budget;
pub(crate) mod end;
pub(crate) mod lanes;
pub(crate) mod peers;
pub(crate) mod pressure;
pub(crate) mod stream;
pub(crate) mod timeouts;

use std::io;
use std::sync::Arc;
use std::time::Instant;

use bytes::BufMut as _;
use tokio::io::AsyncReadExt as _;
use wire::sniff::{FirstBytes, sniff};

use self::admission::Admission;
use self::end::{EndReason, linger};
use self::peers::Remote;
use self::pressure::Pressure;
use self::stream::Stream;
use self::timeouts::{Timeouts, Waiting};
use crate::server::Shared;
use crate::{binary, text};

/// Maximum number of bytes that are read at once.
pub(crate) const READ_BYTES: usize = 64 * 1024;

/// A connection that was accepted and whose protocol is not known yet.
#[derive(Debug)]
pub(crate) struct Connection {
    pub(crate) stream: Stream,
    /// Bytes that have come and were not handled.
    pub(crate) input: Vec<u8>,
    pub(crate) pressure: Pressure,
    pub(crate) timeouts: Timeouts,
    pub(crate) admission: Admission,
    pub(crate) shared: Arc<Shared>,
}

/// How a session ended.
#[derive(Debug)]
pub(crate) struct SessionEnd {
    pub(crate) stream: Stream,
    /// Number of messages or calls that came.
    pub(crate) served: u64,
    pub(crate) reason: io::Result<EndReason>,
}

/// What the first bytes of a connection say.
enum Sniffed {
    Protocol(FirstBytes),
    /// The connection ends before the protocol is known.
    Ended(EndReason),
}

/// Serves a connection to its end.
pub(crate) async fn serve(
    stream: Stream,
    remote: Remote,
    shared: Arc<Shared>,
    admission: Admission,
) {
    let now = Instant::now();
    let connection = Connection {
        stream,
        input: Vec::new(),
        pressure: Pressure::new(remote.clone(), Arc::clone(&shared)),
        timeouts: Timeouts::new(&shared.limits, now),
        admission,
        shared,
    };
    let SessionEnd {
        mut stream,
        served,
        reason,
    } = connection.serve().await;
    let reason = match reason {
        Ok(reason) => linger(&mut stream, reason).await,
        Err(error) => Err(error),
    };
    if remote.logs_connection() {
        let reason = reason.map_or_else(|error| error.to_string(), |reason| reason.to_string());
        tracing::info!(event = "closed", peer = %remote, served, reason);
    }
}

impl Connection {
    async fn serve(mut self) -> SessionEnd {
        match self.sniff().await {
            // Boxed, so that an idle session of one kind is not as large as one of the other kind.
            Ok(Sniffed::Protocol(FirstBytes::Text)) => Box::pin(text::serve(self)).await,
            Ok(Sniffed::Protocol(FirstBytes::Binary)) => Box::pin(binary::serve(self)).await,
            Ok(Sniffed::Ended(reason)) => SessionEnd {
                stream: self.stream,
                served: 0,
                reason: Ok(reason),
            },
            Err(error) => SessionEnd {
                stream: self.stream,
                served: 0,
                reason: Err(error),
            },
        }
    }

    /// Reads until the first bytes show the protocol.
    async fn sniff(&mut self) -> io::Result<Sniffed> {
        let mut drain = self.shared.drain.clone();
        let due = self.timeouts.due(Waiting {
            has_output: false,
            is_idle: true,
            reads: true,
        });
        let frame_limit = self.pressure.frame_limit(false);
        let mut has_ended = false;
        loop {
            if let Some(protocol) = sniff(&self.input, has_ended, frame_limit) {
                return Ok(Sniffed::Protocol(protocol));
            }
            self.input.reserve(READ_BYTES);
            let mut room = (&mut self.input).limit(READ_BYTES);
            tokio::select! {
                biased;
                read = self.stream.read_buf(&mut room) => has_ended = read? == 0,
                _ = drain.wait_for(|drain| *drain) => return Ok(Sniffed::Ended(EndReason::Done)),
                () = tokio::time::sleep_until(due.at.into()) => return Ok(Sniffed::Ended(due.reason)),
            }
        }
    }
}
