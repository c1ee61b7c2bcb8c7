//! What server and initializer share: manifests, the transaction's two state machines, and its messages.
//!
//! ```text
//! initializer                                   each server
//!   Coordinator --INIT-BEGIN----(manifest)----> Participant: idle -> staging, under a lease
//!               --INIT-PUT------(sources)----->
//!               --INIT-PREPARE---------------->              staging -> prepared, durable
//!               --INIT-COMMIT----------------->              prepared -> idle, a new generation
//!               --INIT-ABORT------------------>              staging, prepared -> idle
//!               --INIT-OUTCOME---------------->              what became of a transaction
//!               --INIT-ROLLBACK--------------->              a new generation with the old content
//! ```
//!
//! The state machines know no sockets and no clock: time comes in as an argument.

pub mod coordinator;
pub mod manifest;
pub mod message;
pub mod packed;
pub mod participant;

#[cfg(test)]
mod model;

/// SHA-256 of some bytes, as lower-case hexadecimal.
pub fn sha256_hex(bytes: &[u8]) -> String {
    use sha2::Digest as _;
    hex(&sha2::Sha256::digest(bytes))
}

/// Bytes as lower-case hexadecimal.
pub fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// The proof of a deploy key: HMAC-SHA256 (RFC 2104) of the nonce's text, as lower-case hexadecimal.
pub fn prove_key(key: &[u8], nonce: &str) -> String {
    keyed(key, nonce).map_or_else(String::new, |mac| hex(&hmac::Mac::finalize(mac).into_bytes()))
}

/// Whether that is the proof of this key, compared in constant time.
pub fn verify_key(key: &[u8], nonce: &str, proof: &str) -> bool {
    let digits = proof.as_bytes().chunks(2);
    let byte = |pair| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok();
    let proof: Option<Vec<u8>> = digits.map(byte).collect();
    keyed(key, nonce).zip(proof).is_some_and(|(mac, proof)| hmac::Mac::verify_slice(mac, &proof).is_ok())
}

/// HMAC takes a key of any length, so this is always `Some`.
fn keyed(key: &[u8], nonce: &str) -> Option<hmac::Hmac<sha2::Sha256>> {
    use hmac::{KeyInit as _, Mac as _};
    let mut mac = hmac::Hmac::<sha2::Sha256>::new_from_slice(key).ok()?;
    mac.update(nonce.as_bytes());
    Some(mac)
}

/// A fresh random id of 16 hexadecimal digits.
///
/// # Errors
/// Where the operating system gives no randomness.
pub fn random_id() -> std::io::Result<String> {
    let mut bytes = [0; 8];
    getrandom::fill(&mut bytes).map_err(std::io::Error::other)?;
    Ok(hex(&bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_deploy_key_is_proved_by_whoever_has_it() {
        let proof = prove_key(b"key", "nonce");
        assert!(verify_key(b"key", "nonce", &proof));
        for (key, nonce, proof) in [
            (&b"kex"[..], "nonce", &proof[..]),
            (b"key", "other", &proof),
            (b"key", "nonce", &proof[2..]),
            (b"key", "nonce", ""),
            (b"key", "nonce", "zz"),
        ] {
            assert!(!verify_key(key, nonce, proof));
        }
        // RFC 4231, test case 2.
        assert_eq!(
            prove_key(b"Jefe", "what do ya want for nothing?"),
            "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"
        );
    }
}
