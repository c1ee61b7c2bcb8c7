//! `rpcgen check`: whether a file is right and its sources are there.

use std::path::Path;
use std::process::ExitCode;

use crate::Error;

pub(super) fn check(init: &Path) -> Result<ExitCode, Error> {
    rpc_schema::load(init)?.check_files()?;
    Ok(ExitCode::SUCCESS)
}
