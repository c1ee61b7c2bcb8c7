//! [`Error`]: why a call did not return.

use std::fmt;

use rpc_schema::visible;

use crate::wire::exception::{Exception, ExceptionType, Executed};

/// Why a call did not return: an exception from the far side, or a failure on the way to it.
///
/// What a caller usually asks: [`kind`](Self::kind) to tell failures apart, [`executed`](Self::executed) to know
/// whether it is safe to call again.
#[derive(Debug, Clone)]
pub struct Error {
    inner: Box<Inner>,
}

#[derive(Debug, Clone)]
struct Inner {
    kind: ErrorKind,
    message: String,
    executed: Executed,
    own_kind: Option<String>,
    valid_signatures: Vec<String>,
    from_peer: bool,
}

/// What sort of failure it was.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// One of the protocol's exceptions; [`Error::is_from_peer`] tells whether the far side sent it.
    Exception(ExceptionType),
    /// The network was set up wrongly: an unknown service, an undecided identity, an address that is none.
    Configuration,
    /// The far side sent something that is not the protocol.
    Protocol,
}

impl Error {
    /// An error of one's own making, for doubles of a server in tests.
    pub fn new(kind: ErrorKind, executed: Executed, message: impl Into<String>) -> Self {
        Self::local(kind, executed, message)
    }

    /// A mistake in how this network was configured or used; nothing was sent.
    pub(crate) fn configuration(message: impl Into<String>) -> Self {
        Self::local(ErrorKind::Configuration, Executed::No, message)
    }

    /// The far side broke the protocol.
    pub(crate) fn protocol(executed: Executed, message: impl Into<String>) -> Self {
        Self::local(ErrorKind::Protocol, executed, message)
    }

    /// An exception that arose on this side.
    pub(crate) fn local(kind: ErrorKind, executed: Executed, message: impl Into<String>) -> Self {
        let message = message.into();
        Self {
            inner: Box::new(Inner {
                kind,
                message,
                executed,
                own_kind: None,
                valid_signatures: Vec::new(),
                from_peer: false,
            }),
        }
    }

    /// What sort of failure it was.
    pub fn kind(&self) -> ErrorKind {
        self.inner.kind
    }

    /// Whether the procedure ran.
    pub fn executed(&self) -> Executed {
        self.inner.executed
    }

    /// The exception of the protocol, if it is one.
    pub fn exception_type(&self) -> Option<ExceptionType> {
        match self.inner.kind {
            ErrorKind::Exception(kind) => Some(kind),
            _ => None,
        }
    }

    /// The procedure's own exception, such as `ZeroDivisionError`.
    pub fn exception_kind(&self) -> Option<&str> {
        self.inner.own_kind.as_deref()
    }

    /// The signatures that would have been valid, for `Invalid Arguments`.
    pub fn valid_signatures(&self) -> &[String] {
        &self.inner.valid_signatures
    }

    /// The message alone, without the exception's type.
    pub fn message(&self) -> &str {
        &self.inner.message
    }

    /// Whether the far side said so, rather than this side noticing it.
    pub fn is_from_peer(&self) -> bool {
        self.inner.from_peer
    }
}

impl From<Exception> for Error {
    fn from(exception: Exception) -> Self {
        Self {
            inner: Box::new(Inner {
                kind: ErrorKind::Exception(exception.kind),
                message: exception.message,
                executed: exception.executed,
                own_kind: exception.own_kind,
                valid_signatures: exception.valid_signatures,
                from_peer: true,
            }),
        }
    }
}

/// In words for people: what a server or a procedure said is escaped. [`Error::message`] has it as it came.
impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let ErrorKind::Exception(kind) = self.inner.kind {
            write!(f, "{kind}: ")?;
        }
        f.write_str(&visible(&self.inner.message))
    }
}

impl std::error::Error for Error {}
