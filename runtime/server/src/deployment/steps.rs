//! The steps of a transaction. The participant decides whether a step is allowed; the code here
//! carries it out.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Instant;

use serde_json::Value;

use super::{
    AnswerResult, DeploySession, DeployState, Deployer, StagedTransaction, encode_answer, failed,
    live_of, malformed, refused,
};
use crate::blocking::blocking;
use crate::registry::build::SourcePolicy;
use crate::registry::live::LiveRegistry;
use crate::registry::{Registry, RegistryContent};
use crate::store::{Generation, PreparedTransaction, Store, StoreError};
use deploy::manifest::{Changes, Manifest, SharedFile};
use deploy::message::{
    BeginAnswer, DeployError, LiveAnswer, MAX_FILE_BYTES, MAX_MANIFEST_BYTES, Origin,
    OutcomeAnswer, PutFile, UnlockAnswer, WantedManifest,
};
use deploy::participant::{Begin, Refusal, Step};
use deploy::sha256_hex;

impl Deployer {
    /// Begins a transaction. Returns its token and the files that are missing here.
    pub(super) async fn begin(
        &self,
        registry: &LiveRegistry,
        session: &DeploySession,
        begin: Begin,
        origin: Origin,
        wanted: WantedManifest,
    ) -> AnswerResult {
        let manifest = self.read_manifest(&begin, wanted).await?;
        let Begin {
            txn,
            holder,
            lease,
            expected,
        } = begin.clone();
        if let Some(tls) = &self.tls
            && tls.server_name() != manifest.server
        {
            let own = tls.server_name();
            let asked = &manifest.server;
            return Err(refused(format!(
                "this server's certificate is that of `{own}`, and the manifest is for server `{asked}`"
            )));
        }
        let mut state = self.state.lock().await;
        if let Some(name) = state
            .current
            .as_ref()
            .map(|current| &current.manifest.server)
            && *name != manifest.server
        {
            let asked = &manifest.server;
            return Err(refused(format!(
                "this is server `{name}`, and the manifest is for server `{asked}`"
            )));
        }
        let token = state.participant.begin(Instant::now(), begin)?;
        state.staged = Some(StagedTransaction {
            txn,
            token,
            holder,
            lease,
            expected,
            origin,
            from: session.remote.address.ip().to_string(),
            manifest: Arc::clone(&manifest),
            content: None,
        });
        let live = state
            .current
            .as_ref()
            .map(|current| current.manifest.clone());
        drop(state);
        let damaged = registry.load().damaged();
        encode_answer(&BeginAnswer {
            token,
            missing: self.missing(manifest, live, damaged).await,
        })
    }

    /// Returns the manifest of a transaction, which came as a whole or as a patch.
    async fn read_manifest(
        &self,
        begin: &Begin,
        wanted: WantedManifest,
    ) -> Result<Arc<Manifest>, DeployError> {
        let manifest = match wanted {
            WantedManifest::Whole(whole) => Manifest {
                apply: begin.txn.clone(),
                ..*whole
            },
            WantedManifest::Patch(patch) => {
                let state = self.state.lock().await;
                let live = state.participant.live();
                if !patch.base.is_empty() && patch.base != live.content {
                    return Err(Refusal::Moved {
                        planned: begin.expected.generation,
                        found: live.generation,
                    }
                    .into());
                }
                let current = state.current.as_ref().filter(|_| !patch.base.is_empty());
                let base = current
                    .map(|current| current.manifest.content())
                    .unwrap_or_default();
                drop(state);
                let bytes = patch
                    .packed
                    .unpack(&base, MAX_MANIFEST_BYTES)
                    .map_err(|what| refused(format!("the manifest: {what}")))?;
                let manifest: Manifest = serde_json::from_slice(&bytes)
                    .map_err(|error| malformed(format!("the manifest: {error}")))?;
                Manifest {
                    apply: begin.txn.clone(),
                    ..manifest
                }
            }
        };
        manifest.validate().map_err(refused)?;
        Ok(Arc::new(manifest))
    }

    /// Returns the files of a manifest that are missing or damaged here. The files of unchanged
    /// services are not read again.
    async fn missing(
        &self,
        manifest: Arc<Manifest>,
        live: Option<Manifest>,
        damaged: Vec<String>,
    ) -> Vec<String> {
        let store = Arc::clone(&self.builder.store);
        blocking(move || {
            let live = live.as_ref().map(|live| &live.services);
            let is_live = |name: &String, entry| {
                live.is_some_and(|live| live.get(name) == Some(entry)) && !damaged.contains(name)
            };
            let mut missing = BTreeSet::new();
            for (name, service) in &manifest.services {
                let is_usable = if is_live(name, service) {
                    Store::has_object
                } else {
                    Store::is_intact
                };
                missing.extend(
                    service
                        .files()
                        .map(|file| &file.sha256)
                        .filter(|hash| !is_usable(&store, hash)),
                );
            }
            missing.into_iter().cloned().collect()
        })
        .await
    }

    /// Stores files of the transaction.
    pub(super) async fn put(&self, step: Step<'_>, files: Vec<PutFile>) -> AnswerResult {
        let manifest = self.step(step).await?;
        let store = Arc::clone(&self.builder.store);
        blocking(move || {
            let wanted: BTreeSet<&str> = manifest.files();
            files.iter().try_for_each(|file| {
                if !wanted.contains(file.sha256.as_str()) {
                    return Err(refused(format!(
                        "the manifest has no file with the hash {}",
                        file.sha256
                    )));
                }
                store
                    .put_object(&file.sha256, &unpack(file)?)
                    .map_err(|error| failed(&error))
            })
        })
        .await?;
        encode_answer(&Value::Null)
    }

    /// Prepares the transaction: afterwards it can be committed, even after a crash.
    pub(super) async fn prepare(&self, registry: &LiveRegistry, step: Step<'_>) -> AnswerResult {
        let manifest = self.step(step).await?;
        self.state.lock().await.participant.preparing(step)?;
        let prepared = self.load_prepared(registry, step, &manifest).await;
        if prepared.is_err() {
            let mut state = self.state.lock().await;
            // If the same transaction was begun again meanwhile, that one continues.
            if state
                .staged
                .as_ref()
                .is_none_or(|staged| Arc::ptr_eq(&staged.manifest, &manifest))
            {
                state.drop_staged(step.txn);
            }
            drop(state);
            self.settle_soon();
        }
        prepared
    }

    /// Makes the files durable, then checks and loads them. The lease does not run out meanwhile.
    async fn load_prepared(
        &self,
        registry: &LiveRegistry,
        step: Step<'_>,
        manifest: &Arc<Manifest>,
    ) -> AnswerResult {
        let store = Arc::clone(&self.builder.store);
        let wanted = Arc::clone(manifest);
        let missing = blocking(move || {
            wanted
                .files()
                .into_iter()
                .find(|hash| !store.has_object(hash))
                .map(str::to_owned)
        });
        if let Some(hash) = missing.await {
            return Err(refused(format!(
                "the file with the hash {hash} was not sent"
            )));
        }
        let store = Arc::clone(&self.builder.store);
        blocking(move || store.sync_objects())
            .await
            .map_err(|error| failed(&error))?;
        let before = registry.load_full();
        let content = self
            .builder
            .build(manifest, Some(&before), SourcePolicy::Check)
            .await?;
        let mut state = self.state.lock().await;
        let staged = state
            .staged
            .as_ref()
            .filter(|staged| Arc::ptr_eq(&staged.manifest, manifest));
        let record = staged
            .ok_or_else(|| Refusal::NotUnderWay(step.txn.to_owned()))?
            .record();
        let store = Arc::clone(&self.builder.store);
        blocking(move || store.keep_prepared(&record))
            .await
            .map_err(|error| failed(&error))?;
        state.participant.prepared(Instant::now(), step)?;
        if let Some(staged) = &mut state.staged {
            staged.content = Some(content);
        }
        tracing::info!(
            event = "generation prepared",
            txn = step.txn,
            apply = manifest.apply
        );
        encode_answer(&Value::Null)
    }

    /// Checks that a step belongs to the transaction under way, and renews the lease. Returns the
    /// manifest of the transaction.
    pub(super) async fn step(&self, step: Step<'_>) -> Result<Arc<Manifest>, DeployError> {
        let mut state = self.state.lock().await;
        state.participant.step(Instant::now(), step)?;
        let staged = state
            .staged
            .as_ref()
            .filter(|staged| staged.txn == step.txn);
        staged
            .map(|staged| Arc::clone(&staged.manifest))
            .ok_or_else(|| Refusal::NotUnderWay(step.txn.to_owned()).into())
    }

    /// Makes the prepared transaction the live generation. A repeated commit changes nothing.
    pub(super) async fn commit(&self, registry: &LiveRegistry, step: Step<'_>) -> AnswerResult {
        let mut state = self.state.lock().await;
        let Some(number) = state.participant.commit(Instant::now(), step)? else {
            return encode_answer(&LiveAnswer {
                generation: state.participant.live().generation,
            });
        };
        let Some(StagedTransaction {
            manifest,
            content: Some(content),
            origin,
            from,
            ..
        }) = state.staged.take()
        else {
            state.drop_staged(step.txn);
            return Err(Refusal::NotPrepared(step.txn.to_owned()).into());
        };
        let generation = Generation {
            number,
            txn: step.txn.to_owned(),
            previous: state.participant.live().generation,
            origin,
            from,
            changes: state.changes_to(&manifest),
            undid: String::new(),
            content: manifest.content_hash(),
            manifest: Arc::unwrap_or_clone(manifest),
        };
        if let Err(error) = self.store_generation(&generation).await {
            state.drop_staged(step.txn);
            self.settle_soon();
            return Err(failed(&error));
        }
        state.participant.committed(step.txn, live_of(&generation));
        state.go_live(registry, content, generation);
        self.settle_soon();
        encode_answer(&LiveAnswer { generation: number })
    }

    /// Aborts a transaction. Returns its outcome.
    pub(super) async fn abort(&self, txn: &str) -> AnswerResult {
        let mut state = self.state.lock().await;
        let outcome = state.drop_staged(txn);
        tracing::info!(
            event = "apply aborted",
            txn,
            reason = "the initializer aborted it"
        );
        self.settle_soon();
        encode_answer(&OutcomeAnswer { outcome })
    }

    /// Breaks the lease of a transaction, and drops the transaction. Returns who held the lease.
    pub(super) async fn unlock(
        &self,
        txn: &str,
        origin: &Origin,
        session: &DeploySession,
    ) -> AnswerResult {
        let mut state = self.state.lock().await;
        let lease = state.participant.lease(Instant::now());
        let Some(lease) = lease.filter(|lease| lease.txn == txn) else {
            return encode_answer(&UnlockAnswer {
                holder: None,
                outcome: state.participant.outcome(txn),
            });
        };
        let outcome = state.drop_staged(txn);
        drop(state);
        tracing::warn!(event = "lease broken", txn, holder = lease.holder, by = origin.by, peer = %session.remote);
        self.settle_soon();
        encode_answer(&UnlockAnswer {
            holder: Some(lease.holder),
            outcome,
        })
    }

    /// Makes the content before the live generation live again, as a new generation.
    pub(super) async fn roll_back(
        &self,
        registry: &LiveRegistry,
        txn: &str,
        session: &DeploySession,
    ) -> AnswerResult {
        let mut state = self.state.lock().await;
        let number = state.participant.roll_back(Instant::now(), txn)?;
        let Some(current) = state.current.clone() else {
            return Err(Refusal::NotLive(txn.to_owned()).into());
        };
        let manifest = self
            .content_before(&current)
            .await
            .map_err(|error| failed(&error))?;
        let before = registry.load_full();
        let content = self
            .builder
            .build(&manifest, Some(&before), SourcePolicy::Trust)
            .await?;
        let Origin { at, by, .. } = current.origin;
        let note = format!("undid {txn}, which failed on another server");
        let generation = Generation {
            number,
            txn: format!("rollback of {txn}"),
            previous: current.number,
            origin: Origin {
                at: super::epoch_ms().max(at.saturating_add(1)),
                by,
                note,
                watch: String::new(),
                rollback_to: String::new(),
            },
            from: session.remote.address.ip().to_string(),
            changes: state.changes_to(&manifest),
            undid: txn.to_owned(),
            content: manifest.content_hash(),
            manifest,
        };
        self.store_generation(&generation)
            .await
            .map_err(|error| failed(&error))?;
        state.participant.rolled_back(txn, live_of(&generation));
        state.go_live(registry, content, generation);
        self.settle_soon();
        encode_answer(&LiveAnswer { generation: number })
    }

    /// Returns the manifest that was live before a generation. Before the first generation, the
    /// server had no services.
    async fn content_before(&self, current: &Generation) -> Result<Manifest, StoreError> {
        if current.previous == 0 {
            return Ok(current.manifest.emptied());
        }
        let store = Arc::clone(&self.builder.store);
        let previous = current.previous;
        blocking(move || store.generation(previous))
            .await
            .map(|generation| generation.manifest)
    }

    /// Replaces every worker by a fresh one. Calls in flight end on the old workers.
    pub(super) async fn restart(&self, registry: &LiveRegistry) -> AnswerResult {
        let state = self.state.lock().await;
        if let Some(lease) = state.participant.lease(Instant::now()) {
            // The prepared transaction may share workers with the live generation.
            return Err(Refusal::Busy(lease).into());
        }
        if let Some(current) = &state.current {
            let content = self
                .builder
                .build(&current.manifest, None, SourcePolicy::Trust)
                .await?;
            retire(registry.swap(Arc::new(Registry::new(current.number, content))));
            tracing::info!(event = "engines restarted", generation = current.number);
        }
        encode_answer(&Value::Null)
    }

    async fn store_generation(&self, generation: &Generation) -> Result<(), StoreError> {
        let store = Arc::clone(&self.builder.store);
        let generation = generation.clone();
        blocking(move || store.commit(&generation)).await
    }
}

impl StagedTransaction {
    /// Returns the record that is stored when the transaction is prepared.
    fn record(&self) -> PreparedTransaction {
        PreparedTransaction {
            txn: self.txn.clone(),
            token: self.token,
            holder: self.holder.clone(),
            lease_ms: u64::try_from(self.lease.as_millis()).unwrap_or(u64::MAX),
            expected: self.expected.clone(),
            origin: self.origin.clone(),
            from: self.from.clone(),
            content: self.manifest.content_hash(),
            manifest: (*self.manifest).clone(),
        }
    }
}

impl DeployState {
    /// Returns how `next` differs from the live manifest.
    fn changes_to(&self, next: &Manifest) -> Changes {
        next.changes_from(self.current.as_ref().map(|current| &current.manifest))
    }

    fn go_live(
        &mut self,
        registry: &LiveRegistry,
        content: RegistryContent,
        generation: Generation,
    ) {
        retire(registry.swap(Arc::new(Registry::new(generation.number, content))));
        let Generation {
            number,
            origin,
            from,
            changes,
            manifest,
            ..
        } = &generation;
        tracing::info!(
            event = "generation live",
            generation = number,
            server = manifest.server,
            apply = manifest.apply,
            by = origin.by,
            from,
            note = origin.note,
            new = changes.new,
            changed = changes.changed,
            removed = changes.removed,
            files = (!changes.files.is_empty()).then(|| described(&changes.files))
        );
        self.current = Some(generation);
    }
}

/// Describes the modules and data files that changed.
fn described(files: &[SharedFile]) -> String {
    let files: Vec<String> = files.iter().map(ToString::to_string).collect();
    files.join("; ")
}

/// Drops a registry on a thread for blocking work. Its workers and folders are removed after the
/// last call on it.
fn retire(registry: Arc<Registry>) {
    registry.log_suppressed();
    tokio::task::spawn_blocking(move || drop(registry));
}

/// Returns the content of a file, if it matches the file's hash.
fn unpack(file: &PutFile) -> Result<Vec<u8>, DeployError> {
    let refused = |what: String| refused(format!("the file with the hash {}: {what}", file.sha256));
    let bytes = file.packed.unpack(b"", MAX_FILE_BYTES).map_err(refused)?;
    if sha256_hex(&bytes) != file.sha256 {
        return Err(refused("its content has another hash".to_owned()));
    }
    Ok(bytes)
}
