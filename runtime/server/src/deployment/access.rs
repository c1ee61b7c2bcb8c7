//! [`DeploySession`]: who may deploy over a connection; and [`ProofTries`]: how often an address
//! may try to prove it.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::connection::peers::Remote;
use deploy::message::{ChallengeAnswer, DeployError, DeployErrorKind, ProveAnswer};
use deploy::proof::{Challenge, NONCE_DIGITS, Prover, is_nonce};
use deploy::random_hex;

/// A connection ends after so many wrong proofs.
pub(crate) const MAX_WRONG_PROOFS: u32 = 3;

/// An address that has sent this many wrong proofs has to wait for the answers to the next ones.
const FREE_TRIES: u32 = 3;

/// How long the answer to a wrong proof waits then, one after the other.
const TRY_PAUSE: Duration = Duration::from_millis(100);

/// Maximum number of answers to one address that wait. Beyond that its connections end all the
/// sooner.
const MAX_WAITING_TRIES: usize = 50;

/// Wrong proofs of an address are forgotten so long after the last one.
const TRIES_REMEMBERED: Duration = Duration::from_mins(1);

/// What a connection has shown of its right to deploy.
#[derive(Debug)]
pub(crate) struct DeploySession {
    pub(super) remote: Remote,
    /// The addresses at which this server is dialled, as it knows them.
    own: Vec<SocketAddr>,
    proof: Mutex<Proof>,
}

#[derive(Debug, Default)]
struct Proof {
    state: ProofState,
    wrong: u32,
}

#[derive(Debug, Default, PartialEq, Eq)]
enum ProofState {
    #[default]
    None,
    /// The nonces of both sides.
    Asked {
        initializer_nonce: String,
        server_nonce: String,
    },
    Given,
}

impl DeploySession {
    /// A connection from there to the server's `own` addresses.
    pub(crate) fn new(remote: Remote, own: Vec<SocketAddr>) -> Self {
        Self {
            remote,
            own,
            proof: Mutex::default(),
        }
    }

    /// Gives out a nonce to prove the key with. A proof that was given before is revoked.
    pub(super) fn challenge(
        &self,
        initializer_nonce: String,
    ) -> Result<ChallengeAnswer, DeployError> {
        if !is_nonce(&initializer_nonce) {
            let what = format!("`nonce` is {NONCE_DIGITS} hexadecimal digits in lower case");
            return Err(DeployError::new(DeployErrorKind::Malformed, what));
        }
        let nonce = random_hex::<{ NONCE_DIGITS / 2 }>()
            .map_err(|error| DeployError::new(DeployErrorKind::Failed, error.to_string()))?;
        self.proof().state = ProofState::Asked {
            initializer_nonce,
            server_nonce: nonce.clone(),
        };
        Ok(ChallengeAnswer { nonce })
    }

    /// Takes the proof of the key, and proves that this side has it too.
    pub(super) async fn prove(&self, key: &[u8], proof: &str) -> Result<ProveAnswer, DeployError> {
        let state = std::mem::take(&mut self.proof().state);
        let ProofState::Asked {
            initializer_nonce,
            server_nonce,
        } = state
        else {
            self.count_wrong();
            return Err(not_allowed("there was no challenge to prove"));
        };
        let at = |address| Challenge {
            address,
            initializer_nonce: &initializer_nonce,
            server_nonce: &server_nonce,
        };
        let proven = |own: &&SocketAddr| at(**own).verify(key, Prover::Initializer, proof);
        let Some(own) = self.own.iter().find(proven) else {
            self.count_wrong();
            // A right proof never waits: otherwise a flood of wrong ones would lock out whoever has
            // the key.
            let tries = &self.remote.peer.proofs;
            tries.wait_for_turn().await;
            tries.count_wrong(Instant::now());
            return Err(not_allowed(&self.explain_wrong()));
        };
        self.proof().state = ProofState::Given;
        Ok(ProveAnswer {
            proof: at(*own).prove(key, Prover::Server),
        })
    }

    /// Whether this connection may deploy.
    pub(super) fn authorize(&self) -> Result<(), DeployError> {
        if self.may_deploy() {
            return Ok(());
        }
        Err(not_allowed(
            "prove this server's deploy key before you deploy",
        ))
    }

    /// Whether this connection may deploy.
    pub(crate) fn may_deploy(&self) -> bool {
        self.proof().state == ProofState::Given
    }

    /// Whether so many proofs were wrong that the connection ends.
    pub(crate) fn is_over(&self) -> bool {
        self.proof().wrong >= MAX_WRONG_PROOFS
    }

    fn explain_wrong(&self) -> String {
        let own: Vec<_> = self.own.iter().map(ToString::to_string).collect();
        format!(
            "the deploy key is not this server's; or there is a proxy before it, and it was dialled at another address \
             than {}: then start rpc-server with --advertise",
            own.join(" or ")
        )
    }

    fn count_wrong(&self) {
        self.proof().wrong += 1;
    }

    fn proof(&self) -> MutexGuard<'_, Proof> {
        self.proof.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The wrong proofs of one address. After [`FREE_TRIES`] of them, further ones are answered one
/// after the other, with a pause. How many can be sent at all,
/// [`count_refusal`](crate::connection::pressure::Pressure::count_refusal) bounds.
#[derive(Debug, Default)]
pub(crate) struct ProofTries {
    /// How many were wrong, and when the last one came.
    wrong: Mutex<(u32, Option<Instant>)>,
    /// `waiting <= MAX_WAITING_TRIES`
    waiting: AtomicUsize,
    turn: tokio::sync::Mutex<()>,
}

impl ProofTries {
    /// Whether wrong proofs of this address still count.
    pub(crate) fn are_remembered(&self, now: Instant) -> bool {
        self.count(now) > 0
    }

    /// Waits until a wrong proof of this address may be answered. The answer: false where too many
    /// others wait.
    async fn wait_for_turn(&self) -> bool {
        if self.count(Instant::now()) < FREE_TRIES {
            return true;
        }
        let before = self.waiting.fetch_add(1, Ordering::Relaxed);
        let _waiting = Waiting(&self.waiting);
        if before >= MAX_WAITING_TRIES {
            return false;
        }
        let _turn = self.turn.lock().await;
        tokio::time::sleep(TRY_PAUSE).await;
        true
    }

    fn count_wrong(&self, now: Instant) {
        let count = self.count(now);
        *self.lock() = (count.saturating_add(1), Some(now));
    }

    fn count(&self, now: Instant) -> u32 {
        let (count, last) = *self.lock();
        let is_recent = |last| now.saturating_duration_since(last) < TRIES_REMEMBERED;
        if last.is_some_and(is_recent) {
            count
        } else {
            0
        }
    }

    fn lock(&self) -> MutexGuard<'_, (u32, Option<Instant>)> {
        self.wrong.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Counts a proof that waits for as long as this is there.
struct Waiting<'a>(&'a AtomicUsize);

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

fn not_allowed(message: &str) -> DeployError {
    DeployError::new(DeployErrorKind::NotAllowed, message)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use futures_util::FutureExt as _;

    use super::*;

    const KEY: &[u8] = b"a key of this network";

    fn session(own: &[&str]) -> DeploySession {
        let own = own
            .iter()
            .map(|address| address.parse().expect("an address"))
            .collect();
        let address = "127.0.0.1:9".parse().expect("an address");
        DeploySession::new(
            Remote {
                address,
                peer: Arc::default(),
            },
            own,
        )
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
                "the server proves itself too"
            );
        }
        answer
    }

    #[test]
    fn a_proof_for_another_address_is_none() {
        let session = session(&["127.0.0.1:7101", "10.0.0.5:7101"]);
        assert!(prove(&session, "127.0.0.1:7102", KEY).is_err() && !session.may_deploy());
        for own in ["127.0.0.1:7101", "10.0.0.5:7101"] {
            assert!(prove(&session, own, KEY).is_ok() && session.may_deploy());
        }
    }

    #[test]
    fn a_failed_proof_revokes_an_earlier_one_and_three_end_the_connection() {
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

    #[tokio::test(start_paused = true)]
    async fn after_some_wrong_proofs_an_address_waits_for_each_next_one() {
        let tries = ProofTries::default();
        for _ in 0..FREE_TRIES {
            assert_eq!(tries.wait_for_turn().now_or_never(), Some(true));
            tries.count_wrong(Instant::now());
        }
        let began = tokio::time::Instant::now();
        let turns = (0..MAX_WAITING_TRIES + 7).map(|_| tries.wait_for_turn());
        let taken = futures_util::future::join_all(turns)
            .await
            .into_iter()
            .filter(|taken| *taken)
            .count();
        assert_eq!(taken, MAX_WAITING_TRIES, "no more than that wait");
        assert!(began.elapsed() >= TRY_PAUSE * MAX_WAITING_TRIES as u32);
        assert!(tries.are_remembered(Instant::now()));
        assert!(!tries.are_remembered(Instant::now() + TRIES_REMEMBERED));
        assert_eq!(tries.waiting.load(Ordering::Relaxed), 0);
    }
}
