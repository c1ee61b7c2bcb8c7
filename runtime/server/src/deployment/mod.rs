//! [`Deployer`]: the server's side of an apply: who may, the participant's steps, and what they do.
//!
//! | module | has |
//! |---|---|
//! | `access` | who may deploy over a connection |
//! | `steps` | the steps of a transaction |
//! | `past` | what is kept: manifests, files, generations; and whether what is live runs |

mod access;
mod past;
mod steps;

use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use serde::Serialize;
use serde_json::Value;

pub(crate) use self::access::{DeploySession, ProofTries};
use crate::options::StartError;
use crate::registry::build::{RegistryBuilder, Scrutiny};
use crate::registry::live::LiveRegistry;
use crate::registry::{Registry, RegistryContent};
use crate::server::blocking;
use crate::store::{Generation, Prepared, Retention};
use deploy::manifest::Manifest;
use deploy::message::{
    DeployError, DeployErrorKind, DeployRequest, Origin, OutcomeAnswer, PROTOCOL, StatusAnswer,
    WantedManifest,
};
use deploy::participant::{Begin, Live, Outcome, Participant, Step};

type Answer = Result<Value, DeployError>;

/// A message of somebody who has not proved anything is not longer.
const MAX_PROOF_MESSAGE_BYTES: usize = 4096;

/// The server's side of an apply.
#[derive(Debug)]
pub(crate) struct Deployer {
    builder: RegistryBuilder,
    /// What proves who may deploy.
    key: Vec<u8>,
    retention: Retention,
    started: u64,
    /// Held for a step at a time, not while sources load.
    state: Arc<tokio::sync::Mutex<State>>,
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
    token: u64,
    holder: String,
    lease: Duration,
    expected: Live,
    origin: Origin,
    /// The address it comes from.
    from: String,
    manifest: Arc<Manifest>,
    /// Built by prepare.
    content: Option<RegistryContent>,
}

impl Deployer {
    /// Loads what was live when the server last ran, and what was prepared.
    pub(super) async fn load(
        builder: RegistryBuilder,
        key: Vec<u8>,
    ) -> Result<(Registry, Self), StartError> {
        let store = Arc::clone(&builder.store);
        let current = blocking(move || store.current()).await?;
        let mut registry = Registry::default();
        let mut participant = Participant::default();
        if let Some(current) = &current {
            let content = builder
                .build(&current.manifest, None, Scrutiny::Trust)
                .await
                .map_err(|error| StartError::Load(error.to_string()))?;
            registry = Registry::new(current.number, content);
            participant.committed(&current.txn, live_of(current));
            tracing::info!(
                event = "generation live",
                generation = current.number,
                server = current.manifest.server,
                apply = current.manifest.apply,
                by = "the data folder"
            );
        }
        let retention = Retention {
            generations: builder.limits.history,
            bytes: builder.limits.history_bytes,
        };
        let state = Arc::new(tokio::sync::Mutex::new(State {
            participant,
            current,
            staged: None,
        }));
        let deployer = Self {
            builder,
            key,
            retention,
            started: epoch_ms(),
            state,
        };
        deployer.recall(&registry).await;
        Ok((registry, deployer))
    }

    /// Takes up what became of transactions, and the one that was prepared when the server stopped.
    async fn recall(&self, live: &Registry) {
        let mut state = self.state.lock().await;
        let store = Arc::clone(&self.builder.store);
        let number = state.participant.live().generation;
        let kept = blocking(move || {
            let unfinished = store.forget_unfinished(number);
            (
                unfinished,
                store.outcomes(),
                store.history(),
                store.prepared(),
            )
        });
        let (unfinished, outcomes, history, prepared) = kept.await;
        let damaged = [
            unfinished.as_ref().err(),
            outcomes.as_ref().err(),
            prepared.as_ref().err(),
        ];
        for damaged in damaged.into_iter().flatten() {
            tracing::error!(event = "data damaged", error = %damaged);
        }
        state.participant.recall(outcomes.unwrap_or_default());
        // What was live has the last word.
        for (txn, past) in history
            .unwrap_or_default()
            .into_iter()
            .rev()
            .filter(|(txn, _)| !txn.is_empty())
        {
            let undone = (!past.undid.is_empty()).then_some((past.undid, Outcome::Aborted));
            let committed = (
                txn,
                Outcome::Committed {
                    generation: past.generation,
                },
            );
            state
                .participant
                .recall(undone.into_iter().chain([committed]));
        }
        if let Ok(Some(prepared)) = prepared {
            self.resume(&mut state, live, prepared).await;
        }
    }

    async fn resume(&self, state: &mut State, live: &Registry, prepared: Prepared) {
        let Prepared {
            txn,
            token,
            holder,
            lease_ms,
            expected,
            origin,
            from,
            manifest,
            content: _,
        } = prepared;
        let lease = Duration::from_millis(lease_ms);
        let begin = Begin {
            txn: txn.clone(),
            holder: holder.clone(),
            lease,
            expected: expected.clone(),
        };
        if !state.participant.resume(Instant::now(), begin, token) {
            return;
        }
        match self
            .builder
            .build(&manifest, Some(live), Scrutiny::Check)
            .await
        {
            Ok(built) => {
                tracing::info!(
                    event = "generation prepared",
                    txn,
                    apply = manifest.apply,
                    by = "the data folder"
                );
                let manifest = Arc::new(manifest);
                let content = Some(built);
                state.staged = Some(Staged {
                    txn,
                    token,
                    holder,
                    lease,
                    expected,
                    origin,
                    from,
                    manifest,
                    content,
                });
            }
            Err(error) => {
                tracing::error!(event = "apply aborted", txn, reason = %error);
                state.participant.abort(&txn);
            }
        }
    }

    /// Drops a transaction whose lease ran out.
    pub(super) fn expire(&self, now: Instant) {
        // Where a step is under way, the next second will do.
        let Ok(mut state) = self.state.try_lock() else {
            return;
        };
        if let Some(txn) = state.participant.expire(now) {
            tracing::warn!(event = "apply aborted", txn, reason = "its lease ran out");
            state.staged = None;
            self.settle_soon();
        }
    }

    /// Answers an `INIT-...` message.
    pub(super) async fn handle(
        &self,
        registry: &LiveRegistry,
        session: &DeploySession,
        header: &str,
        value: &str,
    ) -> Answer {
        let result = match admit(session, header, value) {
            Ok(request) => self.obey(registry, session, request).await,
            Err(error) => Err(error),
        };
        if let Err(error) = &result
            && (session.may_deploy() || session.remote.logs())
        {
            tracing::warn!(event = "deployment refused", peer = %session.remote, reason = %error);
        }
        result
    }

    async fn obey(
        &self,
        registry: &LiveRegistry,
        session: &DeploySession,
        request: DeployRequest,
    ) -> Answer {
        match request {
            DeployRequest::Challenge { nonce } => answer(&session.challenge(nonce)?),
            DeployRequest::Prove { proof } => answer(&session.prove(&self.key, &proof).await?),
            DeployRequest::Status {} => self.status(registry).await,
            DeployRequest::Manifest { generation } => self.manifest(generation).await,
            DeployRequest::History {} => self.history().await,
            DeployRequest::Lacks { files } => self.lacks(files).await,
            DeployRequest::Fetch { files } => self.fetch(files).await,
            DeployRequest::Probe {} => self.probe(registry).await,
            DeployRequest::Begin {
                txn,
                origin,
                lease_ms,
                expected,
                manifest,
                patch,
            } => {
                let lease = Duration::from_millis(lease_ms);
                let holder = holder(&txn, &origin, session);
                let begin = Begin {
                    txn,
                    holder,
                    lease,
                    expected,
                };
                let wanted = WantedManifest::new(manifest, patch).map_err(malformed)?;
                self.begin(registry, session, begin, origin, wanted).await
            }
            DeployRequest::Put { txn, token, files } => self.put(step(&txn, token), files).await,
            DeployRequest::Prepare { txn, token } => {
                self.prepare(registry, step(&txn, token)).await
            }
            DeployRequest::Renew { txn, token } => {
                self.step(step(&txn, token)).await?;
                answer(&Value::Null)
            }
            DeployRequest::Commit { txn, token } => self.commit(registry, step(&txn, token)).await,
            DeployRequest::Abort { txn } => self.abort(&txn).await,
            DeployRequest::Outcome { txn } => {
                let outcome = self.state.lock().await.participant.outcome(&txn);
                answer(&OutcomeAnswer { outcome })
            }
            DeployRequest::Rollback { txn } => self.roll_back(registry, &txn, session).await,
            DeployRequest::Restart {} => self.restart(registry).await,
        }
    }

    async fn status(&self, registry: &LiveRegistry) -> Answer {
        let state = self.state.lock().await;
        let manifest = state.current.as_ref().map(|current| &current.manifest);
        let under_way = state.participant.holder(Instant::now());
        answer(&StatusAnswer {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            protocol: PROTOCOL,
            python: self.builder.engines.python.version(),
            sandbox: Vec::new(),
            started: self.started,
            live: state.participant.live().clone(),
            applied: state.current.as_ref().map(Generation::past),
            server: manifest.map(|manifest| manifest.server.clone()),
            network: manifest.map(|manifest| manifest.network.clone()),
            under_way: under_way
                .map(|(holder, left_ms)| format!("{holder}, for {left_ms} ms more")),
            damaged: registry.load().damaged(),
            frame_limit: self.builder.limits.frame_bytes as u64,
        })
    }
}

impl State {
    /// Ends a transaction that does not become live.
    fn drop_staged(&mut self, txn: &str) -> Outcome {
        self.staged.take_if(|staged| staged.txn == txn);
        self.participant.abort(txn)
    }
}

/// Decodes a message, but only one that its sender may send: decoding costs more than the message
/// has bytes.
fn admit(session: &DeploySession, header: &str, value: &str) -> Result<DeployRequest, DeployError> {
    if session.is_over() {
        return Err(DeployError::new(
            DeployErrorKind::NotAllowed,
            "too many wrong proofs of the deploy key",
        ));
    }
    if !matches!(header, "INIT-CHALLENGE" | "INIT-PROVE") {
        session.authorize()?;
    } else if value.len() > MAX_PROOF_MESSAGE_BYTES {
        return Err(malformed(format!(
            "`{header}` has at most {MAX_PROOF_MESSAGE_BYTES} bytes"
        )));
    }
    let request = DeployRequest::decode(header, value).map_err(malformed)?;
    request.check().map_err(malformed)?;
    Ok(request)
}

/// A step as its sender names it.
fn step(txn: &str, token: u64) -> Step<'_> {
    Step {
        txn,
        token: Some(token),
    }
}

/// Who holds a lease, in words for whoever finds it taken.
fn holder(txn: &str, origin: &Origin, session: &DeploySession) -> String {
    let by = if origin.by.is_empty() {
        String::new()
    } else {
        format!(" by {}", origin.by)
    };
    format!("apply {txn}{by} from {}", session.remote.address.ip())
}

fn live_of(generation: &Generation) -> Live {
    Live {
        generation: generation.number,
        content: generation.manifest.content_hash(),
    }
}

/// Milliseconds since the Unix epoch.
fn epoch_ms() -> u64 {
    let since = SystemTime::now()
        .duration_since(SystemTime::UNIX_EPOCH)
        .unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

fn answer<T: Serialize>(value: &T) -> Answer {
    serde_json::to_value(value).map_err(|error| failed(&error))
}

fn failed(error: &dyn std::fmt::Display) -> DeployError {
    DeployError::new(DeployErrorKind::Failed, error.to_string())
}

fn refused(message: String) -> DeployError {
    DeployError::new(DeployErrorKind::Refused, message)
}

fn malformed(what: String) -> DeployError {
    DeployError::new(DeployErrorKind::Malformed, what)
}
