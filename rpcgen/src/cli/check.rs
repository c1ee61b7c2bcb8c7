//! `rpcgen check`: whether a file is right and its sources are there.

use std::path::Path;
use std::process::ExitCode;

use super::FAILED;
use super::format::Format;
use crate::Error;

pub(super) fn check(init: &Path, format: Format) -> ExitCode {
    match rpc_schema::load(init).and_then(|document| document.check_files()) {
        Ok(()) => {
            format.success(init);
            ExitCode::SUCCESS
        }
        Err(report) => {
            format.failure(init, &Error::from(report));
            ExitCode::from(FAILED)
        }
    }
}
