//! The proof of a deploy key: an HMAC-SHA256 (RFC 2104) over the address and two nonces. Nobody can
//! reuse the proof for another connection.
//!
//! ```text
//! initializer                                 server
//!   INIT-CHALLENGE  nonce of the initializer -->
//!                   <-- nonce of the server
//!   INIT-PROVE      HMAC(key, label, address, both nonces) -->
//!                   <-- HMAC(key, the server's label, address, both nonces)
//! ```
//!
//! `address` is the address that the initializer dialled. A server accepts only its own address.
//! This is why a server in the middle cannot forward the challenge of another server. The server's
//! proof shows the initializer that the server has the key, before any code is sent.

use std::net::SocketAddr;

use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;

use super::is_hex;

/// Number of hexadecimal digits of a nonce.
pub const NONCE_DIGITS: usize = 32;

/// Number of hexadecimal digits of a proof.
const PROOF_DIGITS: usize = 64;

/// Which side proves that it has the key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Prover {
    /// The side that deploys.
    Initializer,
    /// The side that is deployed to.
    Server,
}

/// The values that a proof covers, beside the key.
#[derive(Debug, Clone, Copy)]
pub struct Challenge<'a> {
    /// The server's address, as the initializer dialled it.
    pub address: SocketAddr,
    /// The initializer's nonce: [`NONCE_DIGITS`] hexadecimal digits.
    pub initializer_nonce: &'a str,
    /// The server's nonce: [`NONCE_DIGITS`] hexadecimal digits.
    pub server_nonce: &'a str,
}

impl Challenge<'_> {
    /// Returns the proof, as lower-case hexadecimal.
    pub fn prove(&self, key: &[u8], prover: Prover) -> String {
        self.mac(key, prover)
            .map_or_else(String::new, |mac| hex::encode(mac.finalize().into_bytes()))
    }

    /// Returns whether a proof is the proof of this key. The comparison takes constant time.
    pub fn verify(&self, key: &[u8], prover: Prover, proof: &str) -> bool {
        if !is_hex(proof, PROOF_DIGITS) {
            return false;
        }
        self.mac(key, prover)
            .zip(hex::decode(proof).ok())
            .is_some_and(|(mac, proof)| mac.verify_slice(&proof).is_ok())
    }

    /// Returns the HMAC over the challenge. HMAC accepts a key of any length, so that this is
    /// always `Some`.
    fn mac(&self, key: &[u8], prover: Prover) -> Option<Hmac<Sha256>> {
        let mut mac = Hmac::<Sha256>::new_from_slice(key).ok()?;
        let label = match prover {
            Prover::Initializer => "rpc deploy 1 initializer",
            Prover::Server => "rpc deploy 1 server",
        };
        let Self {
            address,
            initializer_nonce,
            server_nonce,
        } = self;
        let address = canonical(*address);
        mac.update(format!("{label}\n{address}\n{initializer_nonce}\n{server_nonce}\n").as_bytes());
        Some(mac)
    }
}

/// Returns an address in the form that a proof and the name of a key file use: an IPv4 address
/// inside IPv6 becomes the IPv4 address, and the scope is dropped.
pub fn canonical(address: SocketAddr) -> SocketAddr {
    SocketAddr::new(address.ip().to_canonical(), address.port())
}

/// Returns whether a text is a nonce.
pub fn is_nonce(text: &str) -> bool {
    is_hex(text, NONCE_DIGITS)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn challenge<'a>(
        address: &str,
        initializer_nonce: &'a str,
        server_nonce: &'a str,
    ) -> Challenge<'a> {
        Challenge {
            address: address.parse().expect("an address"),
            initializer_nonce,
            server_nonce,
        }
    }

    #[test]
    fn a_proof_is_valid_for_one_key_one_address_two_nonces_and_one_side() {
        let proved = challenge("10.0.0.1:7101", "a", "b");
        let proof = proved.prove(b"key", Prover::Initializer);
        assert!(proved.verify(b"key", Prover::Initializer, &proof));
        assert!(challenge("[::ffff:10.0.0.1]:7101", "a", "b").verify(
            b"key",
            Prover::Initializer,
            &proof
        ));
        for other in [
            challenge("10.0.0.1:7102", "a", "b"),
            challenge("10.0.0.2:7101", "a", "b"),
            challenge("10.0.0.1:7101", "b", "a"),
            challenge("10.0.0.1:7101", "ab", ""),
            challenge("10.0.0.1:7101", "a", "c"),
        ] {
            assert!(
                !other.verify(b"key", Prover::Initializer, &proof),
                "{other:?}"
            );
        }
        assert!(!proved.verify(b"kex", Prover::Initializer, &proof));
        assert!(!proved.verify(b"key", Prover::Server, &proof));
        for broken in [
            "",
            "zz",
            &proof[2..],
            &proof[1..],
            "é",
            &proof.to_uppercase(),
        ] {
            assert!(
                !proved.verify(b"key", Prover::Initializer, broken),
                "{broken}"
            );
        }
    }

    #[test]
    fn the_proof_covers_the_documented_text() {
        let nonces = ["0".repeat(NONCE_DIGITS), "1".repeat(NONCE_DIGITS)];
        assert!(nonces.iter().all(|nonce| is_nonce(nonce)));
        assert!(
            !is_nonce("")
                && !is_nonce(&"A".repeat(NONCE_DIGITS))
                && !is_nonce(&"0".repeat(NONCE_DIGITS + 1))
        );
        let proof = challenge("127.0.0.1:7101", &nonces[0], &nonces[1])
            .prove(b"a key of this network", Prover::Initializer);
        // The result of `hmac.new(key, text, "sha256")` in Python.
        assert_eq!(
            proof,
            "eae683cf7a2b9bde297eb2b7bbb874a3eecafde0b6c057674979b20efec853da"
        );
    }
}
