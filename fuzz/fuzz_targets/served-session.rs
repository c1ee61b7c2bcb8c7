//! A server against any frames and messages of its clients.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| rpc_fuzz::served_session::run(input));
