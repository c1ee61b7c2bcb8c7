//! Runs random inputs of each target for a given time, or until one fails: `cargo run --release
//! --no-default-features -- --seconds 60 [--target NAME] [--seed N]`.
//!
//! Every input follows from the seed. A failure is printed with its seed,
//! and its input is written to a file. The input of a bug that was fixed belongs in
//! `crashes/TARGET/`.

use std::panic::catch_unwind;
use std::process::ExitCode;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use rpc_fuzz::{TARGETS, Target, input};

/// Maximum duration of one case.
const MAX_CASE_TIME: Duration = Duration::from_secs(5);

struct Arguments {
    /// The time for each target.
    time: Duration,
    seed: u64,
    targets: Vec<Target>,
}

fn main() -> ExitCode {
    let Some(arguments) = arguments() else {
        let names: Vec<_> = TARGETS.iter().map(|target| target.name).collect();
        eprintln!(
            "usage: random [--seconds N] [--target {}] [--seed N]",
            names.join("|")
        );
        return ExitCode::from(2);
    };
    println!("seed {}", arguments.seed);
    for target in &arguments.targets {
        let begin = Instant::now();
        let mut cases = 0;
        while begin.elapsed() < arguments.time {
            let seed = arguments.seed.wrapping_add(cases);
            let case = Instant::now();
            let outcome = catch_unwind(|| (target.run)(&input(seed)));
            if outcome.is_err() || case.elapsed() > MAX_CASE_TIME {
                return report(target, seed);
            }
            cases += 1;
        }
        println!("{}: {cases} cases, no failure", target.name);
    }
    ExitCode::SUCCESS
}

fn arguments() -> Option<Arguments> {
    let mut arguments = Arguments {
        time: Duration::from_mins(1),
        seed: time_seed(),
        targets: TARGETS.to_vec(),
    };
    let mut words = std::env::args().skip(1);
    while let Some(flag) = words.next() {
        let value = words.next()?;
        match flag.as_str() {
            "--seconds" => arguments.time = Duration::from_secs(value.parse().ok()?),
            "--seed" => arguments.seed = value.parse().ok()?,
            "--target" => arguments.targets.retain(|target| target.name == value),
            _ => return None,
        }
    }
    (!arguments.targets.is_empty()).then_some(arguments)
}

/// Returns a different seed for every run.
fn time_seed() -> u64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(1, |now| now.as_micros() as u64)
}

/// Prints a failure, and writes its input to a file.
fn report(target: &Target, seed: u64) -> ExitCode {
    let path = std::env::temp_dir().join(format!("fuzz-{}-{seed}", target.name));
    println!(
        "failed, or took more than {MAX_CASE_TIME:?}: --target {} --seed {seed}",
        target.name
    );
    match std::fs::write(&path, input(seed)) {
        Ok(()) => println!("its input was written to {}", path.display()),
        Err(error) => println!("cannot write its input to {}: {error}", path.display()),
    }
    ExitCode::FAILURE
}
