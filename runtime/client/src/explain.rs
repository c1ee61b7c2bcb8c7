//! [`explain`]: turns a failed call into an error for the caller.

use wire::GREETING_TIMEOUT;
use wire::calls::failure::{CallFailure, SessionLoss};
use wire::calls::outgoing::MAX_CALLS;
use wire::exception::{Exception, ExceptionType, Executed};

use crate::endpoint::Endpoint;
use crate::error::{Error, ErrorKind};

/// Turns the failure of a call to this server into an error.
pub(crate) fn explain(failure: CallFailure, server: &Endpoint) -> Error {
    let local = |kind, executed, message| Error::new(ErrorKind::Exception(kind), executed, message);
    match failure {
        CallFailure::Exception(exception) => exception.into(),
        CallFailure::NotTaken(loss) => explain_not_taken(loss, server),
        CallFailure::NoAnswer(loss) => explain_no_answer(loss, server),
        CallFailure::Undecodable(error) => Error::protocol(
            Executed::Yes,
            format!("{server}: the answer does not decode: {error}"),
        ),
        CallFailure::TimedOut => {
            let message = format!("{server} did not answer within the deadline");
            local(ExceptionType::DeadlineExceeded, Executed::Unknown, message)
        }
        CallFailure::TooManyCalls => unavailable(format!(
            "{MAX_CALLS} calls are in flight on one session, its limit"
        )),
        CallFailure::TooLong { length, limit } => {
            let message =
                format!("a request of {length} bytes is over the server's limit of {limit} bytes");
            local(ExceptionType::MalformedMessage, Executed::No, message)
        }
    }
}

fn explain_not_taken(loss: SessionLoss, server: &Endpoint) -> Error {
    match loss {
        SessionLoss::Connection(how) => {
            unavailable(format!("cannot send to {server}: {how}")).caused_by(how.cause())
        }
        SessionLoss::Refused(how) => {
            let message = format!("{server} does not let this client in: {how}");
            Error::new(
                ErrorKind::Exception(ExceptionType::ClientNotRegistered),
                Executed::No,
                message,
            )
            .caused_by(how.cause())
        }
        SessionLoss::Stalled => {
            let message = format!("{server} did not take the request within the deadline");
            Error::new(
                ErrorKind::Exception(ExceptionType::DeadlineExceeded),
                Executed::No,
                message,
            )
        }
        SessionLoss::NoGreeting => unavailable(no_greeting(server)),
        SessionLoss::Exception(exception) => Exception {
            executed: Executed::No,
            ..exception
        }
        .into(),
        SessionLoss::Protocol(what) => Error::protocol(Executed::No, format!("{server}: {what}")),
    }
}

fn explain_no_answer(loss: SessionLoss, server: &Endpoint) -> Error {
    let local = |kind, message| Error::new(ErrorKind::Exception(kind), Executed::Unknown, message);
    match loss {
        SessionLoss::Refused(_) => explain_not_taken(loss, server),
        SessionLoss::Connection(how) => {
            let message = format!("{server} closed the connection without an answer: {how}");
            local(ExceptionType::Unavailable, message).caused_by(how.cause())
        }
        SessionLoss::Stalled => local(
            ExceptionType::DeadlineExceeded,
            format!("{server} did not answer within the deadline"),
        ),
        SessionLoss::NoGreeting => local(ExceptionType::Unavailable, no_greeting(server)),
        SessionLoss::Exception(exception) => Exception {
            executed: Executed::Unknown,
            ..exception
        }
        .into(),
        SessionLoss::Protocol(what) => {
            Error::protocol(Executed::Unknown, format!("{server}: {what}"))
        }
    }
}

/// Returns the error of a call that did not run.
pub(crate) fn unavailable(message: String) -> Error {
    Error::new(
        ErrorKind::Exception(ExceptionType::Unavailable),
        Executed::No,
        message,
    )
}

fn no_greeting(server: &Endpoint) -> String {
    format!(
        "{server} said nothing within {GREETING_TIMEOUT:?}: it is not an rpc-server, or it does not respond"
    )
}
