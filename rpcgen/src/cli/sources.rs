//! `rpcgen check`: checks the source files that a document names.

use std::path::PathBuf;

use rpc_schema::{Document, Report};

use super::print::print_stderr;

/// How sources are checked.
#[derive(Debug, clap::Args)]
pub(super) struct Options {
    /// The Python interpreter that reads the sources
    #[arg(long, value_name = "PATH", default_value = rpc_conformance::DEFAULT_PYTHON)]
    python: PathBuf,
    /// Do not compare the sources with their signatures
    #[arg(long, conflicts_with = "python")]
    no_sources: bool,
}

/// Checks that every file exists, and compares the sources with their signatures. All findings are
/// in one report. If there is no Python, a note says so.
pub(super) fn check(document: &Document, options: &Options) -> Result<(), Report> {
    let files = document.check_files();
    let mut findings = files
        .err()
        .map(|report| report.findings)
        .unwrap_or_default();
    if !options.no_sources {
        match rpc_conformance::check(document, Some(&options.python)) {
            Ok(found) => findings.extend(found),
            Err(unavailable) => print_stderr(&format!("note: {unavailable}")),
        }
    }
    if findings.is_empty() {
        Ok(())
    } else {
        Err(document.report(findings))
    }
}
