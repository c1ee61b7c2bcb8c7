//! Binary frames, whole and in pieces.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| rpc_fuzz::frames::run(input));
