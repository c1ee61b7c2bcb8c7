//! What a session answers: a call, run to its end, and a step of a deployment.

use std::time::Duration;

use tokio::time::Instant;

use super::dispatch::{Call, Found};
use super::peers::Remote;
use super::registry::Handler;
use crate::engine::InFlight;
use deploy::message::{DeployError, INIT_EX, INIT_RES};
use wire::exception::{Exception, ExceptionType, Executed};
use wire::json;
use wire::message::{self, AnswerId};
use wire::value::Reader;

/// Runs a call to its end and writes its answer.
pub(super) async fn answer_call(
    call: Call,
    generation: u64,
    id: AnswerId,
    limit: usize,
    in_flight: InFlight,
    remote: &Remote,
) -> Vec<u8> {
    let begin = Instant::now();
    let Call { found: Found { handler, client }, arguments, time } = call;
    let result = if time.is_zero() {
        Err(expired_at_once())
    } else {
        handler.call(&arguments, &client, begin + time, in_flight).await
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
    let end = Instant::now();
    let exception = result.as_ref().err();
    let logs = if exception.is_some() { remote.logs() } else { handler.meter.admit(end.into_std()) };
    if logs {
        log_call(&handler, &client, generation, end - begin, exception);
    }
    message
}

/// The exception of a call without any time.
pub(super) fn expired_at_once() -> Exception {
    let message = "the deadline passed before the call began";
    Exception::refused(ExceptionType::DeadlineExceeded, message)
}

/// The line of a call in the log.
pub(super) fn log_call(
    handler: &Handler,
    client: &str,
    generation: u64,
    took: Duration,
    exception: Option<&Exception>,
) {
    tracing::info!(
        event = "call",
        key = handler.key,
        client,
        generation,
        source = handler.source.get(..12),
        micros = took.as_micros() as u64,
        outcome = exception.map_or("ok", |exception| exception.kind.as_str()),
        message = exception.map(Exception::message_for_log)
    );
}

/// No peer with the same limits could read a longer answer.
pub(super) fn check_length(length: usize, limit: usize, key: &str) -> Result<(), Exception> {
    if length <= limit {
        return Ok(());
    }
    let words = format!("the answer of `{key}` has {length} bytes, over the limit of {limit} bytes");
    Err(Exception::new(ExceptionType::Execution, Executed::Yes, words))
}

fn write_values(types: &[rpc_schema::Type], values: &[u8], out: &mut Vec<u8>) -> Result<(), Exception> {
    let garbled = |error| {
        let message = format!("the worker's answer does not decode: {error}");
        Exception::new(ExceptionType::Execution, Executed::Unknown, message)
    };
    let mut reader = Reader::new(values);
    json::list_from_binary(types, &mut reader, out).map_err(|(_, error)| garbled(error))?;
    reader.finish().map_err(garbled)
}

/// The message that answers an `INIT-...` message.
pub(super) fn deployment_answer(id: &AnswerId, answer: Result<serde_json::Value, DeployError>) -> Vec<u8> {
    let (header, mut value) = match answer {
        Ok(result) => (INIT_RES, serde_json::json!({ "result": result })),
        Err(error) => (INIT_EX, serde_json::json!(error)),
    };
    if let AnswerId::Json(id) = id {
        value["id"] = serde_json::from_str(id).unwrap_or_default();
    }
    serde_json::json!({ "header": header, "value": value }).to_string().into_bytes()
}
