//! Code shared by the server and the initializer: manifests, the two state machines of a
//! transaction, and its messages.
//!
//! ```text
//! initializer                                   each server
//!   Coordinator --INIT-BEGIN----(manifest)----> Participant: idle -> staging, under a lease
//!               --INIT-PUT------(sources)----->
//!               --INIT-PREPARE---------------->              staging -> prepared, durable
//!               --INIT-COMMIT----------------->              prepared -> idle, a new generation
//!               --INIT-ABORT------------------>              staging, prepared -> idle
//!               --INIT-OUTCOME---------------->              returns the outcome of a transaction
//!               --INIT-ROLLBACK--------------->              a new generation with the previous content
//! ```
//!
//! The state machines know no sockets and no clock. Each step gets the time as an argument.

pub mod coordinator;
pub mod key_file;
pub mod manifest;
pub mod message;
pub mod packed;
pub mod participant;
pub mod proof;

#[cfg(test)]
mod model;

/// Returns the SHA-256 of bytes, as lower-case hexadecimal.
pub fn sha256_hex(bytes: &[u8]) -> String {
    use sha2::Digest as _;
    hex::encode(sha2::Sha256::digest(bytes))
}

/// Returns whether a text has exactly `digits` hexadecimal digits in lower case, and nothing else.
pub fn is_hex(text: &str, digits: usize) -> bool {
    text.len() == digits
        && text
            .bytes()
            .all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

/// Returns whether a text is the id of a transaction: 16 hexadecimal digits, as [`random_id`]
/// returns them.
pub fn is_txn(text: &str) -> bool {
    is_hex(text, 16)
}

/// Returns a random id of 16 hexadecimal digits.
///
/// # Errors
/// Fails if the operating system returns no random bytes.
pub fn random_id() -> std::io::Result<String> {
    random_hex::<8>()
}

/// Returns `BYTES` random bytes as hexadecimal digits.
///
/// # Errors
/// Fails if the operating system returns no random bytes.
pub fn random_hex<const BYTES: usize>() -> std::io::Result<String> {
    let mut bytes = [0; BYTES];
    getrandom::fill(&mut bytes).map_err(std::io::Error::other)?;
    Ok(hex::encode(bytes))
}
