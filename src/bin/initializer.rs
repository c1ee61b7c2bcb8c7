//! Makes the servers of an init.yaml match the file.

use std::process::ExitCode;

fn main() -> ExitCode {
    rpc_cli::initializer::run(std::env::args_os().skip(1)).into()
}
