//! The `INIT-...` messages. Each request has an `id`. The answer is an `INIT-RES` or an `INIT-EX`
//! with the same `id`.

use serde::de::value::{BorrowedStrDeserializer, MapAccessDeserializer};
use serde::de::{DeserializeSeed, MapAccess};
use serde::{Deserialize, Serialize};

use super::is_txn;
use super::manifest::{Changes, Manifest, NetworkEntry, is_sha256};
use super::packed::Packed;
use super::participant::{Lease, Live, Outcome, Refusal};
use wire::json::shortened;

/// Header of an answer that contains the result.
pub const INIT_RES: &str = "INIT-RES";

/// Header of an answer that refuses the request; its value is a [`DeployError`].
pub const INIT_EX: &str = "INIT-EX";

/// Version of these messages. Version 2 added `INIT-MANIFEST`. Version 3 added the proof of the
/// deploy key and the token in each step. Version 4 added `INIT-UNLOCK` and the lease in the answer
/// to `INIT-STATUS`.
pub const PROTOCOL: u32 = 4;

/// Maximum number of characters of [`Origin::by`] and of [`Origin::note`].
pub const MAX_ORIGIN_CHARS: usize = 256;

/// Maximum number of files that one message names.
pub const MAX_NAMED_FILES: usize = 100_000;

/// Maximum number of bytes of a file that is sent.
pub const MAX_FILE_BYTES: usize = 8 << 20;

/// Maximum number of bytes of a manifest.
pub const MAX_MANIFEST_BYTES: usize = 128 << 20;

/// A request of an initializer to a server. The header names the kind of request.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(tag = "header", content = "value", rename_all_fields = "kebab-case")]
pub enum DeployRequest {
    /// Asks for the server's nonce, which the proof of the deploy key needs.
    #[serde(rename = "INIT-CHALLENGE")]
    Challenge {
        /// The initializer's nonce; see [`proof`](super::proof).
        nonce: String,
    },
    /// Proves the deploy key.
    #[serde(rename = "INIT-PROVE")]
    Prove {
        /// The initializer's [proof](super::proof), as lower-case hexadecimal.
        proof: String,
    },
    /// Asks what is live on the server.
    #[serde(rename = "INIT-STATUS")]
    Status {},
    /// Asks for the manifest of a generation.
    #[serde(rename = "INIT-MANIFEST")]
    Manifest {
        /// The generation; `None` for the live generation.
        #[serde(default)]
        generation: Option<u64>,
    },
    /// Asks for the generations that the server keeps.
    #[serde(rename = "INIT-HISTORY")]
    History {},
    /// Asks which of these files the server lacks.
    #[serde(rename = "INIT-LACKS")]
    Lacks {
        /// The SHA-256 of each file.
        files: Vec<String>,
    },
    /// Asks for files that the server keeps.
    #[serde(rename = "INIT-FETCH")]
    Fetch {
        /// The SHA-256 of each file.
        files: Vec<String>,
    },
    /// Begins a transaction.
    #[serde(rename = "INIT-BEGIN")]
    Begin {
        /// The transaction's id.
        txn: String,
        /// Who applies, when and why.
        #[serde(default)]
        origin: Origin,
        /// How long the server waits for the next step, in milliseconds.
        lease_ms: u64,
        /// What was live when the plan was made.
        expected: Live,
        /// The whole manifest that the server must run.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        manifest: Option<Box<Manifest>>,
        /// The same manifest as a patch of the live manifest.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        patch: Option<ManifestPatch>,
    },
    /// Sends files that the server lacks.
    #[serde(rename = "INIT-PUT")]
    Put {
        /// The transaction's id.
        txn: String,
        /// The token of the transaction's lease.
        token: u64,
        /// The files.
        files: Vec<PutFile>,
    },
    /// Asks the server to check and load everything, and to make it durable.
    #[serde(rename = "INIT-PREPARE")]
    Prepare {
        /// The transaction's id.
        txn: String,
        /// The token of the transaction's lease.
        token: u64,
    },
    /// Makes the prepared content live.
    #[serde(rename = "INIT-COMMIT")]
    Commit {
        /// The transaction's id.
        txn: String,
        /// The token of the transaction's lease.
        token: u64,
    },
    /// Starts the lease again, while other servers still prepare.
    #[serde(rename = "INIT-RENEW")]
    Renew {
        /// The transaction's id.
        txn: String,
        /// The token of the transaction's lease.
        token: u64,
    },
    /// Asks whether the live services run.
    #[serde(rename = "INIT-PROBE")]
    Probe {},
    /// Drops a transaction.
    #[serde(rename = "INIT-ABORT")]
    Abort {
        /// The transaction's id.
        txn: String,
    },
    /// Breaks the lease of a transaction whose initializer is gone, and drops the transaction.
    #[serde(rename = "INIT-UNLOCK")]
    Unlock {
        /// The transaction's id.
        txn: String,
        /// Who breaks the lease.
        #[serde(default)]
        origin: Origin,
    },
    /// Brings the list of revoked certificates. A server takes only a newer one than it has.
    #[serde(rename = "INIT-REVOKE")]
    Revoke {
        /// The list as PEM.
        list: String,
    },
    /// Asks for the outcome of a transaction.
    #[serde(rename = "INIT-OUTCOME")]
    Outcome {
        /// The transaction's id.
        txn: String,
    },
    /// Undoes a committed transaction: makes the previous content live again.
    #[serde(rename = "INIT-ROLLBACK")]
    Rollback {
        /// The transaction's id.
        txn: String,
    },
    /// Replaces every worker by another one, without a new generation.
    #[serde(rename = "INIT-RESTART")]
    Restart {},
}

/// Who applies, when and why. The server keeps it with the generation.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Origin {
    /// The time of the apply, in milliseconds since the Unix epoch by the initializer's clock. It
    /// is later than the time of every apply that the asked servers know. So applies are in order
    /// even if clocks are wrong.
    pub at: u64,
    /// The user and the machine, such as `user@machine`.
    pub by: String,
    /// What is special about the apply, such as `only server1` or a rollback; empty for an ordinary
    /// apply.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub note: String,
    /// The id of the `initializer watch` that applied: 16 hexadecimal digits; empty for an apply of
    /// its own. In the history, the applies of one watch count as one.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub watch: String,
    /// The id of the apply to which a rollback returned; empty for an apply that is no rollback.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub rollback_to: String,
}

/// A manifest, packed against another manifest.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ManifestPatch {
    /// The content hash of the manifest that is the base; empty for no base.
    pub base: String,
    /// The packed bytes of the manifest.
    #[serde(flatten)]
    pub packed: Packed,
}

/// The manifest of a transaction, in the form in which `INIT-BEGIN` contains it.
#[derive(Debug, Clone)]
pub enum WantedManifest {
    /// The whole manifest.
    Whole(Box<Manifest>),
    /// A patch of the live manifest.
    Patch(ManifestPatch),
}

impl WantedManifest {
    /// Returns the manifest of an `INIT-BEGIN`, from its two optional members.
    ///
    /// # Errors
    /// Fails if both members are missing, or if both are given.
    pub fn new(
        manifest: Option<Box<Manifest>>,
        patch: Option<ManifestPatch>,
    ) -> Result<Self, String> {
        match (manifest, patch) {
            (Some(whole), None) => Ok(Self::Whole(whole)),
            (None, Some(patch)) => Ok(Self::Patch(patch)),
            _ => Err("`INIT-BEGIN` must have either `manifest` or `patch`".to_owned()),
        }
    }
}

/// A file in a message.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct PutFile {
    /// SHA-256 of the file's bytes.
    pub sha256: String,
    /// The packed bytes of the file.
    #[serde(flatten)]
    pub packed: Packed,
}

/// The answer to `INIT-CHALLENGE`.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ChallengeAnswer {
    /// The server's nonce.
    pub nonce: String,
}

/// The answer to `INIT-PROVE`.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ProveAnswer {
    /// The server's own [proof](super::proof), as lower-case hexadecimal.
    pub proof: String,
}

/// The answer to `INIT-STATUS`.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct StatusAnswer {
    /// The server's version.
    pub version: String,
    /// The version of the server's messages; see [`PROTOCOL`].
    #[serde(default)]
    pub protocol: u32,
    /// The version of the Python that runs procedures.
    #[serde(default)]
    pub python: String,
    /// The active layers of the sandbox around procedures.
    #[serde(default)]
    pub sandbox: Vec<String>,
    /// When the server started, in milliseconds since the Unix epoch by its clock.
    #[serde(default)]
    pub started: u64,
    /// What is live on the server.
    pub live: Live,
    /// The live generation, and who applied it; `None` before the first apply.
    #[serde(default)]
    pub applied: Option<KeptGeneration>,
    /// The server's name; `None` before the first apply.
    #[serde(default)]
    pub server: Option<String>,
    /// The network of the live manifest; `None` before the first apply.
    #[serde(default)]
    pub network: Option<NetworkEntry>,
    /// The lease of the apply that is under way; `None` if there is none.
    #[serde(default)]
    pub lease: Option<Lease>,
    /// Names of the services that cannot run because their files are damaged.
    #[serde(default)]
    pub damaged: Vec<String>,
    /// Names of the services that have a handler in the server's program.
    #[serde(default)]
    pub native: Vec<String>,
    /// The longest message that the server accepts, in bytes.
    pub frame_limit: u64,
}

/// A generation that a server keeps.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct KeptGeneration {
    /// The generation's number.
    pub generation: u64,
    /// The id of the apply that made it.
    pub apply: String,
    /// Who applied it, when and why.
    #[serde(default)]
    pub origin: Origin,
    /// The address of the initializer.
    #[serde(default)]
    pub from: String,
    /// How many procedures differ from the previous generation.
    #[serde(default)]
    pub changes: Changes,
    /// The transaction that this generation undid because the transaction failed on another server;
    /// empty if it undid none.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub undid: String,
    /// Why the server cannot go back to this generation; empty if it can.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub damaged: String,
}

/// The answer to `INIT-MANIFEST`.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ManifestAnswer {
    /// The generation.
    pub generation: u64,
    /// The packed bytes of its manifest.
    #[serde(flatten)]
    pub packed: Packed,
}

/// The answer to `INIT-HISTORY`.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct HistoryAnswer {
    /// The generations that the server keeps, newest first.
    pub generations: Vec<KeptGeneration>,
}

/// The answer to `INIT-FETCH`.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct FetchAnswer {
    /// As many of the requested files as fit into one message, at least one.
    pub files: Vec<PutFile>,
}

/// The answer to `INIT-PROBE`.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ProbeAnswer {
    /// What is live on the server.
    pub live: Live,
    /// Each service that does not run, and why; empty if all services run.
    pub sick: Vec<String>,
}

/// The answer to `INIT-BEGIN`.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct BeginAnswer {
    /// The token of the lease. A step with this token is refused once a later lease has another
    /// token.
    pub token: u64,
    /// The SHA-256 of each file that the server lacks.
    pub missing: Vec<String>,
}

/// The answer to `INIT-LACKS`.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct LacksAnswer {
    /// The SHA-256 of each requested file that the server lacks.
    pub missing: Vec<String>,
}

/// The answer to `INIT-COMMIT` and `INIT-ROLLBACK`.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct LiveAnswer {
    /// The generation that is live.
    pub generation: u64,
}

/// The answer to `INIT-ABORT` and `INIT-OUTCOME`.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct OutcomeAnswer {
    /// The outcome of the transaction.
    pub outcome: Outcome,
}

/// The answer to `INIT-UNLOCK`.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct UnlockAnswer {
    /// Who held the lease; `None` if the transaction held no lease.
    #[serde(default)]
    pub holder: Option<String>,
    /// The outcome of the transaction.
    pub outcome: Outcome,
}

/// The answer to `INIT-REVOKE`: the list that is in force.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct RevokeAnswer {
    /// The number of the list.
    pub number: u64,
    /// Number of revoked certificates.
    pub revoked: u64,
}

/// The value of an `INIT-EX`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeployError {
    /// The kind of refusal.
    pub kind: DeployErrorKind,
    /// The reason, for people.
    pub message: String,
    /// What is wrong with the sources.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub findings: Vec<SourceFinding>,
    /// The lease of another apply, if that is the reason.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lease: Option<Box<Lease>>,
}

/// The kind of a refusal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum DeployErrorKind {
    /// This peer may not deploy, or has not proved the deploy key.
    NotAllowed,
    /// The message does not follow the protocol.
    Malformed,
    /// Another apply is under way, or the live content is not the expected content.
    Conflict,
    /// The content is refused, such as a manifest for another server or a source that does not
    /// load.
    Refused,
    /// The server failed, such as for a full disk or a missing Python.
    Failed,
}

/// What is wrong with a source.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SourceFinding {
    /// The procedure that the source was loaded for, such as `svc1.rpc1(int)`.
    pub procedure: String,
    /// The file, relative to `init.yaml`.
    pub path: String,
    /// The line, counted from 1.
    pub line: u32,
    /// What is wrong.
    pub message: String,
}

/// Returns whether a header is the header of a [`DeployRequest`].
pub fn is_request_header(header: &str) -> bool {
    const VERBS: [&str; 19] = [
        "CHALLENGE",
        "PROVE",
        "STATUS",
        "MANIFEST",
        "HISTORY",
        "LACKS",
        "FETCH",
        "BEGIN",
        "PUT",
        "PREPARE",
        "COMMIT",
        "RENEW",
        "PROBE",
        "ABORT",
        "UNLOCK",
        "OUTCOME",
        "REVOKE",
        "ROLLBACK",
        "RESTART",
    ];
    header
        .strip_prefix("INIT-")
        .is_some_and(|verb| VERBS.contains(&verb))
}

impl DeployRequest {
    /// Decodes a request from its header and the JSON text of its value.
    ///
    /// # Errors
    /// Describes what is missing or wrong.
    pub fn decode(header: &str, value: &str) -> Result<Self, String> {
        let members = TaggedValue {
            header: Some(header),
            value: Some(value),
        };
        Self::deserialize(MapAccessDeserializer::new(members)).map_err(|error| error.to_string())
    }

    /// Checks what the types cannot check: the form and the length of the texts that a peer
    /// chooses.
    ///
    /// # Errors
    /// Describes what is wrong.
    pub fn check(&self) -> Result<(), String> {
        if let Some(txn) = self.txn().filter(|txn| !is_txn(txn)) {
            return Err(format!(
                "invalid `txn` `{}`; expected 16 hexadecimal digits in lower case",
                shortened(txn)
            ));
        }
        match self {
            Self::Begin { origin, .. } | Self::Unlock { origin, .. } => {
                let Origin {
                    by,
                    note,
                    watch,
                    rollback_to,
                    ..
                } = origin;
                for (name, id) in [("watch", watch), ("rollback-to", rollback_to)] {
                    if !id.is_empty() && !is_txn(id) {
                        return Err(format!(
                            "invalid `{name}` `{}`; expected 16 hexadecimal digits in lower case",
                            shortened(id)
                        ));
                    }
                }
                let too_long = |text: &str| text.chars().nth(MAX_ORIGIN_CHARS).is_some();
                if too_long(by) || too_long(note) {
                    return Err(format!(
                        "`by` and `note` may have at most {MAX_ORIGIN_CHARS} characters"
                    ));
                }
            }
            Self::Lacks { files } | Self::Fetch { files } => {
                if files.len() > MAX_NAMED_FILES {
                    return Err(format!("`files` may have at most {MAX_NAMED_FILES} hashes"));
                }
                if let Some(file) = files.iter().find(|file| !is_sha256(file)) {
                    let file = shortened(file);
                    return Err(format!(
                        "invalid file hash `{file}`; expected 64 hexadecimal digits in lower case"
                    ));
                }
            }
            Self::Put { files, .. } if files.iter().any(|file| !is_sha256(&file.sha256)) => {
                return Err(
                    "invalid `sha256` of a file; expected 64 hexadecimal digits in lower case"
                        .to_owned(),
                );
            }
            _ => {}
        }
        Ok(())
    }

    /// Returns the id of the transaction that the request belongs to, if there is one.
    fn txn(&self) -> Option<&str> {
        match self {
            Self::Begin { txn, .. }
            | Self::Put { txn, .. }
            | Self::Prepare { txn, .. }
            | Self::Commit { txn, .. }
            | Self::Renew { txn, .. }
            | Self::Abort { txn }
            | Self::Unlock { txn, .. }
            | Self::Outcome { txn }
            | Self::Rollback { txn } => Some(txn),
            _ => None,
        }
    }
}

impl DeployError {
    /// Creates a refusal without findings.
    pub fn new(kind: DeployErrorKind, message: impl Into<String>) -> Self {
        Self {
            kind,
            message: message.into(),
            findings: Vec::new(),
            lease: None,
        }
    }
}

/// A header and the JSON text of its value, read as the two members of an object.
struct TaggedValue<'a> {
    header: Option<&'a str>,
    value: Option<&'a str>,
}

impl<'de> MapAccess<'de> for TaggedValue<'de> {
    type Error = serde_json::Error;

    fn next_key_seed<K: DeserializeSeed<'de>>(
        &mut self,
        seed: K,
    ) -> Result<Option<K::Value>, Self::Error> {
        let key = match (self.header, self.value) {
            (Some(_), _) => "header",
            (None, Some(_)) => "value",
            (None, None) => return Ok(None),
        };
        seed.deserialize(BorrowedStrDeserializer::new(key))
            .map(Some)
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(
        &mut self,
        seed: V,
    ) -> Result<V::Value, Self::Error> {
        if let Some(header) = self.header.take() {
            return seed.deserialize(BorrowedStrDeserializer::new(header));
        }
        let text = self.value.take().unwrap_or_default();
        seed.deserialize(&mut serde_json::Deserializer::from_str(text))
    }
}

/// A refusal of the participant is a conflict with what is live or under way.
impl From<Refusal> for DeployError {
    fn from(refusal: Refusal) -> Self {
        let message = refusal.to_string();
        let lease = match refusal {
            Refusal::Busy(lease) => Some(Box::new(lease)),
            _ => None,
        };
        Self {
            lease,
            ..Self::new(DeployErrorKind::Conflict, message)
        }
    }
}

impl std::fmt::Display for DeployError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.message)?;
        for finding in &self.findings {
            write!(f, "\n  {finding}")?;
        }
        Ok(())
    }
}

impl std::fmt::Display for SourceFinding {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "{}:{}: {} (for `{}`)",
            self.path, self.line, self.message, self.procedure
        )
    }
}

impl std::error::Error for DeployError {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_names_a_limited_number_of_files() {
        let check = |count: usize| {
            let files = || vec!["a".repeat(64); count];
            let lacks = DeployRequest::Lacks { files: files() };
            let fetch = DeployRequest::Fetch { files: files() };
            assert_eq!(lacks.check(), fetch.check());
            lacks.check()
        };
        assert_eq!(check(MAX_NAMED_FILES), Ok(()));
        let refused = check(MAX_NAMED_FILES + 1).expect_err("too many");
        assert_eq!(refused, "`files` may have at most 100000 hashes");
    }
}
