//! A data folder with changed files.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| rpc_fuzz::data_folder::run(input));
