//! [`Deployer`]: the server's side of an apply.
//!
//! | module | has |
//! |---|---|
//! | `access` | who may deploy over a connection |
//! | `steps` | the steps of a transaction |
//! | `past` | the kept manifests, files and generations; whether the live generation runs |

mod access;
mod past;
mod steps;

use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use serde::Serialize;
use serde_json::Value;

pub(crate) use self::access::DeploySession;
use crate::blocking::blocking;
use crate::options::StartError;
use crate::registry::build::{RegistryBuilder, SourcePolicy};
use crate::registry::live::LiveRegistry;
use crate::registry::{Registry, RegistryContent};
use crate::store::{Generation, PreparedTransaction, Retention};
use crate::trust::LiveTls;
use deploy::manifest::Manifest;
use deploy::message::{
    DeployError, DeployErrorKind, DeployRequest, Origin, OutcomeAnswer, PROTOCOL, RevokeAnswer,
    StatusAnswer, WantedManifest,
};
use deploy::participant::{Begin, Live, Outcome, Participant, Step};

/// The answer to a message, as JSON.
type AnswerResult = Result<Value, DeployError>;

/// Maximum number of bytes of a message from a sender who has not proved the deploy key.
const MAX_PROOF_MESSAGE_BYTES: usize = 4096;

/// The server's side of an apply.
#[derive(Debug)]
pub(crate) struct Deployer {
    builder: RegistryBuilder,
    /// The deploy key: whoever proves it may deploy. Over TLS, nobody can prove it.
    key: Vec<u8>,
    /// The certificates, if the server speaks TLS.
    tls: Option<Arc<LiveTls>>,
    retention: Retention,
    /// When the server started, in milliseconds since the Unix epoch.
    started: u64,
    /// Locked for one step at a time, but not while sources load for a prepare.
    state: Arc<tokio::sync::Mutex<DeployState>>,
}

#[derive(Debug)]
struct DeployState {
    participant: Participant,
    /// The live generation.
    current: Option<Generation>,
    staged: Option<StagedTransaction>,
}

/// A transaction that is under way, and what its steps have brought so far.
#[derive(Debug)]
struct StagedTransaction {
    txn: String,
    token: u64,
    holder: String,
    lease: Duration,
    expected: Live,
    origin: Origin,
    /// The address of the initializer.
    from: String,
    manifest: Arc<Manifest>,
    /// Built when the transaction is prepared.
    content: Option<RegistryContent>,
}

impl Deployer {
    /// Loads the generation that was live when the server last ran, and the transaction that was
    /// prepared. Returns the registry of that generation too.
    ///
    /// # Errors
    /// Returns an error if the stored generation is damaged or does not load.
    pub(super) async fn load(
        builder: RegistryBuilder,
        key: Vec<u8>,
        tls: Option<Arc<LiveTls>>,
    ) -> Result<(Registry, Self), StartError> {
        let store = Arc::clone(&builder.store);
        let current = blocking(move || store.current()).await?;
        let mut registry = Registry::default();
        let mut participant = Participant::default();
        if let Some(current) = &current {
            let content = builder
                .build(&current.manifest, None, SourcePolicy::Trust)
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
        let state = Arc::new(tokio::sync::Mutex::new(DeployState {
            participant,
            current,
            staged: None,
        }));
        let deployer = Self {
            builder,
            key,
            tls,
            retention,
            started: epoch_ms(),
            state,
        };
        deployer.restore_transactions(&registry).await;
        Ok((registry, deployer))
    }

    /// Restores the outcomes of transactions, and the transaction that was prepared when the server
    /// stopped.
    async fn restore_transactions(&self, live: &Registry) {
        let mut state = self.state.lock().await;
        let store = Arc::clone(&self.builder.store);
        let number = state.participant.live().generation;
        let stored = blocking(move || {
            let unfinished = store.forget_unfinished(number);
            (
                unfinished,
                store.outcomes(),
                store.history(),
                store.prepared(),
            )
        });
        let (unfinished, outcomes, history, prepared) = stored.await;
        let errors = [
            unfinished.as_ref().err(),
            outcomes.as_ref().err(),
            prepared.as_ref().err(),
        ];
        for error in errors.into_iter().flatten() {
            tracing::error!(event = "data damaged", error = %error);
        }
        state
            .participant
            .restore_outcomes(outcomes.unwrap_or_default());
        // The history is recalled last, so that it overrides the kept outcomes.
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
                .restore_outcomes(undone.into_iter().chain([committed]));
        }
        if let Ok(Some(prepared)) = prepared {
            self.resume(&mut state, live, prepared).await;
        }
    }

    /// Loads the transaction that was prepared when the server stopped, or aborts it.
    async fn resume(
        &self,
        state: &mut DeployState,
        live: &Registry,
        prepared: PreparedTransaction,
    ) {
        let PreparedTransaction {
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
            .build(&manifest, Some(live), SourcePolicy::Check)
            .await
        {
            Ok(content) => {
                tracing::info!(
                    event = "generation prepared",
                    txn,
                    apply = manifest.apply,
                    by = "the data folder"
                );
                state.staged = Some(StagedTransaction {
                    txn,
                    token,
                    holder,
                    lease,
                    expected,
                    origin,
                    from,
                    manifest: Arc::new(manifest),
                    content: Some(content),
                });
            }
            Err(error) => {
                tracing::error!(event = "apply aborted", txn, reason = %error);
                state.participant.abort(&txn);
            }
        }
    }

    /// Aborts a transaction whose lease ran out.
    pub(super) fn expire(&self, now: Instant) {
        // While a step runs, this is left to the next call, a second later.
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
    ) -> AnswerResult {
        let result = match decode_authorized(session, header, value) {
            Ok(request) => self.handle_request(registry, session, request).await,
            Err(error) => Err(error),
        };
        if let Err(error) = &result
            && (session.may_deploy() || session.remote.logs())
        {
            tracing::warn!(event = "deployment refused", peer = %session.remote, reason = %error);
        }
        result
    }

    async fn handle_request(
        &self,
        registry: &LiveRegistry,
        session: &DeploySession,
        request: DeployRequest,
    ) -> AnswerResult {
        match request {
            DeployRequest::Challenge { nonce } => encode_answer(&session.challenge(nonce)?),
            DeployRequest::Prove { proof } => {
                encode_answer(&session.prove(&self.key, &proof).await?)
            }
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
                let origin = proven_origin(origin, session);
                let holder = describe_holder(&txn, &origin, session);
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
                encode_answer(&Value::Null)
            }
            DeployRequest::Commit { txn, token } => self.commit(registry, step(&txn, token)).await,
            DeployRequest::Abort { txn } => self.abort(&txn).await,
            DeployRequest::Unlock { txn, origin } => {
                let origin = proven_origin(origin, session);
                self.unlock(&txn, &origin, session).await
            }
            DeployRequest::Revoke { list } => self.revoke(list, session).await,
            DeployRequest::Outcome { txn } => {
                let outcome = self.state.lock().await.participant.outcome(&txn);
                encode_answer(&OutcomeAnswer { outcome })
            }
            DeployRequest::Rollback { txn } => self.roll_back(registry, &txn, session).await,
            DeployRequest::Restart {} => self.restart(registry).await,
        }
    }

    /// Takes a revocation list.
    async fn revoke(&self, list: String, session: &DeploySession) -> AnswerResult {
        let Some(tls) = self.tls.clone() else {
            return Err(refused(
                "this server speaks plain TCP, so it has no certificates to revoke".to_owned(),
            ));
        };
        let store = Arc::clone(&self.builder.store);
        let taken = blocking(move || tls.take_list(&list, || store.keep_list(&list))).await;
        let list = taken.map_err(|why| refused(format!("the list is refused: {why}")))?;
        tracing::info!(event = "revocation list brought", peer = %session.remote, number = list.number(),
            revoked = list.len());
        encode_answer(&RevokeAnswer {
            number: list.number(),
            revoked: list.len() as u64,
        })
    }

    async fn status(&self, registry: &LiveRegistry) -> AnswerResult {
        let state = self.state.lock().await;
        let manifest = state.current.as_ref().map(|current| &current.manifest);
        encode_answer(&StatusAnswer {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            protocol: PROTOCOL,
            python: self.builder.engines.python.version(),
            sandbox: Vec::new(),
            started: self.started,
            live: state.participant.live().clone(),
            applied: state.current.as_ref().map(Generation::past),
            server: manifest.map(|manifest| manifest.server.clone()),
            network: manifest.map(|manifest| manifest.network.clone()),
            lease: state.participant.lease(Instant::now()),
            damaged: registry.load().damaged(),
            native: self.builder.native_services().map(str::to_owned).collect(),
            frame_limit: self.builder.limits.frame_bytes as u64,
        })
    }
}

impl DeployState {
    /// Ends a transaction that does not become live. Returns its outcome.
    fn drop_staged(&mut self, txn: &str) -> Outcome {
        self.staged.take_if(|staged| staged.txn == txn);
        self.participant.abort(txn)
    }
}

/// Decodes a message if its sender may send it. The check comes first, because a decoded message
/// takes more memory than its bytes.
fn decode_authorized(
    session: &DeploySession,
    header: &str,
    value: &str,
) -> Result<DeployRequest, DeployError> {
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

/// Returns the step that a message names.
fn step(txn: &str, token: u64) -> Step<'_> {
    Step {
        txn,
        token: Some(token),
    }
}

/// Puts the name of the deployer's certificate before the name that the message claims.
fn proven_origin(mut origin: Origin, session: &DeploySession) -> Origin {
    if let Some(identity) = &session.remote.identity {
        origin.by = match &*origin.by {
            "" => identity.name.clone(),
            claimed => format!("{} ({claimed})", identity.name),
        };
    }
    origin
}

/// Describes the holder of a lease for messages to others who want it.
fn describe_holder(txn: &str, origin: &Origin, session: &DeploySession) -> String {
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

/// Returns the milliseconds since the Unix epoch.
fn epoch_ms() -> u64 {
    let since = SystemTime::now()
        .duration_since(SystemTime::UNIX_EPOCH)
        .unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

fn encode_answer<T: Serialize>(value: &T) -> AnswerResult {
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
