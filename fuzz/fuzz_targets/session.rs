//! A client's session against frames of any kind.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| rpc_fuzz::session::run(input));
