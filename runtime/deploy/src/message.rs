//! The `INIT-...` messages: requests with an `id`, answered by `INIT-RES` or `INIT-EX` with the
//! same `id`.

use serde::de::value::{BorrowedStrDeserializer, MapAccessDeserializer};
use serde::de::{DeserializeSeed, MapAccess};
use serde::{Deserialize, Serialize};

use super::is_txn;
use super::manifest::{Manifest, NetworkEntry, is_sha256};
use super::packed::Packed;
use super::participant::{Live, Outcome, Refusal};
use wire::json::shortened;

/// Answers that say what was asked for.
pub const INIT_RES: &str = "INIT-RES";

/// Answers that say why not.
pub const INIT_EX: &str = "INIT-EX";

/// Which of these messages a server has: 2 since manifests are asked for by `INIT-MANIFEST`, 3
/// since every initializer proves the deploy key, and steps carry a token.
pub const PROTOCOL: u32 = 3;

/// Maximum number of characters of who applies and of the note.
pub const MAX_ORIGIN_CHARS: usize = 256;

/// Maximum number of files that one message names.
pub const MAX_NAMED_FILES: usize = 100_000;

/// No file that travels is larger.
pub const MAX_FILE_BYTES: usize = 8 << 20;

/// No manifest is longer.
pub const MAX_MANIFEST_BYTES: usize = 128 << 20;

/// What an initializer asks of a server; the header says which.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(tag = "header", content = "value", rename_all_fields = "kebab-case")]
pub enum DeployRequest {
    /// Asks for a nonce to prove the deploy key with.
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
    /// Asks what is live.
    #[serde(rename = "INIT-STATUS")]
    Status {},
    /// Asks for the manifest of a generation.
    #[serde(rename = "INIT-MANIFEST")]
    Manifest {
        /// Which; the live one where it is not said.
        #[serde(default)]
        generation: Option<u64>,
    },
    /// Asks for the applies that the server keeps.
    #[serde(rename = "INIT-HISTORY")]
    History {},
    /// Asks which of these files the server lacks.
    #[serde(rename = "INIT-LACKS")]
    Lacks {
        /// Their hashes.
        files: Vec<String>,
    },
    /// Asks for files that the server keeps.
    #[serde(rename = "INIT-FETCH")]
    Fetch {
        /// Their hashes.
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
        /// How long the server waits for the next step.
        lease_ms: u64,
        /// What the plan was made for.
        expected: Live,
        /// What the server must run, as a whole.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        manifest: Option<Box<Manifest>>,
        /// The same as what it is made of what is live.
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
    /// Has everything checked, loaded and made durable.
    #[serde(rename = "INIT-PREPARE")]
    Prepare {
        /// The transaction's id.
        txn: String,
        /// The token of the transaction's lease.
        token: u64,
    },
    /// Makes it live.
    #[serde(rename = "INIT-COMMIT")]
    Commit {
        /// The transaction's id.
        txn: String,
        /// The token of the transaction's lease.
        token: u64,
    },
    /// Begins the lease again, while other servers still prepare.
    #[serde(rename = "INIT-RENEW")]
    Renew {
        /// The transaction's id.
        txn: String,
        /// The token of the transaction's lease.
        token: u64,
    },
    /// Asks whether what is live runs.
    #[serde(rename = "INIT-PROBE")]
    Probe {},
    /// Drops it.
    #[serde(rename = "INIT-ABORT")]
    Abort {
        /// The transaction's id.
        txn: String,
    },
    /// Asks what became of it.
    #[serde(rename = "INIT-OUTCOME")]
    Outcome {
        /// The transaction's id.
        txn: String,
    },
    /// Makes the content before it live again.
    #[serde(rename = "INIT-ROLLBACK")]
    Rollback {
        /// The transaction's id.
        txn: String,
    },
    /// Replaces every worker by a fresh one, without a new generation.
    #[serde(rename = "INIT-RESTART")]
    Restart {},
}

/// Who applies, when and why; the server keeps it with what it runs.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Origin {
    /// When, in milliseconds since the Unix epoch by the initializer's clock, and later than any
    /// apply that the asked servers knew: applies are in order by it, whatever the clocks say.
    pub at: u64,
    /// Who: a user and a machine, in words.
    pub by: String,
    /// What it is beside a whole apply, such as a rollback; empty where it is none.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub note: String,
}

/// A manifest as what it is made of another one.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ManifestPatch {
    /// The content hash of the manifest that it is packed against; empty for none.
    pub base: String,
    /// The manifest's bytes.
    #[serde(flatten)]
    pub packed: Packed,
}

/// The manifest of a transaction, in the form in which it came.
#[derive(Debug, Clone)]
pub enum WantedManifest {
    /// As a whole.
    Whole(Box<Manifest>),
    /// Packed against what is live.
    Patch(ManifestPatch),
}

impl WantedManifest {
    /// Returns the form in which an `INIT-BEGIN` has its manifest.
    ///
    /// # Errors
    /// A message that has both forms, or none.
    pub fn new(
        manifest: Option<Box<Manifest>>,
        patch: Option<ManifestPatch>,
    ) -> Result<Self, String> {
        match (manifest, patch) {
            (Some(whole), None) => Ok(Self::Whole(whole)),
            (None, Some(patch)) => Ok(Self::Patch(patch)),
            _ => Err("`INIT-BEGIN` has either `manifest` or `patch`".to_owned()),
        }
    }
}

/// A file on its way.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct PutFile {
    /// SHA-256 of the file's bytes.
    pub sha256: String,
    /// Its bytes.
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
    /// Which messages it has: [`PROTOCOL`].
    #[serde(default)]
    pub protocol: u32,
    /// The version of the Python that runs procedures.
    #[serde(default)]
    pub python: String,
    /// The layers of the cage around procedures that are in force.
    #[serde(default)]
    pub sandbox: Vec<String>,
    /// When it started, in milliseconds since the Unix epoch by its clock.
    #[serde(default)]
    pub started: u64,
    /// What is live.
    pub live: Live,
    /// The live generation, and who made it so; `None` before the first apply.
    #[serde(default)]
    pub applied: Option<Past>,
    /// The name it has; `None` before the first apply.
    #[serde(default)]
    pub server: Option<String>,
    /// The network that it knows; `None` before the first apply.
    #[serde(default)]
    pub network: Option<NetworkEntry>,
    /// The apply that is under way, in words.
    #[serde(default)]
    pub under_way: Option<String>,
    /// Its services that cannot run, since files of theirs are damaged.
    #[serde(default)]
    pub damaged: Vec<String>,
    /// The longest message it takes, in bytes.
    pub frame_limit: u64,
}

/// A generation that a server keeps.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Past {
    /// Its number.
    pub generation: u64,
    /// The apply that it came by.
    pub apply: String,
    /// Who applied it, when and why.
    #[serde(default)]
    pub origin: Origin,
    /// The address it came from.
    #[serde(default)]
    pub from: String,
    /// How it differs from the generation before.
    #[serde(default)]
    pub changes: Changes,
    /// The transaction that it undid, since that failed on another server; empty where it undid
    /// none.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub undid: String,
    /// Why it cannot be gone back to; empty where it can.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub damaged: String,
}

/// How many procedures a generation changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Changes {
    /// Procedures that came.
    pub new: usize,
    /// Procedures that stayed and differ.
    pub changed: usize,
    /// Procedures that went.
    pub removed: usize,
}

/// The answer to `INIT-MANIFEST`.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ManifestAnswer {
    /// The generation.
    pub generation: u64,
    /// Its manifest.
    #[serde(flatten)]
    pub packed: Packed,
}

/// The answer to `INIT-HISTORY`.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct HistoryAnswer {
    /// The generations that the server keeps, newest first.
    pub generations: Vec<Past>,
}

/// The answer to `INIT-FETCH`.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct FetchAnswer {
    /// As many of the files as fit into a message, at least one.
    pub files: Vec<PutFile>,
}

/// The answer to `INIT-PROBE`.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ProbeAnswer {
    /// What is live.
    pub live: Live,
    /// What does not run, and why; empty where all is well.
    pub sick: Vec<String>,
}

/// The answer to `INIT-BEGIN`.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct BeginAnswer {
    /// The token of the lease. A step that carries it is refused once a later lease has another.
    pub token: u64,
    /// The hash of every file that the server lacks.
    pub missing: Vec<String>,
}

/// The answer to `INIT-LACKS`.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct LacksAnswer {
    /// The hash of every file that the server lacks.
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
    /// What became of the transaction.
    pub outcome: Outcome,
}

/// The value of an `INIT-EX`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeployError {
    /// Which sort it is.
    pub kind: DeployErrorKind,
    /// What is wrong, in words.
    pub message: String,
    /// What is wrong with which source.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub findings: Vec<SourceFinding>,
}

/// Which sort of refusal it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum DeployErrorKind {
    /// This peer may not deploy, or has not proved that it may.
    NotAllowed,
    /// The message is not one of the protocol.
    Malformed,
    /// Another apply is under way, or what is live is not what was expected.
    Conflict,
    /// The content is refused: a manifest for another server, a source that does not load.
    Refused,
    /// The server could not do it: no disk, no Python.
    Failed,
}

/// What is wrong with a source.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SourceFinding {
    /// The procedure it was loaded for, such as `svc1.rpc1(int)`.
    pub procedure: String,
    /// The file, relative to `init.yaml`.
    pub path: String,
    /// The line, from 1.
    pub line: u32,
    /// What is wrong.
    pub message: String,
}

/// Whether a header is one of a [`DeployRequest`].
pub fn is_request_header(header: &str) -> bool {
    const VERBS: [&str; 17] = [
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
        "OUTCOME",
        "ROLLBACK",
        "RESTART",
    ];
    header
        .strip_prefix("INIT-")
        .is_some_and(|verb| VERBS.contains(&verb))
}

impl DeployRequest {
    /// Decodes a request of which the header and the JSON text of the value are known.
    ///
    /// # Errors
    /// What is missing or wrong.
    pub fn decode(header: &str, value: &str) -> Result<Self, String> {
        let members = TaggedValue {
            header: Some(header),
            value: Some(value),
        };
        Self::deserialize(MapAccessDeserializer::new(members)).map_err(|error| error.to_string())
    }

    /// Checks what the types do not: the forms and lengths of names that a peer chooses.
    ///
    /// # Errors
    /// What is wrong, in words.
    pub fn check(&self) -> Result<(), String> {
        if let Some(txn) = self.txn().filter(|txn| !is_txn(txn)) {
            return Err(format!(
                "`txn` is 16 hexadecimal digits in lower case, not `{}`",
                shortened(txn)
            ));
        }
        match self {
            Self::Begin {
                origin: Origin { by, note, .. },
                ..
            } => {
                let too_long = |text: &str| text.chars().nth(MAX_ORIGIN_CHARS).is_some();
                if too_long(by) || too_long(note) {
                    return Err(format!(
                        "`by` and `note` have at most {MAX_ORIGIN_CHARS} characters"
                    ));
                }
            }
            Self::Lacks { files } | Self::Fetch { files } => {
                if files.len() > MAX_NAMED_FILES {
                    return Err(format!("`files` has at most {MAX_NAMED_FILES} hashes"));
                }
                if let Some(file) = files.iter().find(|file| !is_sha256(file)) {
                    let file = shortened(file);
                    return Err(format!(
                        "a file is named by 64 hexadecimal digits in lower case, not `{file}`"
                    ));
                }
            }
            Self::Put { files, .. } if files.iter().any(|file| !is_sha256(&file.sha256)) => {
                return Err("a file is named by 64 hexadecimal digits in lower case".to_owned());
            }
            _ => {}
        }
        Ok(())
    }

    /// The transaction it belongs to.
    fn txn(&self) -> Option<&str> {
        match self {
            Self::Begin { txn, .. }
            | Self::Put { txn, .. }
            | Self::Prepare { txn, .. }
            | Self::Commit { txn, .. }
            | Self::Renew { txn, .. }
            | Self::Abort { txn }
            | Self::Outcome { txn }
            | Self::Rollback { txn } => Some(txn),
            _ => None,
        }
    }
}

impl DeployError {
    /// A refusal without findings.
    pub fn new(kind: DeployErrorKind, message: impl Into<String>) -> Self {
        Self {
            kind,
            message: message.into(),
            findings: Vec::new(),
        }
    }
}

/// A header and the JSON text of its value, as the two members of an object.
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

/// What the participant refuses is in conflict with what is live or under way.
impl From<Refusal> for DeployError {
    fn from(refusal: Refusal) -> Self {
        Self::new(DeployErrorKind::Conflict, refusal.to_string())
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
