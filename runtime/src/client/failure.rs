//! [`Failure`]: why a call did not return, and what its caller is told.

use super::connect::unavailable;
use crate::error::{Error, ErrorKind};
use crate::wire::GREETING_TIMEOUT;
use crate::wire::exception::{Exception, ExceptionType, Executed};
use crate::wire::value::DecodeError;

/// Why a session is of no more use.
#[derive(Debug, Clone)]
pub(super) enum Loss {
    /// The connection ended or broke.
    Connection(String),
    /// The server took nothing more within the deadline.
    Stalled,
    /// The server did not greet within [`GREETING_TIMEOUT`].
    NoGreeting,
    /// The server ended the session, and said why.
    Told(Exception),
    /// The far side does not speak the protocol.
    Protocol(String),
}

/// Why a call did not return.
#[derive(Debug)]
pub(super) enum Failure {
    /// The server says so.
    Exception(Exception),
    /// It was not taken on and did not run: another session may carry it.
    NotTaken(Loss),
    /// It was sent, and its answer will not come.
    NoAnswer(Loss),
    /// It was answered, with values that are none of its types.
    Undecodable(DecodeError),
    /// Its time is over.
    TimedOut,
}

impl Failure {
    /// Whether nothing of the call can have run, so that another session may carry it.
    pub(super) fn is_not_taken(&self) -> bool {
        matches!(self, Self::NotTaken(Loss::Connection(_)))
    }

    /// In words for the caller; `peer` says who the far side is.
    pub(super) fn explain(self, peer: &str) -> Error {
        let local = |kind, executed, message| Error::local(ErrorKind::Exception(kind), executed, message);
        match self {
            Self::Exception(exception) => exception.into(),
            Self::NotTaken(Loss::Told(exception)) => {
                Error::from(Exception { executed: Executed::No, ..exception })
            }
            Self::NoAnswer(Loss::Told(exception)) => {
                Error::from(Exception { executed: Executed::Unknown, ..exception })
            }
            Self::NotTaken(Loss::Connection(what)) => unavailable(format!("cannot send to {peer}: {what}")),
            Self::NoAnswer(Loss::Connection(what)) => {
                let message = format!("{peer} closed the connection without an answer: {what}");
                local(ExceptionType::Unavailable, Executed::Unknown, message)
            }
            Self::NotTaken(Loss::Protocol(what)) => Error::protocol(Executed::No, format!("{peer}: {what}")),
            Self::NoAnswer(Loss::Protocol(what)) => {
                Error::protocol(Executed::Unknown, format!("{peer}: {what}"))
            }
            Self::Undecodable(error) => {
                Error::protocol(Executed::Yes, format!("{peer}: the answer does not decode: {error}"))
            }
            Self::NotTaken(Loss::NoGreeting) => unavailable(no_greeting(peer)),
            Self::NoAnswer(Loss::NoGreeting) => {
                local(ExceptionType::Unavailable, Executed::Unknown, no_greeting(peer))
            }
            Self::NotTaken(Loss::Stalled) => {
                let message = format!("{peer} did not take the request within the deadline");
                local(ExceptionType::DeadlineExceeded, Executed::No, message)
            }
            Self::TimedOut | Self::NoAnswer(Loss::Stalled) => {
                let message = format!("{peer} did not answer within the deadline");
                local(ExceptionType::DeadlineExceeded, Executed::Unknown, message)
            }
        }
    }
}

/// Says that a server did not greet.
pub(super) fn no_greeting(peer: &str) -> String {
    format!("{peer} said nothing within {GREETING_TIMEOUT:?}: it is no rpc-server, or it does not respond")
}
