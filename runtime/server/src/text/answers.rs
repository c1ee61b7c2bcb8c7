//! [`FinishedAnswer`]: an answer that is ready for the peer. Also makes the answers of calls.

use std::sync::Arc;
use std::time::Instant;

use deploy::message::{DeployError, INIT_EX, INIT_RES};
use wire::exception::{Exception, ExceptionType, Executed};
use wire::json;
use wire::message::{self, AnswerId};
use wire::value::Reader;

use crate::calls::answer::{check_length, expired_at_once};
use crate::calls::dispatch::AcceptedCall;
use crate::calls::record::CallRecord;
use crate::connection::peers::Remote;
use crate::engine::InFlight;
use crate::registry::Handler;

/// An answer that is ready for the peer.
pub(super) struct FinishedAnswer {
    pub(super) message: Vec<u8>,
    /// Number of bytes of arguments that the call held.
    pub(super) held_bytes: usize,
    /// Whether it answers a request without an id, after which the connection ends.
    pub(super) is_last: bool,
    /// Whether the connection ends after this answer and those of the calls in flight.
    pub(super) ends_session: bool,
    /// The call that it answers, if it answers one.
    pub(super) call: Option<EndedCall>,
}

/// A call that has ended.
pub(super) struct EndedCall {
    handler: Arc<Handler>,
    client: Arc<str>,
    generation: u64,
    began_at: Instant,
    exception: Option<Exception>,
}

impl FinishedAnswer {
    pub(super) fn new(message: Vec<u8>) -> Self {
        Self {
            message,
            held_bytes: 0,
            is_last: false,
            ends_session: false,
            call: None,
        }
    }
}

impl EndedCall {
    /// Returns the record of this call, which came from `remote`.
    pub(super) fn record<'a>(&'a self, remote: &'a Remote) -> CallRecord<'a> {
        CallRecord {
            handler: &self.handler,
            client: &self.client,
            remote,
            generation: self.generation,
            began_at: self.began_at,
            exception: self.exception.as_ref(),
        }
    }
}

/// Runs a call to its end and writes its answer, of at most `limit` bytes.
pub(super) async fn answer_call(
    call: AcceptedCall,
    generation: u64,
    id: AnswerId,
    limit: usize,
    in_flight: InFlight,
) -> FinishedAnswer {
    let began_at = Instant::now();
    let AcceptedCall {
        grant,
        arguments,
        time,
    } = call;
    let handler = grant.handler;
    let result = if time.is_zero() {
        Err(expired_at_once())
    } else {
        handler
            .call(
                &arguments,
                &grant.client,
                (began_at + time).into(),
                in_flight,
            )
            .await
    };
    let mut message = Vec::new();
    let result = result.and_then(|values| {
        message::write_result(&id, generation, &handler.source, &mut message, |out| {
            write_values(&handler.signature.returns, &values, out)
        })
    });
    let result = result.and_then(|()| check_length(message.len(), limit, &handler.key));
    if let Err(exception) = &result {
        message.clear();
        message::write_exception(&id, exception, &mut message);
    }
    let ended = EndedCall {
        handler,
        client: grant.client,
        generation,
        began_at,
        exception: result.err(),
    };
    FinishedAnswer {
        held_bytes: arguments.len(),
        is_last: id == AnswerId::Absent,
        call: Some(ended),
        ..FinishedAnswer::new(message)
    }
}

fn write_values(
    types: &[rpc_schema::Type],
    values: &[u8],
    out: &mut Vec<u8>,
) -> Result<(), Exception> {
    let undecodable = |error| {
        let message = format!("the worker's answer does not decode: {error}");
        Exception::new(ExceptionType::Execution, Executed::Unknown, message)
    };
    let mut reader = Reader::new(values);
    json::list_from_binary(types, &mut reader, out).map_err(|(_, error)| undecodable(error))?;
    reader.finish().map_err(undecodable)
}

/// Writes the message that answers an `INIT-...` message.
pub(super) fn write_deployment_answer(
    id: &AnswerId,
    answer: Result<serde_json::Value, DeployError>,
) -> Vec<u8> {
    let (header, mut value) = match answer {
        Ok(result) => (INIT_RES, serde_json::json!({ "result": result })),
        Err(error) => (INIT_EX, serde_json::json!(error)),
    };
    if let AnswerId::Json(id) = id {
        value["id"] = serde_json::from_str(id).unwrap_or_default();
    }
    serde_json::json!({ "header": header, "value": value })
        .to_string()
        .into_bytes()
}
