//! What the store keeps of transactions: the prepared one, and the outcomes of the last ones.

use std::io;

use serde::{Deserialize, Serialize};

use super::{MAX_RECORD_BYTES, Store, StoreError, read_regular, record};
use deploy::manifest::Manifest;
use deploy::message::Origin;
use deploy::participant::{Live, Outcome};

const PREPARED: &str = "prepared.json";
const OUTCOMES: &str = "outcomes.json";

/// A prepared transaction. It can be committed even after a crash of the server.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct PreparedTransaction {
    /// The id of the transaction.
    pub txn: String,
    /// The token of its lease.
    pub token: u64,
    /// Who holds the lease, in words.
    pub holder: String,
    /// The length of the lease in milliseconds.
    pub lease_ms: u64,
    /// The generation that was live when the apply was planned.
    pub expected: Live,
    /// Who applies, when and why.
    pub origin: Origin,
    /// The address it came from.
    pub from: String,
    /// The content hash of the manifest.
    pub content: String,
    /// The content of the generation that the transaction makes.
    pub manifest: Manifest,
}

impl Store {
    /// Stores the prepared transaction, durably.
    ///
    /// # Errors
    /// Returns the first write that failed.
    pub fn keep_prepared(&self, prepared: &PreparedTransaction) -> Result<(), StoreError> {
        let keep = || {
            self.replace(PREPARED, &record::seal(prepared)?)?;
            self.disk.sync_folder(&self.folder)
        };
        keep().map_err(|error| self.failed(format!("`{PREPARED}`: {error}")))
    }

    /// Returns the prepared transaction, or `None` if there is none.
    ///
    /// # Errors
    /// Returns an error if its file is damaged.
    pub fn prepared(&self) -> Result<Option<PreparedTransaction>, StoreError> {
        let Some(prepared) = self.read_json::<PreparedTransaction>(PREPARED)? else {
            return Ok(None);
        };
        let damaged = |what: String| self.failed(format!("`{PREPARED}` is damaged: {what}"));
        prepared.manifest.validate().map_err(damaged)?;
        if prepared.content != prepared.manifest.content_hash() {
            return Err(damaged("its hash has changed".to_owned()));
        }
        Ok(Some(prepared))
    }

    /// Removes the prepared transaction. The removal is not synced: if a crash brings the
    /// transaction back, it no longer follows from the live generation or is among the outcomes.
    ///
    /// # Errors
    /// Returns an error if the file cannot be removed.
    pub fn forget_prepared(&self) -> Result<(), StoreError> {
        self.remove(&self.folder.join(PREPARED))
    }

    /// Stores the outcomes of the last transactions.
    ///
    /// # Errors
    /// Returns the first write that failed.
    pub fn keep_outcomes(&self, outcomes: &[(String, Outcome)]) -> Result<(), StoreError> {
        let keep = || self.replace(OUTCOMES, &record::seal(&outcomes)?);
        keep().map_err(|error| self.failed(format!("`{OUTCOMES}`: {error}")))
    }

    /// Returns the outcomes of the last transactions, oldest first.
    ///
    /// # Errors
    /// Returns an error if their file is damaged.
    pub fn outcomes(&self) -> Result<Vec<(String, Outcome)>, StoreError> {
        self.read_json(OUTCOMES).map(Option::unwrap_or_default)
    }

    fn read_json<T: serde::de::DeserializeOwned>(
        &self,
        name: &str,
    ) -> Result<Option<T>, StoreError> {
        match read_regular(&self.folder.join(name), MAX_RECORD_BYTES) {
            Ok(bytes) => record::unseal(&bytes)
                .map(Some)
                .map_err(|what| self.failed(format!("`{name}` is damaged: {what}"))),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(self.failed(format!("`{name}`: {error}"))),
        }
    }
}
