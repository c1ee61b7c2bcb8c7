//! [`DeploySession`]: who may deploy over a connection.

use std::net::SocketAddr;
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::deploy::message::{ChallengeAnswer, DeployError, DeployErrorKind};
use crate::deploy::{random_id, verify_key};

/// What a connection has shown of its right to deploy.
#[derive(Debug)]
pub(crate) struct DeploySession {
    pub(super) peer: SocketAddr,
    proof: Mutex<Proof>,
}

#[derive(Debug, PartialEq, Eq)]
enum Proof {
    None,
    /// The nonce that was given out.
    Asked(String),
    Given,
}

impl DeploySession {
    pub(crate) fn new(peer: SocketAddr) -> Self {
        Self { peer, proof: Mutex::new(Proof::None) }
    }

    /// Gives out a nonce to prove the key with, where there is one to prove.
    pub(super) fn challenge(&self, key: Option<&[u8]>) -> Result<ChallengeAnswer, DeployError> {
        if key.is_none() {
            return Ok(ChallengeAnswer { nonce: String::new() });
        }
        let nonce = random_id()
            .and_then(|one| Ok(one + &random_id()?))
            .map_err(|error| DeployError::new(DeployErrorKind::Failed, error.to_string()))?;
        *self.proof() = Proof::Asked(nonce.clone());
        Ok(ChallengeAnswer { nonce })
    }

    /// Takes the proof of the key.
    pub(super) fn prove(&self, key: Option<&[u8]>, proof: &str) -> Result<(), DeployError> {
        let Some(key) = key else { return Ok(()) };
        let mut state = self.proof();
        let Proof::Asked(nonce) = std::mem::replace(&mut *state, Proof::None) else {
            return Err(not_allowed("there was no challenge to prove"));
        };
        if !verify_key(key, &nonce, proof) {
            return Err(not_allowed("the deploy key is not this server's"));
        }
        *state = Proof::Given;
        Ok(())
    }

    /// Whether this connection may deploy on a server with that key.
    pub(super) fn authorize(&self, key: Option<&[u8]>) -> Result<(), DeployError> {
        match key {
            Some(_) if *self.proof() == Proof::Given => Ok(()),
            Some(_) => Err(not_allowed("this server asks for its deploy key: give --deploy-key")),
            None if self.peer.ip().to_canonical().is_loopback() => Ok(()),
            None => Err(not_allowed(
                "without a deploy key this server is deployed from loopback alone; start it with --deploy-key",
            )),
        }
    }

    fn proof(&self) -> MutexGuard<'_, Proof> {
        self.proof.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn not_allowed(message: &str) -> DeployError {
    DeployError::new(DeployErrorKind::NotAllowed, message)
}
