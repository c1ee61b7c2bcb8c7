//! A plan in a file: what was planned is what is applied, or nothing.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, ErrorKind, Write as _};
use std::net::SocketAddr;
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::desired::DesiredServer;
use crate::error::InitializerError;
use crate::initializer::Initializer;
use crate::options::InitializerOptions;
use crate::origin;
use crate::plan::Plan;
use crate::survey::{LiveServer, ask_all};
use deploy::manifest::Manifest;
use deploy::message::{MAX_FILE_BYTES, PutFile};
use deploy::participant::Live;
use deploy::sha256_hex;

/// Version of the format.
const FORMAT: u32 = 1;

#[derive(Debug, Serialize, Deserialize)]
struct SavedPlan {
    format: u32,
    /// What restricts the plan, such as `only server1`; empty if it has everything.
    note: String,
    /// Whether the servers that were removed from the file are emptied.
    retire: bool,
    notes: Vec<String>,
    servers: Vec<SavedServer>,
    departed: BTreeMap<String, SocketAddr>,
    /// The files that at least one server lacked.
    files: Vec<PutFile>,
}

#[derive(Debug, Serialize, Deserialize)]
struct SavedServer {
    address: SocketAddr,
    /// What was live when the plan was made.
    expected: Live,
    manifest: Manifest,
}

impl Initializer {
    /// Writes the plan to a file, together with the files that servers lack. So it can be applied
    /// on a machine without the sources. Replaces an earlier plan, but no other file.
    ///
    /// # Errors
    /// [`InitializerError::SavedPlan`] if the file cannot be written, or is not a plan.
    pub fn save(&self, path: &Path) -> Result<(), InitializerError> {
        let server = |(server, seen): (&DesiredServer, &LiveServer)| SavedServer {
            address: server.address,
            expected: seen.status.live.clone(),
            manifest: server.manifest.clone(),
        };
        let file = |(sha256, packed): (&String, &_)| PutFile {
            sha256: sha256.clone(),
            packed: Clone::clone(packed),
        };
        let saved = SavedPlan {
            format: FORMAT,
            note: self.origin.note.clone(),
            retire: self.options.retire,
            notes: self.plan.notes.clone(),
            servers: self.servers.iter().zip(&self.seen).map(server).collect(),
            departed: self.plan.departed.clone(),
            files: self.packed.iter().map(file).collect(),
        };
        let text = serde_json::to_vec(&saved).map_err(|error| failed(path, &error))?;
        write(path, &text).map_err(|error| failed(path, &error))
    }

    /// Reads a plan from a file, and asks the servers whether they still run what the plan was made
    /// for.
    ///
    /// # Errors
    /// [`InitializerError::SavedPlan`] if the file is not a plan, [`InitializerError::Moved`] if a
    /// server has changed since. Nothing has changed on any server.
    pub async fn saved(path: &Path, options: InitializerOptions) -> Result<Self, InitializerError> {
        let SavedPlan {
            format: _,
            note,
            retire,
            notes,
            servers: saved,
            departed,
            files,
        } = read(path)?;
        let options = InitializerOptions { retire, ..options };
        let mut servers = Vec::new();
        for SavedServer {
            address, manifest, ..
        } in &saved
        {
            manifest.validate().map_err(|what| failed(path, &what))?;
            let address = options.address_of(&manifest.server, *address)?;
            servers.push(DesiredServer::new(
                &manifest.server,
                address,
                manifest.clone(),
            ));
        }
        if let Some(unknown) = options
            .servers
            .keys()
            .find(|name| servers.iter().all(|server| server.name != **name))
        {
            return Err(InitializerError::UnknownServer(unknown.clone()));
        }
        let seen = ask_all(&servers, &options).await?;
        let moved: Vec<String> = saved
            .iter()
            .zip(&seen)
            .filter_map(|(saved, seen)| moved(saved, &seen.status.live))
            .collect();
        if !moved.is_empty() {
            return Err(InitializerError::Moved(moved));
        }
        let mut contents = BTreeMap::new();
        for PutFile { sha256, packed } in files {
            let bytes = packed
                .unpack(b"", MAX_FILE_BYTES)
                .map_err(|what| failed(path, &what))?;
            if sha256_hex(&bytes) != sha256 {
                return Err(failed(
                    path,
                    &format!("the content of a file does not have the hash {sha256}"),
                ));
            }
            contents.insert(sha256, bytes);
        }
        let plan = Plan {
            notes,
            ..Plan::new(&servers, &seen, departed)
        };
        let origin = origin::origin_after(seen.iter().map(|seen| &seen.status), &note);
        let mut planned = Self {
            options,
            origin,
            servers,
            seen,
            plan,
            files: contents,
            packed: BTreeMap::new(),
            paths: Vec::new(),
        };
        planned.measure_transfer().await?;
        Ok(planned)
    }
}

fn read(path: &Path) -> Result<SavedPlan, InitializerError> {
    let bytes = std::fs::read(path).map_err(|error| failed(path, &error))?;
    let saved: SavedPlan = serde_json::from_slice(&bytes).map_err(|error| {
        failed(
            path,
            &format!("it is not a plan that `plan --out` wrote: {error}"),
        )
    })?;
    match saved.format {
        FORMAT => Ok(saved),
        other => Err(failed(
            path,
            &format!("it has format {other}, and this version reads format {FORMAT}"),
        )),
    }
}

/// Writes a plan. Replaces a file only if it is a plan.
fn write(path: &Path, text: &[u8]) -> Result<(), String> {
    let in_words = |error: io::Error| error.to_string();
    let mut open = File::options();
    open.write(true);
    match path.metadata() {
        Err(error) if error.kind() == ErrorKind::NotFound => open.create_new(true),
        Err(error) => return Err(in_words(error)),
        Ok(metadata) if metadata.is_file() => {
            if !is_plan(path).map_err(in_words)? {
                return Err("it exists and is not a plan; name another file".to_owned());
            }
            open.truncate(true)
        }
        // A device or a pipe, such as `/dev/stdout`.
        Ok(_) => &mut open,
    };
    let mut file = open.open(path).map_err(in_words)?;
    file.write_all(text).map_err(in_words)
}

/// Returns whether a file is a plan of this or of another version.
fn is_plan(path: &Path) -> io::Result<bool> {
    #[derive(Deserialize)]
    struct AnyPlan {
        #[serde(rename = "format")]
        _format: u32,
        #[serde(rename = "servers")]
        _servers: serde::de::IgnoredAny,
        #[serde(rename = "departed")]
        _departed: serde::de::IgnoredAny,
    }
    let bytes = std::fs::read(path)?;
    Ok(serde_json::from_slice::<AnyPlan>(&bytes).is_ok())
}

fn moved(saved: &SavedServer, live: &Live) -> Option<String> {
    let SavedServer {
        expected, manifest, ..
    } = saved;
    (expected != live)
        .then(|| moved_message(&manifest.server, expected.generation, live.generation))
}

/// Describes a server that runs another generation than the plan was made for.
pub(super) fn moved_message(server: &str, planned: u64, found: u64) -> String {
    format!(
        "server `{server}` moved on: the plan is for generation {planned}, and generation {found} is live"
    )
}

fn failed(path: &Path, what: &dyn std::fmt::Display) -> InitializerError {
    InitializerError::SavedPlan {
        path: path.to_owned(),
        what: what.to_string(),
    }
}
