//! Packed bytes and patches of manifests.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| rpc_fuzz::patches::run(input));
