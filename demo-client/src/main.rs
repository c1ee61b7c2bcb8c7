//! The whole demo in one command: `cargo run --release -p demo-client`.
//!
//! The servers, the initializer and the clients are processes of their own, which communicate only
//! over TCP. Each is this program, started again with the name of a part as its first argument:
//! cargo builds no other program for the demo.

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
        return story::run();
    };
    // A part must not outlive the demo, however the demo ends.
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
        Some("calls") => report(calls::successes()),
        Some("exceptions") => report(calls::failures()),
        Some("ledger") => report(ledger::call()),
        Some("loop") => report(swap::call_in_a_loop()),
        _ => {
            eprintln!("error: the demo takes no arguments");
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
