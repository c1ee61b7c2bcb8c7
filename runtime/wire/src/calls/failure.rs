//! [`CallFailure`]: why a call returned no values; [`SessionLoss`]: why a session can no longer be
//! used.

use std::fmt;
use std::io;
use std::sync::Arc;

use crate::exception::Exception;
use crate::value::DecodeError;

/// Why a session can no longer be used.
#[derive(Debug, Clone)]
pub enum SessionLoss {
    /// The connection ended or broke.
    Connection(Disconnect),
    /// The peer refused this end, before it took anything from it: its certificate is not valid
    /// there.
    Refused(Disconnect),
    /// The peer read nothing more within the deadline.
    Stalled,
    /// The server did not greet within [`GREETING_TIMEOUT`](crate::GREETING_TIMEOUT).
    NoGreeting,
    /// The peer ended the session with this exception.
    Exception(Exception),
    /// The peer does not speak the protocol. The text says what it did.
    Protocol(String),
}

/// How a connection ended.
#[derive(Debug, Clone)]
pub struct Disconnect {
    reason: String,
    cause: Option<Arc<io::Error>>,
}

/// Why a call returned no values.
#[derive(Debug)]
pub enum CallFailure {
    /// The peer answered with an exception.
    Exception(Exception),
    /// The call did not run: another session may carry it.
    NotTaken(SessionLoss),
    /// The call was sent, and its answer will not come.
    NoAnswer(SessionLoss),
    /// The answer's values are not of the declared types.
    Undecodable(DecodeError),
    /// The deadline passed.
    TimedOut,
    /// [`MAX_CALLS`](super::outgoing::MAX_CALLS) calls are in flight on the session. Nothing was
    /// sent.
    TooManyCalls,
    /// The peer takes no frame of this length. Nothing was sent.
    TooLong {
        /// The length of the request in bytes.
        length: usize,
        /// The peer's limit in bytes.
        limit: usize,
    },
}

impl Disconnect {
    /// Returns a disconnect with this reason and without an error of the operating system.
    pub fn new(reason: impl Into<String>) -> Self {
        Self {
            reason: reason.into(),
            cause: None,
        }
    }

    /// Returns a disconnect that an error of the operating system caused. `reason` is that error in
    /// words.
    pub fn by(cause: io::Error, reason: impl Into<String>) -> Self {
        Self {
            reason: reason.into(),
            cause: Some(Arc::new(cause)),
        }
    }

    /// Returns the error of the operating system, if there was one.
    pub fn cause(&self) -> Option<&Arc<io::Error>> {
        self.cause.as_ref()
    }
}

impl fmt::Display for Disconnect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.reason)
    }
}
