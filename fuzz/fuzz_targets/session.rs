//! The session of a client against any frames.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| rpc_fuzz::session::run(input));
