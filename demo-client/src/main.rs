//! The whole story in one command: `cargo run --release -p demo-client`.
//!
//! Two servers, the initializer and the clients are processes of their own that speak only TCP.
//! They are this very program, started again with a part as its first argument, since building it
//! builds no other program.

mod calls;
mod ledger;
mod processes;
mod story;
mod swap;

/// The stubs of `init.yaml`, written by `build.rs`.
mod stubs {
    rpc_runtime::include_stubs!();
}

/// The stubs of `native.yaml`: a service that is part of this program.
mod native_stubs {
    rpc_runtime::include_stubs!("native_stubs.rs");
}

use std::process::ExitCode;

use rustix::process::{Signal, set_parent_process_death_signal};

fn main() -> ExitCode {
    let mut arguments = std::env::args_os().skip(1);
    let Some(part) = arguments.next() else {
        return story::tell();
    };
    // A part does not outlive the story, however that ends.
    if let Err(error) = set_parent_process_death_signal(Some(Signal::TERM)) {
        eprintln!("error: {error}");
        return ExitCode::FAILURE;
    }
    match part.to_str() {
        Some("rpc-server") => rpc_cli::server::run(arguments).into(),
        Some("rpc-server-with-ledger") => {
            rpc_cli::server::run_with(ledger::services(), arguments).into()
        }
        Some("initializer") => rpc_cli::initializer::run(arguments).into(),
        Some("calls") => report(calls::answered()),
        Some("exceptions") => report(calls::refused()),
        Some("ledger") => report(ledger::call()),
        Some("loop") => report(swap::call_in_a_loop()),
        _ => {
            eprintln!("error: this program takes no arguments; it tells its story with none");
            ExitCode::from(2)
        }
    }
}

fn report(result: anyhow::Result<()>) -> ExitCode {
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}
