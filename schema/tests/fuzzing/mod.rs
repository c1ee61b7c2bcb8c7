//! The parts that the mutation test and the example `fuzz` share: the first files, the mutations,
//! and the properties that must hold for every result.

mod corpus;
#[path = "../markdown/mod.rs"]
mod markdown;
mod mutator;
mod properties;

pub use corpus::corpus;
pub use mutator::Mutator;
pub use properties::{check_file, check_type};

/// Checks one case: a mutated file of the corpus, and a type. Both follow from the seed. Returns
/// whether the file was accepted.
pub fn run_case(corpus: &[String], seed: u64) -> bool {
    let case = Case::new(corpus, seed);
    check_type(&case.ty);
    check_file(&case.file)
}

/// The input that follows from a seed.
pub struct Case {
    pub file: String,
    pub ty: String,
}

impl Case {
    pub fn new(corpus: &[String], seed: u64) -> Self {
        let mut mutator = Mutator::new(seed);
        let mut bytes = corpus[mutator.below(corpus.len())].clone().into_bytes();
        for _ in 0..=mutator.below(4) {
            mutator.mutate(&mut bytes);
        }
        Self {
            file: String::from_utf8_lossy(&bytes).into_owned(),
            ty: mutator.type_text(),
        }
    }
}
