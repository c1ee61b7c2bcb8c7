//! Mistakes in calls, handlers and mocks. Each file has the message of the compiler beside it: one
//! error that lists the valid calls.
//!
//! `TRYBUILD=overwrite cargo test -p rpcgen --test misuse` updates the messages.

#[test]
fn every_mistake_is_a_single_error_that_lists_the_valid_calls() {
    trybuild::TestCases::new().compile_fail("tests/misuse/*.rs");
}
