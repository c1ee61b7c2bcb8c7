//! Searches for a file that makes the crate panic or hang:
//! `cargo run --release -p rpc-schema --example fuzz -- --seconds 60 [--seed N]`.
//!
//! All cases follow from the seed. For a failure, the example prints a seed that starts with the
//! failing case, and writes the input to a file.

#[path = "../tests/fuzzing/mod.rs"]
mod fuzzing;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::ExitCode;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use fuzzing::{Case, corpus, run_case};

/// Maximum time for one case.
const CASE_TIME_LIMIT: Duration = Duration::from_secs(5);

struct Arguments {
    time: Duration,
    seed: u64,
}

fn main() -> ExitCode {
    let Some(arguments) = arguments() else {
        eprintln!("usage: fuzz --seconds N [--seed N]");
        return ExitCode::from(2);
    };
    let corpus = corpus();
    println!(
        "{} files to begin with, seed {}",
        corpus.len(),
        arguments.seed
    );
    let started_at = Instant::now();
    let mut accepted = 0;
    let mut cases = 0;
    while started_at.elapsed() < arguments.time {
        let seed = arguments.seed.wrapping_add(cases);
        let case_started_at = Instant::now();
        let outcome = catch_unwind(AssertUnwindSafe(|| run_case(&corpus, seed)));
        match outcome {
            Ok(is_accepted) if case_started_at.elapsed() < CASE_TIME_LIMIT => {
                accepted += u64::from(is_accepted);
            }
            _ => return report_failure(&corpus, seed),
        }
        cases += 1;
    }
    println!("{cases} cases, {accepted} accepted, nothing found");
    ExitCode::SUCCESS
}

fn arguments() -> Option<Arguments> {
    let mut arguments = Arguments {
        time: Duration::from_mins(1),
        seed: seed_from_clock(),
    };
    let mut words = std::env::args().skip(1);
    while let Some(flag) = words.next() {
        let number: u64 = words.next()?.parse().ok()?;
        match flag.as_str() {
            "--seconds" => arguments.time = Duration::from_secs(number),
            "--seed" => arguments.seed = number,
            _ => return None,
        }
    }
    Some(arguments)
}

/// Returns a different seed for every run.
fn seed_from_clock() -> u64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(1, |now| now.as_micros() as u64)
}

fn report_failure(corpus: &[String], seed: u64) -> ExitCode {
    let case = Case::new(corpus, seed);
    let path = std::env::temp_dir().join(format!("fuzz-{seed}.yaml"));
    println!("failed, or took more than {CASE_TIME_LIMIT:?}: --seed {seed}");
    println!("its type is {:?}", case.ty);
    match std::fs::write(&path, &case.file) {
        Ok(()) => println!("its file is {}", path.display()),
        Err(error) => println!(
            "its file cannot be written to {}: {error}\n{}",
            path.display(),
            case.file
        ),
    }
    ExitCode::FAILURE
}
