//! Binary values against their types and their JSON.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| rpc_fuzz::values::run(input));
