//! What is kept of transactions: the one that is prepared, and what became of the last ones.

use std::fs;
use std::io;

use serde::{Deserialize, Serialize};

use super::{Store, StoreError};
use deploy::manifest::Manifest;
use deploy::message::Origin;
use deploy::participant::{Live, Outcome};

const PREPARED: &str = "prepared.json";
const OUTCOMES: &str = "outcomes.json";

/// A transaction that is prepared: whatever happens to the server, it can be committed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Prepared {
    /// Its id.
    pub txn: String,
    /// The token of its lease.
    pub token: u64,
    /// Who holds the lease, in words.
    pub holder: String,
    /// How long the lease is.
    pub lease_ms: u64,
    /// What it follows from.
    pub expected: Live,
    /// Who applies, when and why.
    pub origin: Origin,
    /// The address it came from.
    pub from: String,
    /// The content hash of what the server must run.
    pub content: String,
    /// What the server must run.
    pub manifest: Manifest,
}

impl Store {
    /// Keeps a transaction that is prepared, durably.
    ///
    /// # Errors
    /// The first write that failed.
    pub fn keep_prepared(&self, prepared: &Prepared) -> Result<(), StoreError> {
        let keep = || {
            self.replace(PREPARED, &serde_json::to_vec(prepared)?)?;
            self.disk.sync_folder(&self.folder)
        };
        keep().map_err(|error| self.failed(format!("`{PREPARED}`: {error}")))
    }

    /// The transaction that was prepared last, if it was not settled.
    ///
    /// # Errors
    /// That it is there and damaged.
    pub fn prepared(&self) -> Result<Option<Prepared>, StoreError> {
        let Some(prepared) = self.read_json::<Prepared>(PREPARED)? else {
            return Ok(None);
        };
        let damaged = |what: String| self.failed(format!("`{PREPARED}` is damaged: {what}"));
        prepared.manifest.validate().map_err(damaged)?;
        if prepared.content != prepared.manifest.content_hash() {
            return Err(damaged("its hash has changed".to_owned()));
        }
        Ok(Some(prepared))
    }

    /// Forgets the transaction that was prepared. One that comes back after a crash no longer
    /// follows from what is live, or is among the outcomes.
    ///
    /// # Errors
    /// Where it cannot be removed.
    pub fn forget_prepared(&self) -> Result<(), StoreError> {
        self.remove(&self.folder.join(PREPARED))
    }

    /// Keeps what became of the last transactions.
    ///
    /// # Errors
    /// The first write that failed.
    pub fn keep_outcomes(&self, outcomes: &[(String, Outcome)]) -> Result<(), StoreError> {
        let keep = || self.replace(OUTCOMES, &serde_json::to_vec(outcomes)?);
        keep().map_err(|error| self.failed(format!("`{OUTCOMES}`: {error}")))
    }

    /// What became of the last transactions, oldest first.
    ///
    /// # Errors
    /// That they are there and damaged.
    pub fn outcomes(&self) -> Result<Vec<(String, Outcome)>, StoreError> {
        self.read_json(OUTCOMES).map(Option::unwrap_or_default)
    }

    fn read_json<T: serde::de::DeserializeOwned>(
        &self,
        name: &str,
    ) -> Result<Option<T>, StoreError> {
        match fs::read(self.folder.join(name)) {
            Ok(bytes) => serde_json::from_slice(&bytes)
                .map(Some)
                .map_err(|error| self.failed(format!("`{name}` is damaged: {error}"))),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(self.failed(format!("`{name}`: {error}"))),
        }
    }
}
