//! A connection: the parts that do not depend on the protocol that it speaks.
//!
//! ```text
//! accept --> admission --> (handshake) --> sniff --> text::serve   --> linger --> closed
//!                                               \--> binary::serve --/
//! ```
//!
//! | module | does |
//! |---|---|
//! | `accept`, `lanes` | accepts connections, on threads that serve them |
//! | `admission` | decides whether a connection is served |
//! | `keep_alive` | lets the kernel notice that a peer is gone |
//! | `handshake` | TLS: who the peer is, before any of its messages is read |
//! | `protocol` | finds out which protocol it speaks, and hands it to that kind of session |
//! | `stream` | the byte stream; another kind of stream is another variant |
//! | `peers` | the far end of a connection, and what is remembered of each address |
//! | `proof_tries` | how often an address may try to prove that it has the deploy key |
//! | `timeouts` | when a connection is closed because nothing happens |
//! | `pressure`, `budget`, `room` | the limits of one connection, and of all connections together |
//! | `end` | why a connection ended, and how it is closed |

pub(crate) mod accept;
pub(crate) mod admission;
pub(crate) mod budget;
pub(crate) mod end;
pub(crate) mod handshake;
pub(crate) mod keep_alive;
pub(crate) mod lanes;
pub(crate) mod peers;
pub(crate) mod pressure;
pub(crate) mod proof_tries;
pub(crate) mod protocol;
pub(crate) mod room;
pub(crate) mod stream;
pub(crate) mod timeouts;

use std::io;
use std::sync::Arc;

use self::admission::Admission;
use self::end::EndReason;
use self::pressure::Pressure;
use self::timeouts::Timeouts;
use crate::shared::Shared;
use tls::Stream;

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
    /// Whether a complete message has come.
    pub(crate) got_message: bool,
    pub(crate) reason: io::Result<EndReason>,
}
