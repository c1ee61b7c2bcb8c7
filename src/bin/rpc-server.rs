//! Runs the services that the initializer deploys. The program is the same on every node.

use std::process::ExitCode;

fn main() -> ExitCode {
    rpc_cli::server::run(std::env::args_os().skip(1)).into()
}
