//! Folders of certificates, and revocation lists.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| rpc_fuzz::certificates::run(input));
