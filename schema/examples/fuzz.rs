//! Looks for a file that makes the crate panic or hang, for as long as it is told:
//! `cargo run --release -p rpc-schema --example fuzz -- --seconds 60 [--seed N]`.
//!
//! Case after case follows from the seed. A failure is printed with the seed that begins with it,
//! and its input is written to a file.

#[path = "../tests/fuzzing/mod.rs"]
mod fuzzing;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::ExitCode;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use fuzzing::{Case, corpus, run_case};

/// Longer than this no case may take.
const PATIENCE: Duration = Duration::from_secs(5);

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
    let (begin, mut accepted, mut cases) = (Instant::now(), 0, 0);
    while begin.elapsed() < arguments.time {
        let seed = arguments.seed.wrapping_add(cases);
        let case = Instant::now();
        let outcome = catch_unwind(AssertUnwindSafe(|| run_case(&corpus, seed)));
        match outcome {
            Ok(is_accepted) if case.elapsed() < PATIENCE => accepted += u64::from(is_accepted),
            _ => return tell(&corpus, seed),
        }
        cases += 1;
    }
    println!("{cases} cases, {accepted} accepted, nothing found");
    ExitCode::SUCCESS
}

fn arguments() -> Option<Arguments> {
    let mut arguments = Arguments {
        time: Duration::from_mins(1),
        seed: clock(),
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

/// Another beginning for every run.
fn clock() -> u64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(1, |now| now.as_micros() as u64)
}

fn tell(corpus: &[String], seed: u64) -> ExitCode {
    let case = Case::new(corpus, seed);
    let path = std::env::temp_dir().join(format!("fuzz-{seed}.yaml"));
    println!("failed, or took more than {PATIENCE:?}: --seed {seed}");
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
