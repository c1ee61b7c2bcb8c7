//! [`IncomingMessage`]: the messages that a server sends.

use crate::dynamic::Answer;
use wire::exception::Exception;
use wire::json::shortened;
use wire::message::{self, Id, Message};

/// The message that answers a call.
#[derive(Debug)]
pub(crate) struct Reply {
    /// The id of the call. `None` if the message is about the whole session, such as a frame over
    /// the limit.
    pub(crate) id: Option<u64>,
    pub(crate) outcome: Result<Answer, Exception>,
}

/// A message from a server.
#[derive(Debug)]
pub(crate) enum IncomingMessage {
    Reply(Reply),
    /// The server stops. It accepts no call of this session after the one with this id. 0 means
    /// that it accepts none.
    Drain(u64),
    /// The answer to `RPC-PING`.
    Pong,
}

impl IncomingMessage {
    /// Parses a message.
    ///
    /// # Errors
    /// The message is malformed, or is not one that a server sends.
    pub(crate) fn parse(bytes: &[u8]) -> Result<Self, String> {
        let message = Message::parse_answer(bytes).map_err(|error| error.message)?;
        let id = message.id.map(call_number).transpose()?;
        let outcome = match &*message.header {
            "RPC-RES" => {
                let answer = Answer::parse(&message.value)?;
                if id.is_none() {
                    return Err("the server answered without the `id` of a call".to_owned());
                }
                Ok(answer)
            }
            "RPC-EX" => Err(message::parse_exception(&message.value)?),
            "RPC-DRAIN" => {
                let last = message
                    .value
                    .get("last-id")
                    .and_then(|id| id.get().parse().ok());
                return Ok(Self::Drain(last.unwrap_or(0)));
            }
            "RPC-PONG" => return Ok(Self::Pong),
            other => {
                let header = shortened(other);
                return Err(format!("the server sent `{header}` instead of an answer"));
            }
        };
        Ok(Self::Reply(Reply { id, outcome }))
    }
}

/// Returns the number of the call that an answer belongs to.
fn call_number(id: Id<'_>) -> Result<u64, String> {
    let text = id.as_json();
    text.parse()
        .map_err(|_| format!("the server answered a call `{}`", shortened(text)))
}
