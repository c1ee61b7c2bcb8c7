//! What a session answers: a call, run to its end, and a step of a deployment.

use tokio::time::Instant;

use super::dispatch::Call;
use crate::deploy::message::{DeployError, INIT_EX, INIT_RES};
use crate::wire::exception::{Exception, ExceptionType, Executed};
use crate::wire::json;
use crate::wire::message::{self, AnswerId};
use crate::wire::value::Reader;

/// Runs a call to its end and writes its answer.
pub(super) async fn answer_call(call: Call, generation: u64, id: AnswerId, limit: usize) -> Vec<u8> {
    let begin = Instant::now();
    let Call { handler, client, arguments, time, alone } = call;
    let result = if time.is_zero() {
        let message = "the deadline passed before the call began";
        Err(Exception::refused(ExceptionType::DeadlineExceeded, message))
    } else {
        handler.call(&arguments, begin + time, alone).await
    };
    let mut message = Vec::new();
    let result = result.and_then(|values| {
        message::write_result(&id, generation, &handler.source, &mut message, |out| {
            write_values(&handler.signature.returns, &values, out)
        })
    });
    let result = result.and_then(|()| check_length(&message, limit, &handler.key));
    if let Err(exception) = &result {
        message.clear();
        message::write_exception(&id, exception, &mut message);
    }
    let end = Instant::now();
    let outcome = result.as_ref().map_or_else(|exception| exception.kind.as_str(), |()| "ok");
    if handler.meter.admit(end.into_std()) || result.is_err() {
        tracing::info!(
            event = "call",
            key = handler.key,
            client = &*client,
            generation,
            source = handler.source.get(..12),
            micros = (end - begin).as_micros() as u64,
            outcome,
            message = result.as_ref().err().map(|exception| exception.message.as_str())
        );
    }
    message
}

/// No peer with the same limits could read a longer answer.
fn check_length(message: &[u8], limit: usize, key: &str) -> Result<(), Exception> {
    if message.len() <= limit {
        return Ok(());
    }
    let words = format!("the answer of `{key}` has {} bytes, over the limit of {limit} bytes", message.len());
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
