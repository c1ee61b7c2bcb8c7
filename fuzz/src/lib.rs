//! What must hold of every input: targets for random bytes, each a function that panics if it does
//! not hold.
//!
//! An input is read as decisions, so that most of what comes of it is nearly right. There are three
//! ways to run the targets:
//!
//! - `cargo fuzz run frames` looks for new inputs with libFuzzer, guided by coverage (needs
//!   cargo-fuzz);
//! - `cargo run --release --no-default-features -- --seconds 600` runs random inputs, for as long
//!   as it is told;
//! - `cargo test --no-default-features` runs a few thousand random inputs, and all that are kept in
//!   `crashes/`.

mod decisions;
pub mod frames;
pub mod session;
pub mod values;

pub(crate) use decisions::Decisions;

/// A function that is run on random bytes.
#[derive(Debug, Clone, Copy)]
pub struct Target {
    /// What it is called.
    pub name: &'static str,
    /// Panics where something does not hold that must.
    pub run: fn(&[u8]),
}

/// Every target.
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

/// The input of a case: as many bytes as a case needs, all of which follow from the seed.
pub fn input(seed: u64) -> Vec<u8> {
    // Seeds that differ in one bit lead far apart (SplitMix64), and on from there by Marsaglia's
    // xorshift.
    let mixed = seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    let mut state = (mixed ^ (mixed >> 31)).max(1);
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state
    };
    let words = 1 + next() % 64;
    (0..words).flat_map(|_| next().to_le_bytes()).collect()
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    /// How many cases of each target.
    const CASES: u64 = 2_000;

    #[test]
    fn what_must_hold_of_every_input_holds_of_a_few_thousand() {
        for Target { name, run } in TARGETS {
            for seed in 0..CASES {
                let case = std::panic::catch_unwind(|| run(&input(seed)));
                assert!(case.is_ok(), "target {name}, seed {seed}");
            }
        }
    }

    #[test]
    fn what_was_found_once_holds() {
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
