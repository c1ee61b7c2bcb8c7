//! The exceptions and limits that answers of all protocols share.

use wire::exception::{Exception, ExceptionType, Executed};

use crate::connection::admission::ConnectionLimit;

/// Returns the exception of a call whose deadline has passed when it comes.
pub(crate) fn expired_at_once() -> Exception {
    let message = "the deadline passed before the call began";
    Exception::refused(ExceptionType::DeadlineExceeded, message)
}

/// Returns the exception of a server, or a part of it, that cannot take a call.
pub(crate) fn unavailable(why: impl Into<String>) -> Exception {
    Exception::refused(ExceptionType::Unavailable, why)
}

/// Returns the exception of a connection beyond a limit.
pub(crate) fn too_many_connections(limit: ConnectionLimit) -> Exception {
    let flag = limit.flag();
    unavailable(match limit {
        ConnectionLimit::OfServer(limit) => {
            format!("the server has {limit} connections, its limit ({flag})")
        }
        ConnectionLimit::OfAddress(limit) => format!(
            "the server has {limit} connections from this address, its limit for one address ({flag})"
        ),
    })
}

/// Returns the exception of a call beyond the limit of the server.
pub(crate) fn too_many_calls(limit: usize) -> Exception {
    unavailable(format!(
        "the server has {limit} calls in flight, its limit (--max-calls)"
    ))
}

/// Returns the exception of a call whose arguments exceed the limit of the server for all of them.
pub(crate) fn too_many_arguments(limit: usize) -> Exception {
    unavailable(format!(
        "the calls in flight have too many bytes of arguments: the server's limit is {limit} bytes \
         (--max-arguments), and half of it for one address"
    ))
}

/// Checks the length of an answer in bytes against the limit of a frame.
///
/// # Errors
/// Returns the exception that is sent instead.
pub(crate) fn check_length(length: usize, limit: usize, key: &str) -> Result<(), Exception> {
    if length <= limit {
        return Ok(());
    }
    let message =
        format!("the answer of `{key}` has {length} bytes, over the limit of {limit} bytes");
    Err(Exception::new(
        ExceptionType::Execution,
        Executed::Yes,
        message,
    ))
}
