//! [`DeploySession`]: who may deploy over a connection; and [`ProofTries`]: how often an address
//! may try to prove it.

use std::net::SocketAddr;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use crate::connection::peers::Remote;
use deploy::message::{ChallengeAnswer, DeployError, DeployErrorKind, ProveAnswer};
use deploy::proof::{Challenge, NONCE_DIGITS, Prover, is_nonce};
use deploy::random_hex;

/// Number of wrong proofs after which a connection ends.
pub(crate) const MAX_WRONG_PROOFS: u32 = 3;

/// Whether a connection may deploy.
///
/// ```text
/// None --challenge--> Challenged --right proof--> Proven
///                     Challenged --wrong proof--> None
/// ```
#[derive(Debug)]
pub(crate) struct DeploySession {
    pub(super) remote: Remote,
    /// The addresses of this server that it knows of itself.
    own_addresses: Vec<SocketAddr>,
    proof: Mutex<ProofProgress>,
}

#[derive(Debug, Default)]
struct ProofProgress {
    state: ProofState,
    /// Number of wrong proofs on this connection.
    wrong: u32,
}

#[derive(Debug, Default, PartialEq, Eq)]
enum ProofState {
    #[default]
    None,
    Challenged {
        initializer_nonce: String,
        server_nonce: String,
    },
    Proven,
}

impl DeploySession {
    /// Returns the session of a connection over TLS. A deployer's certificate is the proof; nothing
    /// else can prove anything.
    pub(crate) fn over_tls(remote: Remote, may_deploy: bool) -> Self {
        let session = Self::new(remote, Vec::new());
        if may_deploy {
            session.proof().state = ProofState::Proven;
        }
        session
    }

    /// Returns the session of a connection that has proved nothing yet. `own_addresses` are the
    /// addresses of this server.
    pub(crate) fn new(remote: Remote, own_addresses: Vec<SocketAddr>) -> Self {
        Self {
            remote,
            own_addresses,
            proof: Mutex::default(),
        }
    }

    /// Returns a nonce for the proof of the key. Revokes an earlier proof.
    pub(super) fn challenge(
        &self,
        initializer_nonce: String,
    ) -> Result<ChallengeAnswer, DeployError> {
        if self.remote.identity.is_some() {
            return Err(not_allowed(
                "over TLS, a deployer's certificate is the proof, not a key",
            ));
        }
        if !is_nonce(&initializer_nonce) {
            let what = format!("`nonce` must be {NONCE_DIGITS} hexadecimal digits in lower case");
            return Err(DeployError::new(DeployErrorKind::Malformed, what));
        }
        let nonce = random_hex::<{ NONCE_DIGITS / 2 }>()
            .map_err(|error| DeployError::new(DeployErrorKind::Failed, error.to_string()))?;
        self.proof().state = ProofState::Challenged {
            initializer_nonce,
            server_nonce: nonce.clone(),
        };
        Ok(ChallengeAnswer { nonce })
    }

    /// Verifies the proof of the key. Returns the proof that this server has the key too.
    pub(super) async fn prove(&self, key: &[u8], proof: &str) -> Result<ProveAnswer, DeployError> {
        let state = std::mem::take(&mut self.proof().state);
        let ProofState::Challenged {
            initializer_nonce,
            server_nonce,
        } = state
        else {
            self.count_wrong();
            return Err(not_allowed("a proof must follow a challenge"));
        };
        let challenge_at = |address| Challenge {
            address,
            initializer_nonce: &initializer_nonce,
            server_nonce: &server_nonce,
        };
        let is_proven =
            |address: &&SocketAddr| challenge_at(**address).verify(key, Prover::Initializer, proof);
        let Some(dialled) = self.own_addresses.iter().find(is_proven) else {
            self.count_wrong();
            // Only wrong proofs wait. Otherwise a flood of them would lock out an owner of the key.
            let tries = &self.remote.peer.proof_tries;
            tries.wait_for_turn().await;
            tries.count_wrong(Instant::now());
            return Err(not_allowed(&self.explain_wrong()));
        };
        self.proof().state = ProofState::Proven;
        Ok(ProveAnswer {
            proof: challenge_at(*dialled).prove(key, Prover::Server),
        })
    }

    /// Checks that this connection may deploy.
    pub(super) fn authorize(&self) -> Result<(), DeployError> {
        if self.may_deploy() {
            return Ok(());
        }
        Err(match &self.remote.identity {
            Some(identity) => not_allowed(&format!(
                "the certificate of `{identity}` may not deploy: only the deployers that `init.yaml` names may deploy"
            )),
            None => not_allowed("prove this server's deploy key before you deploy"),
        })
    }

    /// Returns whether this connection may deploy.
    pub(crate) fn may_deploy(&self) -> bool {
        self.proof().state == ProofState::Proven
    }

    /// Returns whether the connection ends because too many proofs were wrong.
    pub(crate) fn is_over(&self) -> bool {
        self.proof().wrong >= MAX_WRONG_PROOFS
    }

    fn explain_wrong(&self) -> String {
        let addresses: Vec<_> = self.own_addresses.iter().map(ToString::to_string).collect();
        format!(
            "the deploy key is not this server's; or the server was dialled through a proxy, at another address than \
             {}: then start rpc-server with --advertise",
            addresses.join(" or ")
        )
    }

    fn count_wrong(&self) {
        self.proof().wrong += 1;
    }

    fn proof(&self) -> MutexGuard<'_, ProofProgress> {
        self.proof.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn not_allowed(message: &str) -> DeployError {
    DeployError::new(DeployErrorKind::NotAllowed, message)
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt as _;

    use super::*;
    use crate::connection::peers::Peers;

    const KEY: &[u8] = b"a key of this network";

    fn session(own_addresses: &[&str]) -> DeploySession {
        let own_addresses = own_addresses
            .iter()
            .map(|address| address.parse().expect("an address"))
            .collect();
        let address = "127.0.0.1:9".parse().expect("an address");
        DeploySession::new(Peers::new(1).remote(address), own_addresses)
    }

    fn prove(
        session: &DeploySession,
        dialled: &str,
        key: &[u8],
    ) -> Result<ProveAnswer, DeployError> {
        let initializer_nonce = "a".repeat(NONCE_DIGITS);
        let ChallengeAnswer { nonce } = session
            .challenge(initializer_nonce.clone())
            .expect("a nonce");
        let challenge = Challenge {
            address: dialled.parse().expect("an address"),
            initializer_nonce: &initializer_nonce,
            server_nonce: &nonce,
        };
        let proof = challenge.prove(key, Prover::Initializer);
        let answer = session.prove(KEY, &proof).now_or_never().expect("no wait");
        if let Ok(ProveAnswer { proof }) = &answer {
            assert!(
                challenge.verify(KEY, Prover::Server, proof),
                "the server proves the key too"
            );
        }
        answer
    }

    #[test]
    fn a_proof_for_another_address_is_wrong() {
        let session = session(&["127.0.0.1:7101", "10.0.0.5:7101"]);
        assert!(prove(&session, "127.0.0.1:7102", KEY).is_err() && !session.may_deploy());
        for dialled in ["127.0.0.1:7101", "10.0.0.5:7101"] {
            assert!(prove(&session, dialled, KEY).is_ok() && session.may_deploy());
        }
    }

    #[test]
    fn a_wrong_proof_revokes_an_earlier_one_and_three_wrong_proofs_end_the_connection() {
        let session = session(&["127.0.0.1:7101"]);
        assert!(prove(&session, "127.0.0.1:7101", KEY).is_ok());
        for wrong in 1..=MAX_WRONG_PROOFS {
            assert!(prove(&session, "127.0.0.1:7101", b"another key").is_err());
            assert_eq!(
                (session.may_deploy(), session.is_over()),
                (false, wrong == MAX_WRONG_PROOFS)
            );
        }
    }
}
