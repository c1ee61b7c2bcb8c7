//! A small load program: measures calls, deployments and floods on this machine.
//!
//! ```text
//! cargo run --release --example load                 calls, then deployment
//! cargo run --release --example load -- calls
//! cargo run --release --example load -- deployment
//! cargo run --release --example load -- kills 200    kills a server or an initializer during each apply
//! cargo run --release --example load -- floods       honest callers under floods; `floods --help` has the options
//! ```
//!
//! Each rate of calls is compared with a bare socket's rate from the same run: machines differ and
//! their speed drifts, but ratios are more stable. The server and the bare echo are processes of
//! their own. This program starts itself again for each.

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
        Some("calls") => report(calls::measure()),
        Some("deployment") => report(deployment::measure()),
        Some("kills") => {
            let kills = arguments
                .next()
                .and_then(|count| count.to_str()?.parse().ok());
            report(kills::measure(kills.unwrap_or(200)))
        }
        Some("floods") => report(floods::measure(arguments)),
        Some("floods-attacker") => report(floods::attack(arguments)),
        Some("floods-sink") => report(floods::serve_sink(arguments)),
        Some(other) => {
            eprintln!(
                "error: unknown part `{other}`; the parts are calls, deployment, kills and floods"
            );
            ExitCode::from(2)
        }
        None => report(calls::measure().and_then(|()| deployment::measure())),
    }
}

fn report(result: std::io::Result<()>) -> ExitCode {
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Returns the median.
fn median(mut figures: Vec<f64>) -> f64 {
    figures.sort_by(f64::total_cmp);
    figures[figures.len() / 2]
}
