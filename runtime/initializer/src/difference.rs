//! [`SourceDifference`]: the text of files before and after a plan.

use std::collections::{BTreeMap, BTreeSet};

use crate::connection::Connection;
use crate::error::{InitializerError, RequestError, Unreachable};
use crate::initializer::Initializer;
use crate::join::{all_or_unreachable, join_all};
use crate::plan::FileChange;
use crate::plan::ServerPlan;
use deploy::message::{DeployRequest, FetchAnswer, MAX_FILE_BYTES};
use deploy::sha256_hex;

/// A file of a server that a plan changes.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct SourceDifference {
    /// The name of the server.
    pub server: String,
    /// The path of the file, relative to `init.yaml`.
    pub path: String,
    /// The content before the plan; `None` if the file is added.
    pub before: Option<Vec<u8>>,
    /// The content after the plan; `None` if the file is removed.
    pub after: Option<Vec<u8>>,
}

impl Initializer {
    /// Returns the files that the plan changes, before and after. The content before the plan comes
    /// from the servers.
    ///
    /// # Errors
    /// [`InitializerError::Unreachable`] with the servers that did not send their files.
    pub async fn differences(&self) -> Result<Vec<SourceDifference>, InitializerError> {
        let asked = self.plan.servers.iter().map(|server| async move {
            let found = self.differences_on(server).await;
            found.map_err(|error| Unreachable::new(&server.name, server.address, error))
        });
        all_or_unreachable(join_all(asked).await).map(|found| found.concat())
    }

    async fn differences_on(
        &self,
        server: &ServerPlan,
    ) -> Result<Vec<SourceDifference>, RequestError> {
        let changes: BTreeMap<&str, &FileChange> = server
            .services
            .iter()
            .flat_map(|service| &service.files)
            .map(|file| (file.path.as_str(), file))
            .collect();
        let hashes = changes
            .values()
            .flat_map(|file| file.before.iter().chain(&file.after));
        let unknown: BTreeSet<String> = hashes
            .filter(|hash| !self.files.contains_key(*hash))
            .cloned()
            .collect();
        let fetched = self.fetch(server, unknown).await?;
        let content = |hash: &Option<String>| {
            let hash = hash.as_ref()?;
            self.files.get(hash).or_else(|| fetched.get(hash)).cloned()
        };
        let difference = |(path, file): (&str, &FileChange)| SourceDifference {
            server: server.name.clone(),
            path: path.to_owned(),
            before: content(&file.before),
            after: content(&file.after),
        };
        Ok(changes.into_iter().map(difference).collect())
    }

    /// Fetches files from a server, by SHA-256.
    async fn fetch(
        &self,
        server: &ServerPlan,
        mut wanted: BTreeSet<String>,
    ) -> Result<BTreeMap<String, Vec<u8>>, RequestError> {
        let mut fetched = BTreeMap::new();
        if wanted.is_empty() {
            return Ok(fetched);
        }
        let mut connection = Connection::open(&server.name, server.address, &self.options).await?;
        while !wanted.is_empty() {
            let files = wanted.iter().cloned().collect();
            let FetchAnswer { files } = connection.request(&DeployRequest::Fetch { files }).await?;
            let wanted_before = wanted.len();
            for file in files {
                let bytes = file
                    .packed
                    .unpack(b"", MAX_FILE_BYTES)
                    .map_err(RequestError::Lost)?;
                if wanted.remove(&file.sha256) && sha256_hex(&bytes) == file.sha256 {
                    fetched.insert(file.sha256, bytes);
                }
            }
            if wanted.len() == wanted_before {
                return Err(RequestError::Lost(
                    "it sent none of the requested files".to_owned(),
                ));
            }
        }
        Ok(fetched)
    }
}
