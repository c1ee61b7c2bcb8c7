//! [`Error`]: why a call did not return.

use std::fmt;
use std::io;
use std::sync::Arc;

use rpc_schema::visible;
use wire::exception::{Exception, ExceptionType, Executed};
use wire::procedure::InvalidType;

/// Why a call did not return: an exception from the server, or a failure on the way to it.
///
/// [`kind`](Self::kind) distinguishes failures. [`executed`](Self::executed) says whether it is
/// safe to call again.
#[derive(Debug, Clone)]
pub struct Error {
    inner: Box<Inner>,
}

#[derive(Debug, Clone)]
struct Inner {
    kind: ErrorKind,
    message: String,
    executed: Executed,
    raised: Option<String>,
    valid_signatures: Vec<String>,
    is_from_peer: bool,
    cause: Option<Arc<io::Error>>,
}

/// The kind of a failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// An exception of the protocol. [`Error::is_from_peer`] says whether the server sent it.
    Exception(ExceptionType),
    /// The network was set up wrongly: an unknown service, no selected client, an invalid address.
    Configuration,
    /// The server sent something that breaks the protocol.
    Protocol,
}

impl Error {
    /// Returns an error that a program makes itself, such as the answer of a mock in a test.
    pub fn new(kind: ErrorKind, executed: Executed, message: impl Into<String>) -> Self {
        let message = message.into();
        Self {
            inner: Box::new(Inner {
                kind,
                message,
                executed,
                raised: None,
                valid_signatures: Vec::new(),
                is_from_peer: false,
                cause: None,
            }),
        }
    }

    /// Returns the error of a network that was set up or used wrongly. Nothing was sent.
    pub(crate) fn configuration(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Configuration, Executed::No, message)
    }

    /// Returns the error of a peer that broke the protocol.
    pub(crate) fn protocol(executed: Executed, message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Protocol, executed, message)
    }

    /// Adds the error of the operating system that caused this one.
    #[must_use]
    pub(crate) fn caused_by(mut self, cause: Option<&Arc<io::Error>>) -> Self {
        self.inner.cause = cause.cloned();
        self
    }

    /// Returns the kind of the failure.
    pub fn kind(&self) -> ErrorKind {
        self.inner.kind
    }

    /// Returns whether the procedure ran.
    pub fn executed(&self) -> Executed {
        self.inner.executed
    }

    /// Returns the exception of the protocol, if the [kind](Self::kind) is
    /// [`ErrorKind::Exception`].
    pub fn exception_type(&self) -> Option<ExceptionType> {
        match self.inner.kind {
            ErrorKind::Exception(exception_type) => Some(exception_type),
            _ => None,
        }
    }

    /// Returns the name of the exception that the procedure itself raised, such as
    /// `ZeroDivisionError`, or the kind of the `Failure` that a handler in Rust returned.
    pub fn raised(&self) -> Option<&str> {
        self.inner.raised.as_deref()
    }

    /// Returns the signatures that would have been valid, for `Invalid Arguments`.
    pub fn valid_signatures(&self) -> &[String] {
        &self.inner.valid_signatures
    }

    /// Returns the message without the type of the exception. It is not escaped, and a server may
    /// have sent it.
    pub fn message(&self) -> &str {
        &self.inner.message
    }

    /// Returns whether the server sent this exception. If not, it was made in this process.
    pub fn is_from_peer(&self) -> bool {
        self.inner.is_from_peer
    }
}

impl From<Exception> for Error {
    fn from(exception: Exception) -> Self {
        let mut error = Self::new(
            ErrorKind::Exception(exception.kind),
            exception.executed,
            exception.message,
        );
        error.inner.raised = exception.raised_kind;
        error.inner.valid_signatures = exception.valid_signatures;
        error.inner.is_from_peer = true;
        error
    }
}

impl From<InvalidType> for Error {
    fn from(error: InvalidType) -> Self {
        Self::configuration(error.to_string())
    }
}

/// Writes the error for people: text from a server or a procedure is escaped. [`Error::message`]
/// returns the text without escapes.
impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let ErrorKind::Exception(kind) = self.inner.kind {
            write!(f, "{kind}: ")?;
        }
        f.write_str(&visible(&self.inner.message))
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        let cause = self.inner.cause.as_deref()?;
        Some(cause)
    }
}
