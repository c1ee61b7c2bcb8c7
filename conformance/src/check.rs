//! [`check`]: from a document to findings, by way of several Python processes.

use std::path::Path;
use std::time::Duration;

use rpc_schema::diagnostic::MAX_FINDINGS;
use rpc_schema::{Document, Finding};

use crate::python::{
    DEFAULT_PYTHON, Limits, MAX_ANSWER_BYTES, MAX_MEMORY_BYTES, Python, Unavailable,
};
use crate::reading::read_all;
use crate::request::Work;

/// A check of all sources takes no longer.
pub const TIME_LIMIT: Duration = Duration::from_mins(1);

/// Reading one file takes no longer; the largest that a hand would write take a second.
pub const FILE_TIME_LIMIT: Duration = Duration::from_secs(20);

const LIMITS: Limits = Limits {
    time: TIME_LIMIT,
    file_time: FILE_TIME_LIMIT,
    answer_bytes: MAX_ANSWER_BYTES,
    memory_bytes: MAX_MEMORY_BYTES,
};

/// Fewer files than this are not worth a process of their own.
const MIN_FILES_PER_PROCESS: usize = 100;

/// Holds every source of a document against its signature, with this Python or `python3`. A file
/// that Python does not finish is a finding; one that is not there is left to
/// [`Document::check_files`].
///
/// # Errors
/// That there is no Python to ask.
pub fn check(document: &Document, python: Option<&Path>) -> Result<Vec<Finding>, Unavailable> {
    check_procedures(document, python, |_, _| true)
}

/// The same for the procedures that `only` chooses by the places of the service and of the
/// procedure in the model, and for the modules of their services. Where there is nothing to check,
/// no Python is started.
///
/// # Errors
/// That there is no Python to ask.
pub fn check_procedures(
    document: &Document,
    python: Option<&Path>,
    only: impl Fn(usize, usize) -> bool,
) -> Result<Vec<Finding>, Unavailable> {
    let python = python.unwrap_or(Path::new(DEFAULT_PYTHON));
    check_within(document, python, only, LIMITS)
}

fn check_within(
    document: &Document,
    python: &Path,
    only: impl Fn(usize, usize) -> bool,
    limits: Limits,
) -> Result<Vec<Finding>, Unavailable> {
    let work = Work::of(document, only);
    let python = Python::new(python, document.folder(), limits);
    let found = read_all(&work, &python, processes(work.files()))?;
    let mut findings: Vec<_> = found
        .into_iter()
        .filter_map(|found| found.finding(document, &work.places))
        .collect();
    findings.sort_by_key(|finding| (finding.span.start, finding.code));
    findings.truncate(MAX_FINDINGS);
    Ok(findings)
}

/// Among how many processes so many files are shared out.
fn processes(files: usize) -> usize {
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    cores.min(files.div_ceil(MIN_FILES_PER_PROCESS))
}

#[cfg(test)]
mod tests;
