//! The command `rpcgen`.

use std::process::ExitCode;

fn main() -> ExitCode {
    rpcgen::cli::main()
}
