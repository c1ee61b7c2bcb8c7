//! `rpcgen check`: the files that a document names, and the Python in them.

use std::path::PathBuf;

use rpc_schema::{Document, Report};

use super::print::complain;

/// How sources are checked.
#[derive(Debug, clap::Args)]
pub(super) struct Options {
    /// The Python that reads the sources
    #[arg(long, value_name = "PATH", default_value = rpc_conformance::DEFAULT_PYTHON)]
    python: PathBuf,
    /// Do not hold the sources against their signatures
    #[arg(long, conflicts_with = "python")]
    no_sources: bool,
}

/// Looks for every file, and holds the sources that are there against their signatures; all
/// findings are in one report. Where there is no Python, a note says so.
pub(super) fn check(document: &Document, options: &Options) -> Result<(), Report> {
    let files = document.check_files();
    let mut findings = files
        .err()
        .map(|report| report.findings)
        .unwrap_or_default();
    if !options.no_sources {
        match rpc_conformance::check(document, Some(&options.python)) {
            Ok(found) => findings.extend(found),
            Err(unavailable) => complain(&format!("note: {unavailable}")),
        }
    }
    if findings.is_empty() {
        Ok(())
    } else {
        Err(document.report(findings))
    }
}
