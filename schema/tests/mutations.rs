//! Checks a few thousand mutations of correct and wrong files, the same on every run. Each is
//! accepted or refused, and none causes a panic. For other mutations, use
//! `cargo run --release -p rpc-schema --example fuzz -- --seconds 60`.

mod fuzzing;

use fuzzing::{check_file, corpus, run_case};

#[test]
fn a_mutated_file_is_accepted_by_both_parsers_or_refused() {
    const CASES: u64 = 5_000;
    let corpus = corpus();
    assert!(
        corpus.len() > 80 && check_file(&corpus[0]),
        "{} files",
        corpus.len()
    );
    let accepted = (0..CASES).filter(|seed| run_case(&corpus, *seed)).count();
    assert!(
        (100..4_900).contains(&accepted),
        "{accepted} of {CASES} were accepted"
    );
}
