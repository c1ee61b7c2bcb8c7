//! The exceptions of the protocol: their types, and whether the call ran.

use std::fmt;

use super::json::cut;

/// Maximum number of characters of a message on the wire.
pub const MAX_MESSAGE_CHARS: usize = 8000;

/// Maximum number of characters of the kind of a procedure's own exception on the wire.
pub const MAX_KIND_CHARS: usize = 200;

/// Maximum number of bytes of the valid signatures that are sent with `Invalid Arguments`.
pub const MAX_SIGNATURES_BYTES: usize = 32 * 1024;

/// Maximum number of characters of a message in the log.
const MAX_LOGGED_CHARS: usize = 300;

/// The `exception-type` of an `RPC-EX` message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ExceptionType {
    /// This server does not provide the service.
    ServiceNotFound,
    /// The service has no procedure with this name.
    RpcNotFound,
    /// The caller is not a tenant of the service, or the server cannot determine who is calling.
    ClientNotRegistered,
    /// No overload takes these arguments, or a value cannot be decoded.
    InvalidArguments,
    /// The procedure raised an exception or returned a wrong type, or its worker died.
    Execution,
    /// The message breaks the protocol.
    MalformedMessage,
    /// The deadline passed.
    DeadlineExceeded,
    /// The server is overloaded, draining or not reachable.
    Unavailable,
    /// The caller gave up.
    Cancelled,
    /// Reserved for delivery.
    Conflict,
    /// Reserved for delivery.
    Expired,
    /// Reserved for callbacks.
    CallbackGone,
    /// Reserved for streams.
    StreamBroken,
}

impl ExceptionType {
    const ALL: [Self; 13] = [
        Self::ServiceNotFound,
        Self::RpcNotFound,
        Self::ClientNotRegistered,
        Self::InvalidArguments,
        Self::Execution,
        Self::MalformedMessage,
        Self::DeadlineExceeded,
        Self::Unavailable,
        Self::Cancelled,
        Self::Conflict,
        Self::Expired,
        Self::CallbackGone,
        Self::StreamBroken,
    ];

    /// Returns the type as it is on the wire, such as `Service Not Found`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::ServiceNotFound => "Service Not Found",
            Self::RpcNotFound => "RPC Not Found",
            Self::ClientNotRegistered => "Client Not Registered",
            Self::InvalidArguments => "Invalid Arguments",
            Self::Execution => "Execution Exception",
            Self::MalformedMessage => "Malformed Message",
            Self::DeadlineExceeded => "Deadline Exceeded",
            Self::Unavailable => "Unavailable",
            Self::Cancelled => "Cancelled",
            Self::Conflict => "Conflict",
            Self::Expired => "Expired",
            Self::CallbackGone => "Callback Gone",
            Self::StreamBroken => "Stream Broken",
        }
    }

    /// Returns the type with this text, if there is one.
    pub fn from_text(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == text)
    }
}

impl fmt::Display for ExceptionType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// Whether a failed call ran. It decides whether sending the call again is safe.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Executed {
    /// The call did not run. It may be sent again.
    No,
    /// The call ran.
    Yes,
    /// The call may have run, wholly or in part.
    Unknown,
}

impl Executed {
    /// Returns the word as it is on the wire: `no`, `yes` or `unknown`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::No => "no",
            Self::Yes => "yes",
            Self::Unknown => "unknown",
        }
    }

    /// Parses the word. An unknown word becomes [`Unknown`](Self::Unknown).
    pub fn from_text(text: &str) -> Self {
        match text {
            "no" => Self::No,
            "yes" => Self::Yes,
            _ => Self::Unknown,
        }
    }
}

impl fmt::Display for Executed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// An exception on its way to a caller.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Exception {
    /// The type of the exception.
    pub kind: ExceptionType,
    /// What happened.
    pub message: String,
    /// Whether the procedure ran.
    pub executed: Executed,
    /// The kind of the procedure's own exception, such as `ZeroDivisionError`.
    pub raised_kind: Option<String>,
    /// All signatures of the called procedure, for `Invalid Arguments`.
    pub valid_signatures: Vec<String>,
}

impl Exception {
    /// Returns an exception that has only a message.
    pub fn new(kind: ExceptionType, executed: Executed, message: impl Into<String>) -> Self {
        Self {
            kind,
            message: message.into(),
            executed,
            raised_kind: None,
            valid_signatures: Vec::new(),
        }
    }

    /// Returns the message as it is sent: its first [`MAX_MESSAGE_CHARS`] characters.
    pub fn message_to_send(&self) -> &str {
        cut(&self.message, MAX_MESSAGE_CHARS)
    }

    /// Returns the kind of the procedure's own exception as it is sent: its first
    /// [`MAX_KIND_CHARS`] characters.
    pub fn kind_to_send(&self) -> Option<&str> {
        self.raised_kind
            .as_deref()
            .map(|kind| cut(kind, MAX_KIND_CHARS))
    }

    /// Returns the valid signatures that are sent: the first ones that have at most
    /// [`MAX_SIGNATURES_BYTES`] together.
    pub fn signatures_to_send(&self) -> &[String] {
        let mut bytes = 0_usize;
        let fits = |signature: &&String| {
            bytes = bytes.saturating_add(signature.len());
            bytes <= MAX_SIGNATURES_BYTES
        };
        let count = self.valid_signatures.iter().take_while(fits).count();
        self.valid_signatures.get(..count).unwrap_or_default()
    }

    /// Returns the exception as text for a line of the log.
    pub fn for_log(&self) -> String {
        format!("{}: {}", self.kind, self.message_for_log())
    }

    /// Returns the beginning of the message, for a line of the log.
    pub fn message_for_log(&self) -> &str {
        cut(&self.message, MAX_LOGGED_CHARS)
    }

    /// Returns the exception of a call that was refused before it ran.
    pub fn refused(kind: ExceptionType, message: impl Into<String>) -> Self {
        Self::new(kind, Executed::No, message)
    }
}

impl fmt::Display for Exception {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.kind, self.message)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_texts_of_an_exception_are_cut_at_their_limits() {
        let exception = |characters: usize| Exception {
            raised_kind: Some("é".repeat(characters)),
            ..Exception::refused(ExceptionType::Execution, "é".repeat(characters))
        };
        let length = |text: &str| text.chars().count();
        for (limit, cut) in [
            (
                MAX_MESSAGE_CHARS,
                Exception::message_to_send as fn(&_) -> &str,
            ),
            (MAX_LOGGED_CHARS, Exception::message_for_log),
            (MAX_KIND_CHARS, |exception| {
                exception.kind_to_send().unwrap_or_default()
            }),
        ] {
            assert_eq!(length(cut(&exception(limit))), limit);
            assert_eq!(length(cut(&exception(limit + 1))), limit);
        }
    }

    #[test]
    fn signatures_beyond_the_limit_of_bytes_are_left_out() {
        let sent = |lengths: &[usize]| {
            let signatures = lengths.iter().map(|length| "s".repeat(*length)).collect();
            let exception = Exception {
                valid_signatures: signatures,
                ..Exception::refused(ExceptionType::InvalidArguments, "")
            };
            exception.signatures_to_send().len()
        };
        assert_eq!(sent(&[MAX_SIGNATURES_BYTES - 1, 1]), 2);
        assert_eq!(sent(&[MAX_SIGNATURES_BYTES - 1, 2, 1]), 1);
        assert_eq!(sent(&[MAX_SIGNATURES_BYTES + 1]), 0);
    }
}
