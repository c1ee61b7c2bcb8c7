//! Fuzz targets: each is a function that takes random bytes and panics if an invariant does not
//! hold.
//!
//! An input is read as a sequence of decisions, so that most generated data is nearly valid. There
//! are three ways to run the targets:
//!
//! - `cargo fuzz run frames` looks for new inputs with libFuzzer, guided by coverage (needs
//!   cargo-fuzz);
//! - `cargo run --release --no-default-features -- --seconds 60` runs random inputs, for this time
//!   for each target;
//! - `cargo test --no-default-features` runs a few thousand random inputs, and all inputs in
//!   `crashes/`.

pub mod certificates;
pub mod data_folder;
mod decisions;
pub mod frames;
pub mod init_yaml;
pub mod manifests;
pub mod messages;
pub mod patches;
pub mod served_session;
pub mod session;
pub mod values;
pub mod worker;

pub(crate) use decisions::Decisions;

/// A function that is run on random bytes.
#[derive(Debug, Clone, Copy)]
pub struct Target {
    /// The name of the target.
    pub name: &'static str,
    /// Panics if an invariant does not hold.
    pub run: fn(&[u8]),
    /// Number of random inputs in the tests.
    pub smoke_cases: u64,
}

/// All targets.
pub const TARGETS: [Target; 12] = [
    Target {
        name: "frames",
        run: frames::run,
        smoke_cases: 2000,
    },
    Target {
        name: "values",
        run: values::run,
        smoke_cases: 2000,
    },
    Target {
        name: "texts",
        run: values::run_text,
        smoke_cases: 2000,
    },
    Target {
        name: "messages",
        run: messages::run,
        smoke_cases: 2000,
    },
    Target {
        name: "session",
        run: session::run,
        smoke_cases: 2000,
    },
    Target {
        name: "served-session",
        run: served_session::run,
        smoke_cases: 300,
    },
    Target {
        name: "manifests",
        run: manifests::run,
        smoke_cases: 2000,
    },
    Target {
        name: "patches",
        run: patches::run,
        smoke_cases: 500,
    },
    Target {
        name: "init-yaml",
        run: init_yaml::run,
        smoke_cases: 1000,
    },
    Target {
        name: "worker",
        run: worker::run,
        smoke_cases: 2000,
    },
    Target {
        name: "data-folder",
        run: data_folder::run,
        smoke_cases: 300,
    },
    Target {
        name: "certificates",
        run: certificates::run,
        smoke_cases: 500,
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

    #[test]
    fn the_invariants_hold_for_a_few_thousand_random_inputs() {
        for Target {
            name,
            run,
            smoke_cases,
        } in TARGETS
        {
            for seed in 0..smoke_cases {
                let case = std::panic::catch_unwind(|| run(&input(seed)));
                assert!(case.is_ok(), "target {name}, seed {seed}");
            }
        }
    }

    #[test]
    fn every_target_can_be_run_by_libfuzzer_and_by_its_name() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        let manifest = std::fs::read_to_string(root.join("Cargo.toml")).expect("the manifest");
        for Target { name, .. } in TARGETS {
            let path = format!("fuzz_targets/{name}.rs");
            assert!(root.join(&path).is_file(), "{path} is missing");
            assert!(manifest.contains(&path), "Cargo.toml does not name {path}");
        }
    }

    #[test]
    fn the_invariants_hold_for_every_input_that_once_failed() {
        for Target { name, run, .. } in TARGETS {
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
