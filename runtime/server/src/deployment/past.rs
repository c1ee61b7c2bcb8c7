//! Answers about what the server keeps: manifests, files and generations. Also whether the live
//! generation runs.

use std::sync::Arc;

use super::{AnswerResult, Deployer, encode_answer, failed, refused};
use crate::blocking::blocking;
use crate::registry::live::LiveRegistry;
use crate::store::{RemovedCounts, Retention, Store};
use deploy::message::{
    DeployError, FetchAnswer, HistoryAnswer, KeptGeneration, LacksAnswer, ManifestAnswer,
    ProbeAnswer, PutFile,
};
use deploy::packed::Packed;

impl Deployer {
    /// Returns the manifest of a kept generation. `None` asks for the live one.
    pub(super) async fn manifest(&self, generation: Option<u64>) -> AnswerResult {
        let live = {
            let state = self.state.lock().await;
            let current = state.current.as_ref();
            current
                .filter(|current| generation.is_none_or(|asked| asked == current.number))
                .cloned()
        };
        let found = match (live, generation) {
            (Some(live), _) => live,
            (None, None) => {
                return Err(refused(
                    "nothing has been applied to this server yet".to_owned(),
                ));
            }
            (None, Some(number)) => {
                let store = Arc::clone(&self.builder.store);
                blocking(move || store.generation(number))
                    .await
                    .map_err(|error| refused(error.to_string()))?
            }
        };
        let packed = blocking(move || {
            Packed::pack(&found.manifest.content(), b"").map(|packed| (found.number, packed))
        });
        let (generation, packed) = packed.await.map_err(|error| failed(&error))?;
        encode_answer(&ManifestAnswer { generation, packed })
    }

    /// Returns the kept generations. A generation that lacks a file says so.
    pub(super) async fn history(&self) -> AnswerResult {
        let store = Arc::clone(&self.builder.store);
        let generations = blocking(move || {
            let history = store.history()?;
            Ok(history
                .into_iter()
                .map(|(_, past)| with_damage(&store, past))
                .collect())
        });
        let generations = generations
            .await
            .map_err(|error: crate::store::StoreError| failed(&error))?;
        encode_answer(&HistoryAnswer { generations })
    }

    /// Returns those of the files that are missing or damaged here.
    pub(super) async fn lacks(&self, files: Vec<String>) -> AnswerResult {
        let store = Arc::clone(&self.builder.store);
        let missing = blocking(move || {
            files
                .into_iter()
                .filter(|file| !store.is_intact(file))
                .collect()
        })
        .await;
        encode_answer(&LacksAnswer { missing })
    }

    /// Returns the first of the files, as many as fit into half a message, but at least one.
    pub(super) async fn fetch(&self, files: Vec<String>) -> AnswerResult {
        let store = Arc::clone(&self.builder.store);
        let max_bytes = self.builder.limits.frame_bytes / 2;
        let files = blocking(move || {
            let mut fetched = Vec::new();
            let mut bytes = 0;
            for sha256 in files {
                let content = store
                    .object(&sha256)
                    .map_err(|error| refused(error.to_string()))?;
                let packed = Packed::pack(&content, b"").map_err(|error| failed(&error))?;
                bytes += packed.zstd.len();
                if bytes > max_bytes && !fetched.is_empty() {
                    break;
                }
                fetched.push(PutFile { sha256, packed });
            }
            Ok::<_, DeployError>(fetched)
        });
        encode_answer(&FetchAnswer {
            files: files.await?,
        })
    }

    /// Returns the live services that cannot run, with the reasons.
    pub(super) async fn probe(&self, registry: &LiveRegistry) -> AnswerResult {
        let live = self.state.lock().await.participant.live().clone();
        let sick = registry.load_full().find_sick().await;
        encode_answer(&ProbeAnswer { live, sick })
    }

    /// Tidies the data folder in the background, after the step that runs at present: keeps the
    /// outcomes of transactions, forgets a settled transaction, and removes what is no longer kept.
    pub(super) fn settle_soon(&self) {
        let state = Arc::clone(&self.state);
        let store = Arc::clone(&self.builder.store);
        let retention = self.retention;
        tokio::spawn(async move {
            let state = state.lock_owned().await;
            let settle = move || settle(&store, &state, retention);
            blocking(settle).await;
        });
    }
}

fn settle(store: &Store, state: &super::DeployState, retention: Retention) {
    let outcomes: Vec<_> = state.participant.outcomes().cloned().collect();
    let kept = store.keep_outcomes(&outcomes);
    let forgotten = if state.staged.is_none() {
        store.forget_prepared()
    } else {
        Ok(())
    };
    let staged = state.staged.as_ref().map(|staged| &*staged.manifest);
    let removed = match &state.current {
        Some(live) => store.collect(live, retention, staged),
        None => Ok(RemovedCounts::default()),
    };
    match kept.and(forgotten).and(removed) {
        Ok(removed) if removed.generations > 0 => tracing::info!(
            event = "history collected",
            generations = removed.generations,
            files = removed.objects
        ),
        Ok(_) => {}
        Err(error) => tracing::warn!(event = "data not tidied", error = %error),
    }
}

/// Adds the reason why a rollback to this generation is impossible, if there is one.
fn with_damage(store: &Store, past: KeptGeneration) -> KeptGeneration {
    if !past.damaged.is_empty() {
        return past;
    }
    let damaged = match store.find_missing_file(past.generation) {
        Ok(missing) => {
            missing.map_or_else(String::new, |file| format!("the file {file} is missing"))
        }
        Err(error) => error.to_string(),
    };
    KeptGeneration { damaged, ..past }
}
