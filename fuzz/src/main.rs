//! Runs random inputs until something does not hold, for as long as it is told:
//! `cargo run --release --no-default-features -- --seconds 600 [--target NAME] [--seed N]`.
//!
//! Every input follows from the seed, for each target in turn. A failure is printed with the seed
//! that leads to it at once, and its input is written to a file. The input of a mistake that was
//! mended goes to `crashes/TARGET/`.

use std::panic::catch_unwind;
use std::process::ExitCode;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use rpc_fuzz::{TARGETS, Target, input};

/// Longer than this no case may take.
const PATIENCE: Duration = Duration::from_secs(5);

struct Arguments {
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
    let (begin, mut cases) = (Instant::now(), 0);
    while begin.elapsed() < arguments.time {
        let seed = arguments.seed.wrapping_add(cases);
        for target in &arguments.targets {
            let case = Instant::now();
            let outcome = catch_unwind(|| (target.run)(&input(seed)));
            if outcome.is_err() || case.elapsed() > PATIENCE {
                return tell(target, seed);
            }
        }
        cases += 1;
    }
    println!(
        "{cases} cases of {} targets, nothing found",
        arguments.targets.len()
    );
    ExitCode::SUCCESS
}

fn arguments() -> Option<Arguments> {
    let mut arguments = Arguments {
        time: Duration::from_mins(1),
        seed: clock(),
        targets: TARGETS.to_vec(),
    };
    let mut words = std::env::args().skip(1);
    while let Some(flag) = words.next() {
        let word = words.next()?;
        match flag.as_str() {
            "--seconds" => arguments.time = Duration::from_secs(word.parse().ok()?),
            "--seed" => arguments.seed = word.parse().ok()?,
            "--target" => arguments.targets.retain(|target| target.name == word),
            _ => return None,
        }
    }
    (!arguments.targets.is_empty()).then_some(arguments)
}

/// Another beginning for every run.
fn clock() -> u64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(1, |now| now.as_micros() as u64)
}

fn tell(target: &Target, seed: u64) -> ExitCode {
    let path = std::env::temp_dir().join(format!("fuzz-{}-{seed}", target.name));
    println!(
        "failed, or took more than {PATIENCE:?}: --target {} --seed {seed}",
        target.name
    );
    match std::fs::write(&path, input(seed)) {
        Ok(()) => println!("its input is {}", path.display()),
        Err(error) => println!("its input cannot be written to {}: {error}", path.display()),
    }
    ExitCode::FAILURE
}
