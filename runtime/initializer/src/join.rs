//! Waits for the answers of all servers.

use crate::error::{InitializerError, Unreachable};

/// Returns the answers of all servers, or the servers that did not answer.
pub(crate) fn all_or_unreachable<T>(
    answers: Vec<Result<T, Unreachable>>,
) -> Result<Vec<T>, InitializerError> {
    let mut all = Vec::new();
    let mut failed = Vec::new();
    for answer in answers {
        match answer {
            Ok(answer) => all.push(answer),
            Err(error) => failed.push(error),
        }
    }
    if failed.is_empty() {
        Ok(all)
    } else {
        Err(InitializerError::Unreachable(failed))
    }
}

pub(crate) async fn join_all<F: Future>(futures: impl IntoIterator<Item = F>) -> Vec<F::Output> {
    futures_util::future::join_all(futures).await
}
