//! Fuzz targets: each is a function that takes random bytes and panics if an invariant does not
//! hold.
//!
//! An input is read as a sequence of decisions, so that most generated data is nearly valid. There
//! are three ways to run the targets:
//!
//! - `cargo fuzz run frames` looks for new inputs with libFuzzer, guided by coverage (needs
//!   cargo-fuzz);
//! - `cargo run --release --no-default-features -- --seconds 600` runs random inputs for this time;
//! - `cargo test --no-default-features` runs a few thousand random inputs, and all inputs in
//!   `crashes/`.

mod decisions;
pub mod frames;
pub mod session;
pub mod values;

pub(crate) use decisions::Decisions;

/// A function that is run on random bytes.
#[derive(Debug, Clone, Copy)]
pub struct Target {
    /// The name of the target.
    pub name: &'static str,
    /// Panics if an invariant does not hold.
    pub run: fn(&[u8]),
}

/// All targets.
pub const TARGETS: [Target; 4] = [
    Target {
        name: "frames",
        run: frames::run,
    },
    Target {
        name: "values",
        run: values::run,
    },
    Target {
        name: "texts",
        run: values::run_text,
    },
    Target {
        name: "session",
        run: session::run,
    },
];

/// Returns the input of a case. All bytes follow from the seed.
pub fn input(seed: u64) -> Vec<u8> {
    let mut random = fastrand::Rng::with_seed(seed);
    let words = random.usize(1..=64);
    (0..words)
        .flat_map(|_| random.u64(..).to_le_bytes())
        .collect()
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    /// Number of cases of each target.
    const CASES: u64 = 2_000;

    #[test]
    fn the_invariants_hold_for_a_few_thousand_random_inputs() {
        for Target { name, run } in TARGETS {
            for seed in 0..CASES {
                let case = std::panic::catch_unwind(|| run(&input(seed)));
                assert!(case.is_ok(), "target {name}, seed {seed}");
            }
        }
    }

    #[test]
    fn the_invariants_hold_for_every_input_that_once_failed() {
        for Target { name, run } in TARGETS {
            let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
                .join("crashes")
                .join(name);
            let Ok(files) = std::fs::read_dir(folder) else {
                continue;
            };
            for file in files {
                let path = file.expect("a file").path();
                let input = std::fs::read(&path).expect("its bytes");
                assert!(
                    std::panic::catch_unwind(|| run(&input)).is_ok(),
                    "{}",
                    path.display()
                );
            }
        }
    }
}
