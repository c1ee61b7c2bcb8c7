//! [`Deployer`]: the server's side of an apply: who may, the participant's steps, and what they do.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use base64::Engine as _;
use serde::Serialize;
use serde_json::Value;

use super::live::LiveRegistry;
use super::registry::{Builder, Registry, Scrutiny};
use super::{StartError, blocking};
use crate::deploy::manifest::Manifest;
use crate::deploy::message::{
    BeginAnswer, ChallengeAnswer, DeployError, DeployErrorKind, DeployRequest, LiveAnswer, MAX_FILE_BYTES,
    OutcomeAnswer, PutFile, StatusAnswer,
};
use crate::deploy::participant::{Begin, Live, Participant, Refusal};
use crate::deploy::{random_id, sha256_hex, verify_key};
use crate::store::{Generation, Store, StoreError};

type Answer = Result<Value, DeployError>;

/// A message of somebody who has not proved anything is not longer.
const MAX_PROOF_MESSAGE_BYTES: usize = 4096;

/// The server's side of an apply.
#[derive(Debug)]
pub(crate) struct Deployer {
    builder: Builder,
    key: Option<Vec<u8>>,
    /// Held for a step at a time, not while sources load.
    state: tokio::sync::Mutex<State>,
}

#[derive(Debug)]
struct State {
    participant: Participant,
    current: Option<Generation>,
    staged: Option<Staged>,
}

/// What a transaction has brought so far.
#[derive(Debug)]
struct Staged {
    txn: String,
    manifest: Arc<Manifest>,
    /// Built by prepare.
    registry: Option<Registry>,
}

/// What a connection has shown of its right to deploy.
#[derive(Debug)]
pub(crate) struct DeploySession {
    peer: SocketAddr,
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

    fn proof(&self) -> std::sync::MutexGuard<'_, Proof> {
        self.proof.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Deployer {
    /// Loads what was live when the server last ran.
    pub(super) async fn load(builder: Builder, key: Option<Vec<u8>>) -> Result<(Registry, Self), StartError> {
        let store = Arc::clone(&builder.store);
        let current = blocking(move || store.current()).await?;
        let mut registry = Registry::default();
        let mut participant = Participant::default();
        if let Some(current) = &current {
            registry = builder
                .build(&current.manifest, None, Scrutiny::Trust)
                .await
                .map_err(|error| StartError::Load(error.to_string()))?;
            registry.generation = current.number;
            participant.committed(&current.txn, live_of(current));
            tracing::info!(
                event = "generation live",
                generation = current.number,
                server = current.manifest.server,
                apply = current.manifest.apply,
                by = "the data folder"
            );
        }
        if key.is_none() {
            tracing::warn!(event = "no deploy key", note = "whoever connects from loopback may deploy code");
        }
        let state = tokio::sync::Mutex::new(State { participant, current, staged: None });
        Ok((registry, Self { builder, key, state }))
    }

    /// Drops a transaction whose lease ran out.
    pub(super) fn expire(&self, now: Instant) {
        // Where a step is under way, the next second will do.
        let Ok(mut state) = self.state.try_lock() else { return };
        if let Some(txn) = state.participant.expire(now) {
            tracing::warn!(event = "apply aborted", txn, reason = "its lease ran out");
            state.staged = None;
        }
    }

    /// Answers an `INIT-...` message.
    pub(super) async fn handle(
        &self,
        registry: &LiveRegistry,
        session: &DeploySession,
        header: &str,
        bytes: &[u8],
    ) -> Answer {
        let result = match self.admit(session, header, bytes) {
            Ok(DeployRequest::Challenge {}) => self.challenge(session),
            Ok(DeployRequest::Prove { proof }) => self.prove(session, &proof),
            Ok(request) => self.obey(registry, session, request).await,
            Err(error) => Err(error),
        };
        if let Err(error) = &result {
            tracing::warn!(event = "deployment refused", peer = %session.peer, reason = %error);
        }
        result
    }

    /// Decodes a message, but only one that its sender may send: decoding costs more than the message has bytes.
    fn admit(
        &self,
        session: &DeploySession,
        header: &str,
        bytes: &[u8],
    ) -> Result<DeployRequest, DeployError> {
        let malformed = |what: String| DeployError::new(DeployErrorKind::Malformed, what);
        if !matches!(header, "INIT-CHALLENGE" | "INIT-PROVE") {
            self.authorize(session)?;
        } else if bytes.len() > MAX_PROOF_MESSAGE_BYTES {
            return Err(malformed(format!("`{header}` has at most {MAX_PROOF_MESSAGE_BYTES} bytes")));
        }
        serde_json::from_slice(bytes).map_err(|error| malformed(error.to_string()))
    }

    fn challenge(&self, session: &DeploySession) -> Answer {
        if self.key.is_none() {
            return answer(&ChallengeAnswer { nonce: String::new() });
        }
        let nonce = random_id().and_then(|one| Ok(one + &random_id()?)).map_err(|error| failed(&error))?;
        *session.proof() = Proof::Asked(nonce.clone());
        answer(&ChallengeAnswer { nonce })
    }

    fn prove(&self, session: &DeploySession, proof: &str) -> Answer {
        let Some(key) = &self.key else { return answer(&Value::Null) };
        let mut state = session.proof();
        let Proof::Asked(nonce) = std::mem::replace(&mut *state, Proof::None) else {
            return Err(not_allowed("there was no challenge to prove"));
        };
        if !verify_key(key, &nonce, proof) {
            return Err(not_allowed("the deploy key is not this server's"));
        }
        *state = Proof::Given;
        answer(&Value::Null)
    }

    fn authorize(&self, session: &DeploySession) -> Result<(), DeployError> {
        let proven = *session.proof() == Proof::Given;
        match &self.key {
            Some(_) if proven => Ok(()),
            Some(_) => Err(not_allowed("this server asks for its deploy key: give --deploy-key")),
            None if session.peer.ip().to_canonical().is_loopback() => Ok(()),
            None => Err(not_allowed(
                "without a deploy key this server is deployed from loopback alone; start it with --deploy-key",
            )),
        }
    }

    async fn obey(&self, registry: &LiveRegistry, session: &DeploySession, request: DeployRequest) -> Answer {
        match request {
            DeployRequest::Challenge {} | DeployRequest::Prove { .. } => Ok(Value::Null),
            DeployRequest::Status {} => self.status(registry).await,
            DeployRequest::Begin { txn, holder, lease_ms, expected, manifest } => {
                let lease = Duration::from_millis(lease_ms);
                let holder = format!("{holder} from {}", session.peer.ip());
                self.begin(Begin { txn, holder, lease, expected }, Arc::new(*manifest)).await
            }
            DeployRequest::Put { txn, files } => self.put(&txn, files).await,
            DeployRequest::Prepare { txn } => self.prepare(registry, &txn).await,
            DeployRequest::Commit { txn } => self.commit(registry, &txn, session.peer).await,
            DeployRequest::Abort { txn } => self.abort(&txn).await,
            DeployRequest::Outcome { txn } => {
                let outcome = self.state.lock().await.participant.outcome(&txn);
                answer(&OutcomeAnswer { outcome })
            }
            DeployRequest::Rollback { txn } => self.roll_back(registry, &txn, session.peer).await,
            DeployRequest::Restart {} => self.restart(registry).await,
        }
    }

    async fn status(&self, registry: &LiveRegistry) -> Answer {
        let state = self.state.lock().await;
        answer(&StatusAnswer {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            live: state.participant.live().clone(),
            manifest: state.current.as_ref().map(|current| current.manifest.clone()),
            damaged: registry.load().damaged(),
            frame_limit: self.builder.limits.frame_bytes as u64,
        })
    }

    async fn begin(&self, begin: Begin, manifest: Arc<Manifest>) -> Answer {
        let refused = |message: String| DeployError::new(DeployErrorKind::Refused, message);
        manifest.validate().map_err(refused)?;
        let txn = begin.txn.clone();
        let mut state = self.state.lock().await;
        if let Some(name) = state.current.as_ref().map(|current| &current.manifest.server)
            && *name != manifest.server
        {
            let asked = &manifest.server;
            return Err(refused(format!(
                "this is server `{name}`, and the manifest is for server `{asked}`"
            )));
        }
        state.participant.begin(Instant::now(), begin)?;
        state.staged = Some(Staged { txn, manifest: Arc::clone(&manifest), registry: None });
        drop(state);
        let missing = self.missing(manifest, Store::is_whole).await;
        answer(&BeginAnswer { missing })
    }

    /// The files of a manifest that are not here, as `is_here` sees it.
    async fn missing(&self, manifest: Arc<Manifest>, is_here: fn(&Store, &str) -> bool) -> Vec<String> {
        let store = Arc::clone(&self.builder.store);
        blocking(move || {
            let files = manifest.files();
            files.into_iter().filter(|hash| !is_here(&store, hash)).map(str::to_owned).collect()
        })
        .await
    }

    async fn put(&self, txn: &str, files: Vec<PutFile>) -> Answer {
        let manifest = self.step(txn).await?;
        let store = Arc::clone(&self.builder.store);
        blocking(move || {
            let wanted: BTreeSet<&str> = manifest.files();
            files.iter().try_for_each(|file| {
                if !wanted.contains(file.sha256.as_str()) {
                    let message = format!("nothing in the manifest has the hash {}", file.sha256);
                    return Err(DeployError::new(DeployErrorKind::Refused, message));
                }
                store.put_object(&file.sha256, &unpack(file)?).map_err(|error| failed(&error))
            })
        })
        .await?;
        answer(&Value::Null)
    }

    async fn prepare(&self, registry: &LiveRegistry, txn: &str) -> Answer {
        let manifest = self.step(txn).await?;
        self.state.lock().await.participant.preparing(txn)?;
        let prepared = self.load_prepared(registry, txn, &manifest).await;
        if prepared.is_err() {
            self.state.lock().await.drop_staged(txn);
        }
        prepared
    }

    /// Makes what came durable, and checks and loads it. The lease does not run out meanwhile.
    async fn load_prepared(&self, registry: &LiveRegistry, txn: &str, manifest: &Arc<Manifest>) -> Answer {
        if let Some(missing) = self.missing(Arc::clone(manifest), Store::has_object).await.first() {
            let message = format!("the file with the hash {missing} has not come");
            return Err(DeployError::new(DeployErrorKind::Refused, message));
        }
        let store = Arc::clone(&self.builder.store);
        blocking(move || store.sync_objects()).await.map_err(|error| failed(&error))?;
        let before = registry.load_full();
        let built = self.builder.build(manifest, Some(&before), Scrutiny::Check).await?;
        let mut state = self.state.lock().await;
        state.participant.prepared(Instant::now(), txn)?;
        let staged = state.staged.as_mut().filter(|staged| Arc::ptr_eq(&staged.manifest, manifest));
        staged.ok_or_else(|| Refusal::NotUnderWay(txn.to_owned()))?.registry = Some(built);
        tracing::info!(event = "generation prepared", txn, apply = manifest.apply);
        answer(&Value::Null)
    }

    /// A step of the transaction under way: its lease begins again.
    async fn step(&self, txn: &str) -> Result<Arc<Manifest>, DeployError> {
        let mut state = self.state.lock().await;
        state.participant.step(Instant::now(), txn)?;
        let staged = state.staged.as_ref().filter(|staged| staged.txn == txn);
        staged
            .map(|staged| Arc::clone(&staged.manifest))
            .ok_or_else(|| Refusal::NotUnderWay(txn.to_owned()).into())
    }

    async fn commit(&self, registry: &LiveRegistry, txn: &str, peer: SocketAddr) -> Answer {
        let mut state = self.state.lock().await;
        let Some(number) = state.participant.commit(Instant::now(), txn)? else {
            return answer(&LiveAnswer { generation: state.participant.live().generation });
        };
        let Some(Staged { manifest, registry: Some(built), .. }) = state.staged.take() else {
            state.drop_staged(txn);
            return Err(Refusal::NotPrepared(txn.to_owned()).into());
        };
        let generation = Generation {
            number,
            txn: txn.to_owned(),
            previous: state.participant.live().generation,
            manifest: (*manifest).clone(),
        };
        if let Err(error) = self.store_generation(&generation).await {
            state.drop_staged(txn);
            return Err(failed(&error));
        }
        state.participant.committed(txn, live_of(&generation));
        state.go_live(registry, built, generation, peer);
        answer(&LiveAnswer { generation: number })
    }

    async fn abort(&self, txn: &str) -> Answer {
        let mut state = self.state.lock().await;
        let outcome = state.drop_staged(txn);
        tracing::info!(event = "apply aborted", txn, reason = "the initializer said so");
        answer(&OutcomeAnswer { outcome })
    }

    async fn roll_back(&self, registry: &LiveRegistry, txn: &str, peer: SocketAddr) -> Answer {
        let mut state = self.state.lock().await;
        let number = state.participant.roll_back(Instant::now(), txn)?;
        let Some(current) = state.current.clone() else {
            return Err(Refusal::NotLive(txn.to_owned()).into());
        };
        let manifest = self.content_before(&current).await.map_err(|error| failed(&error))?;
        let before = registry.load_full();
        let built = self.builder.build(&manifest, Some(&before), Scrutiny::Trust).await?;
        let previous = current.number;
        let generation = Generation { number, txn: format!("rollback of {txn}"), previous, manifest };
        self.store_generation(&generation).await.map_err(|error| failed(&error))?;
        state.participant.rolled_back(txn, live_of(&generation));
        state.go_live(registry, built, generation, peer);
        answer(&LiveAnswer { generation: number })
    }

    /// What ran before a generation; the same server with nothing in it, where that was the first.
    async fn content_before(&self, current: &Generation) -> Result<Manifest, StoreError> {
        if current.previous == 0 {
            return Ok(current.manifest.emptied());
        }
        let (store, previous) = (Arc::clone(&self.builder.store), current.previous);
        blocking(move || store.generation(previous)).await.map(|generation| generation.manifest)
    }

    /// Replaces every worker by a fresh one. Calls under way end on the old ones.
    async fn restart(&self, registry: &LiveRegistry) -> Answer {
        let state = self.state.lock().await;
        if let Some(current) = &state.current {
            let mut built = self.builder.build(&current.manifest, None, Scrutiny::Trust).await?;
            built.generation = current.number;
            retire(registry.swap(Arc::new(built)));
            tracing::info!(event = "engines restarted", generation = current.number);
        }
        answer(&Value::Null)
    }

    async fn store_generation(&self, generation: &Generation) -> Result<(), StoreError> {
        let (store, generation) = (Arc::clone(&self.builder.store), generation.clone());
        blocking(move || store.commit(&generation)).await
    }
}

impl State {
    fn drop_staged(&mut self, txn: &str) -> crate::deploy::participant::Outcome {
        self.staged.take_if(|staged| staged.txn == txn);
        self.participant.abort(txn)
    }

    fn go_live(
        &mut self,
        registry: &LiveRegistry,
        mut built: Registry,
        generation: Generation,
        peer: SocketAddr,
    ) {
        built.generation = generation.number;
        retire(registry.swap(Arc::new(built)));
        tracing::info!(event = "generation live", generation = generation.number,
            server = generation.manifest.server, apply = generation.manifest.apply, by = %peer);
        self.current = Some(generation);
    }
}

/// Lets go of a registry. Its workers and folders go with the last call on it, where that disturbs nobody.
fn retire(registry: Arc<Registry>) {
    registry.log_suppressed();
    tokio::task::spawn_blocking(move || drop(registry));
}

fn live_of(generation: &Generation) -> Live {
    Live { generation: generation.number, content: generation.manifest.content_hash() }
}

fn unpack(file: &PutFile) -> Result<Vec<u8>, DeployError> {
    let refused = |what: String| {
        DeployError::new(DeployErrorKind::Refused, format!("the file with the hash {}: {what}", file.sha256))
    };
    let size = usize::try_from(file.size).unwrap_or(usize::MAX);
    if size > MAX_FILE_BYTES {
        return Err(refused(format!("{size} bytes are over the limit of {MAX_FILE_BYTES}")));
    }
    let packed = base64::engine::general_purpose::STANDARD
        .decode(&file.zstd)
        .map_err(|error| refused(format!("its base64 is broken: {error}")))?;
    let bytes = zstd::bulk::decompress(&packed, size)
        .map_err(|error| refused(format!("it does not unpack to {size} bytes: {error}")))?;
    if sha256_hex(&bytes) != file.sha256 {
        return Err(refused("its bytes have another hash".to_owned()));
    }
    Ok(bytes)
}

fn answer<T: Serialize>(value: &T) -> Answer {
    serde_json::to_value(value).map_err(|error| failed(&error))
}

fn failed(error: &dyn std::fmt::Display) -> DeployError {
    DeployError::new(DeployErrorKind::Failed, error.to_string())
}

fn not_allowed(message: &str) -> DeployError {
    DeployError::new(DeployErrorKind::NotAllowed, message)
}
