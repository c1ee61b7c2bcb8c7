//! `rpcgen check`: checks a file, and its sources against their signatures.

use std::path::Path;
use std::process::ExitCode;

use super::format::Format;
use super::{FAILED, sources};
use crate::Error;

pub(super) fn check(init: &Path, options: &sources::Options, format: Format) -> ExitCode {
    match rpc_schema::load(init).and_then(|document| sources::check(&document, options)) {
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
