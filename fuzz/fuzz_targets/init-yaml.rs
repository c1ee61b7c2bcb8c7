//! The file init.yaml, and the files that it extends.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| rpc_fuzz::init_yaml::run(input));
