//! Calls remote procedures from the command line.

use std::process::ExitCode;

fn main() -> ExitCode {
    rpc_cli::client::run(std::env::args_os().skip(1)).into()
}
