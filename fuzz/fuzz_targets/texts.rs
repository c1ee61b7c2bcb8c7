//! JSON texts against their types.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| rpc_fuzz::values::run_text(input));
