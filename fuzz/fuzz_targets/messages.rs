//! Messages in JSON, and their framing.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| rpc_fuzz::messages::run(input));
