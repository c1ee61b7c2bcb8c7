//! What the server keeps beside what is live, and whether what is live runs.

use std::sync::Arc;

use super::{Answer, Deployer, answer, failed, refused};
use crate::registry::live::LiveRegistry;
use crate::server::blocking;
use crate::store::{Collected, Retention, Store};
use deploy::message::{
    DeployError, FetchAnswer, HistoryAnswer, LacksAnswer, ManifestAnswer, Past, ProbeAnswer,
    PutFile,
};
use deploy::packed::Packed;

impl Deployer {
    /// The manifest of a generation that is kept.
    pub(super) async fn manifest(&self, generation: Option<u64>) -> Answer {
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
                    "nothing was applied to this server so far".to_owned(),
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
        answer(&ManifestAnswer { generation, packed })
    }

    /// The generations that are kept; one whose files are not all here says so.
    pub(super) async fn history(&self) -> Answer {
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
        answer(&HistoryAnswer { generations })
    }

    pub(super) async fn lacks(&self, files: Vec<String>) -> Answer {
        let store = Arc::clone(&self.builder.store);
        let missing = blocking(move || {
            files
                .into_iter()
                .filter(|file| !store.is_whole(file))
                .collect()
        })
        .await;
        answer(&LacksAnswer { missing })
    }

    /// As many files as fit into half a message.
    pub(super) async fn fetch(&self, files: Vec<String>) -> Answer {
        let (store, room) = (
            Arc::clone(&self.builder.store),
            self.builder.limits.frame_bytes / 2,
        );
        let files = blocking(move || {
            let (mut fetched, mut bytes) = (Vec::new(), 0);
            for sha256 in files {
                let content = store
                    .object(&sha256)
                    .map_err(|error| refused(error.to_string()))?;
                let packed = Packed::pack(&content, b"").map_err(|error| failed(&error))?;
                bytes += packed.zstd.len();
                if bytes > room && !fetched.is_empty() {
                    break;
                }
                fetched.push(PutFile { sha256, packed });
            }
            Ok::<_, DeployError>(fetched)
        });
        answer(&FetchAnswer {
            files: files.await?,
        })
    }

    /// Whether what is live runs: every service whose workers came with it has one that lives.
    pub(super) async fn probe(&self, registry: &LiveRegistry) -> Answer {
        let live = self.state.lock().await.participant.live().clone();
        let sick = registry.load_full().find_sick().await;
        answer(&ProbeAnswer { live, sick })
    }

    /// Soon, and behind whatever is answered before: keeps what became of transactions, forgets the
    /// one that is settled, and removes what is no longer kept.
    pub(super) fn settle_soon(&self) {
        let (state, store, retention) = (
            Arc::clone(&self.state),
            Arc::clone(&self.builder.store),
            self.retention,
        );
        tokio::spawn(async move {
            let state = state.lock_owned().await;
            let settle = move || settle(&store, &state, retention);
            blocking(settle).await;
        });
    }
}

fn settle(store: &Store, state: &super::State, retention: Retention) {
    let outcomes: Vec<_> = state.participant.outcomes().cloned().collect();
    let kept = store.keep_outcomes(&outcomes);
    let forgotten = if state.staged.is_none() {
        store.forget_prepared()
    } else {
        Ok(())
    };
    let staged = state.staged.as_ref().map(|staged| &*staged.manifest);
    let collected = match &state.current {
        Some(live) => store.collect(live, retention, staged),
        None => Ok(Collected::default()),
    };
    match kept.and(forgotten).and(collected) {
        Ok(collected) if collected.generations > 0 => tracing::info!(
            event = "history collected",
            generations = collected.generations,
            files = collected.objects
        ),
        Ok(_) => {}
        Err(error) => tracing::warn!(event = "data not tidied", error = %error),
    }
}

/// A generation that cannot be gone back to says why.
fn with_damage(store: &Store, past: Past) -> Past {
    if !past.damaged.is_empty() {
        return past;
    }
    let damaged = match store.lacking_of(past.generation) {
        Ok(lacking) => {
            lacking.map_or_else(String::new, |file| format!("the file {file} is missing"))
        }
        Err(error) => error.to_string(),
    };
    Past { damaged, ..past }
}
