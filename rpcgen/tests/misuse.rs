//! Mistakes in calls and in what answers them, each with what the compiler says about it: one error
//! that lists the valid calls.
//!
//! `TRYBUILD=overwrite cargo test -p rpcgen --test misuse` writes the messages anew.

#[test]
fn every_mistake_is_one_error_that_says_what_is_valid() {
    trybuild::TestCases::new().compile_fail("tests/misuse/*.rs");
}
