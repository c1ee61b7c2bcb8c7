//! A small load program: what a call, a plan and a swap cost on this machine.
//!
//! ```text
//! cargo run --release --example load                 calls, then deployment
//! cargo run --release --example load -- calls
//! cargo run --release --example load -- deployment
//! cargo run --release --example load -- kills 200    applies whose server or initializer is killed
//! cargo run --release --example load -- floods       honest callers under floods; `floods --help` has the options
//! ```
//!
//! Every figure of one run stands beside the bare socket's of the same run: machines differ and
//! drift, ratios less so. The server and the bare echo are processes of their own; this program
//! starts itself as them.

mod calls;
mod deployment;
mod floods;
mod kills;
mod project;

use std::process::ExitCode;

fn main() -> ExitCode {
    let mut arguments = std::env::args_os().skip(1);
    match arguments.next().as_deref().and_then(|first| first.to_str()) {
        Some("rpc-server") => rpc_cli::server::run(arguments).into(),
        Some("initializer") => rpc_cli::initializer::run(arguments).into(),
        Some("bare-echo") => calls::serve_bare_echo(),
        Some("calls") => ended(calls::measure()),
        Some("deployment") => ended(deployment::measure()),
        Some("kills") => {
            let kills = arguments
                .next()
                .and_then(|count| count.to_str()?.parse().ok());
            ended(kills::measure(kills.unwrap_or(200)))
        }
        Some("floods") => ended(floods::measure(arguments)),
        Some("floods-attacker") => ended(floods::attack(arguments)),
        Some("floods-sink") => ended(floods::serve_sink()),
        Some(other) => {
            eprintln!("error: no such part `{other}`");
            ExitCode::from(2)
        }
        None => ended(calls::measure().and_then(|()| deployment::measure())),
    }
}

fn ended(result: std::io::Result<()>) -> ExitCode {
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

/// The middle one of some figures.
fn median(mut figures: Vec<f64>) -> f64 {
    figures.sort_by(f64::total_cmp);
    figures[figures.len() / 2]
}
