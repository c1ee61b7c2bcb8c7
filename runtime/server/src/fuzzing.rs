//! The decoders of bytes that a worker or a disk gives to this crate, for fuzz targets. Not a part
//! of the interface.

pub use crate::store::{Generation, PreparedTransaction, Store, StoreError};

use crate::engine::python::worker::{self, LoadAnswer, WorkerAnswer};

/// Removes the next whole answer from what a worker has sent.
///
/// # Errors
/// Returns what is wrong with the bytes.
pub fn take_worker_answer(input: &mut Vec<u8>) -> Result<Option<Vec<u8>>, String> {
    worker::take_answer(input).map_err(|error| error.to_string())
}

/// Parses an answer to the call with this number. Returns the values, if it has some.
///
/// # Errors
/// Returns what is wrong with the answer.
pub fn parse_worker_answer(answer: &[u8], call_number: u32) -> Result<Option<Vec<u8>>, String> {
    match WorkerAnswer::parse(answer, call_number) {
        Ok(WorkerAnswer::Values(values)) => Ok(Some(values)),
        Ok(WorkerAnswer::Raised(_) | WorkerAnswer::WrongType(_)) => Ok(None),
        Err(error) => Err(error.to_string()),
    }
}

/// Parses what a worker says while it loads its service. Returns whether it is ready.
///
/// # Errors
/// Returns what is wrong with the answer.
pub fn parse_load_answer(answer: &[u8]) -> Result<bool, String> {
    LoadAnswer::parse(answer).map(|answer| matches!(answer, LoadAnswer::Ready))
}
