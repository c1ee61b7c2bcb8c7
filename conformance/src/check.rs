//! [`check`]: checks the sources of a document with several Python processes.

use std::path::Path;
use std::time::Duration;

use rpc_schema::diagnostic::MAX_FINDINGS;
use rpc_schema::{Document, Finding};

use crate::python::{
    DEFAULT_PYTHON, Interpreter, Limits, MAX_ANSWER_BYTES, MAX_MEMORY_BYTES, PythonUnavailable,
};
use crate::reading::read_all;
use crate::request::Workload;

/// Maximum time for the check of all sources.
pub const TIME_LIMIT: Duration = Duration::from_mins(1);

/// Maximum time for one file. The largest files that a person writes take about a second.
pub const FILE_TIME_LIMIT: Duration = Duration::from_secs(20);

const LIMITS: Limits = Limits {
    time: TIME_LIMIT,
    file_time: FILE_TIME_LIMIT,
    answer_bytes: MAX_ANSWER_BYTES,
    memory_bytes: MAX_MEMORY_BYTES,
};

/// Minimum number of files for which another process is started.
const MIN_FILES_PER_PROCESS: usize = 100;

/// Checks every source of a document against its signature, with this Python or with `python3`. A
/// file that Python cannot finish within the limits is a finding. Missing files are not reported
/// here; [`Document::check_files`] does that.
///
/// # Errors
/// Fails if no suitable Python can be started.
pub fn check(
    document: &Document,
    python: Option<&Path>,
) -> Result<Vec<Finding>, PythonUnavailable> {
    check_procedures(document, python, |_, _| true)
}

/// Checks some procedures and the modules of their services. `only` chooses the procedures by the
/// positions of the service and of the procedure in the model. If there is nothing to check, no
/// Python is started.
///
/// # Errors
/// Fails if no suitable Python can be started.
pub fn check_procedures(
    document: &Document,
    python: Option<&Path>,
    only: impl Fn(usize, usize) -> bool,
) -> Result<Vec<Finding>, PythonUnavailable> {
    let python = python.unwrap_or(Path::new(DEFAULT_PYTHON));
    check_within(document, python, only, LIMITS)
}

fn check_within(
    document: &Document,
    python: &Path,
    only: impl Fn(usize, usize) -> bool,
    limits: Limits,
) -> Result<Vec<Finding>, PythonUnavailable> {
    let workload = Workload::of(document, only);
    let python = Interpreter::new(python, document.folder(), limits);
    let found = read_all(&workload, &python, process_count(workload.file_count()))?;
    let mut findings: Vec<_> = found
        .into_iter()
        .filter_map(|found| found.finding(document, &workload.places))
        .collect();
    findings.sort_by_key(|finding| (finding.span.start, finding.code));
    findings.truncate(MAX_FINDINGS);
    Ok(findings)
}

/// Returns the number of processes that share this number of files.
fn process_count(files: usize) -> usize {
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    cores.min(files.div_ceil(MIN_FILES_PER_PROCESS))
}

#[cfg(test)]
mod tests;
