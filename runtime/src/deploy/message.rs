//! The `INIT-...` messages: requests with an `id`, answered by `INIT-RES` or `INIT-EX` with the same `id`.

use serde::{Deserialize, Serialize};

use super::manifest::Manifest;
use super::participant::{Live, Outcome, Refusal};

/// Answers that say what was asked for.
pub const INIT_RES: &str = "INIT-RES";

/// Answers that say why not.
pub const INIT_EX: &str = "INIT-EX";

/// No file that travels is larger.
pub const MAX_FILE_BYTES: usize = 8 << 20;

/// What an initializer asks of a server; the header says which.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(tag = "header", content = "value", rename_all_fields = "kebab-case")]
pub enum DeployRequest {
    /// Asks for a nonce to prove the deploy key with.
    #[serde(rename = "INIT-CHALLENGE")]
    Challenge {},
    /// Proves the deploy key: HMAC-SHA256 of the nonce, as lower-case hexadecimal.
    #[serde(rename = "INIT-PROVE")]
    Prove {
        /// The proof.
        proof: String,
    },
    /// Asks what is live.
    #[serde(rename = "INIT-STATUS")]
    Status {},
    /// Begins a transaction.
    #[serde(rename = "INIT-BEGIN")]
    Begin {
        /// The transaction's id.
        txn: String,
        /// Who asks, in words.
        holder: String,
        /// How long the server waits for the next step.
        lease_ms: u64,
        /// What the plan was made for.
        expected: Live,
        /// What the server must run.
        manifest: Box<Manifest>,
    },
    /// Sends files that the server lacks.
    #[serde(rename = "INIT-PUT")]
    Put {
        /// The transaction's id.
        txn: String,
        /// The files.
        files: Vec<PutFile>,
    },
    /// Has everything checked, loaded and made durable.
    #[serde(rename = "INIT-PREPARE")]
    Prepare {
        /// The transaction's id.
        txn: String,
    },
    /// Makes it live.
    #[serde(rename = "INIT-COMMIT")]
    Commit {
        /// The transaction's id.
        txn: String,
    },
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

/// A file on its way.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct PutFile {
    /// SHA-256 of the file's bytes.
    pub sha256: String,
    /// How many bytes it has.
    pub size: u64,
    /// Its bytes, compressed by zstd, in base64.
    pub zstd: String,
}

/// The answer to `INIT-CHALLENGE`.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ChallengeAnswer {
    /// What the proof is made of; empty where no key is asked for.
    pub nonce: String,
}

/// The answer to `INIT-STATUS`.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct StatusAnswer {
    /// The server's version.
    pub version: String,
    /// What is live.
    pub live: Live,
    /// What it runs; `None` before the first apply.
    pub manifest: Option<Manifest>,
    /// Its services that cannot run, since files of theirs are damaged.
    #[serde(default)]
    pub damaged: Vec<String>,
    /// The longest message it takes, in bytes.
    pub frame_limit: u64,
}

/// The answer to `INIT-BEGIN`.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct BeginAnswer {
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

impl DeployError {
    /// A refusal without findings.
    pub fn new(kind: DeployErrorKind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into(), findings: Vec::new() }
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
        write!(f, "{}:{}: {} (for `{}`)", self.path, self.line, self.message, self.procedure)
    }
}

impl std::error::Error for DeployError {}
