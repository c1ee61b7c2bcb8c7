//! [`Generation`]s: committing, reading and removing them.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io;

use serde::{Deserialize, Serialize};

use super::{MAX_RECORD_BYTES, Store, StoreError, read_regular, record};
use deploy::manifest::{Changes, FileEntry, Manifest};
use deploy::message::{KeptGeneration, Origin};
use deploy::sha256_hex;

/// A manifest that is or was live.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Generation {
    /// Its number, from 1.
    #[serde(rename = "generation")]
    pub number: u64,
    /// The transaction that made it live.
    pub txn: String,
    /// The generation whose content was live before.
    pub previous: u64,
    /// Who applied it, when and why.
    #[serde(default)]
    pub origin: Origin,
    /// The address it came from.
    #[serde(default)]
    pub from: String,
    /// How it differs from the generation before.
    #[serde(default)]
    pub changes: Changes,
    /// The transaction that it undid; empty if it undid none.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub undid: String,
    /// The content hash of the manifest. Data folders of an older version may lack it; it is then
    /// empty.
    #[serde(default)]
    pub content: String,
    /// The content of the generation.
    pub manifest: Manifest,
}

/// How many generations are kept for a rollback.
#[derive(Debug, Clone, Copy)]
pub struct Retention {
    /// Number of generations, the live one included.
    pub generations: usize,
    /// Maximum number of bytes of files that the live generation does not need.
    pub bytes: u64,
}

/// How much [`Store::collect`] removed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct RemovedCounts {
    /// Number of generations.
    pub generations: usize,
    /// Number of objects.
    pub objects: usize,
}

/// The part of a generation that a list of generations shows.
#[derive(Default, Deserialize)]
struct GenerationSummary {
    txn: String,
    #[serde(default)]
    origin: Origin,
    #[serde(default)]
    from: String,
    #[serde(default)]
    changes: Changes,
    #[serde(default)]
    undid: String,
    manifest: ApplyId,
}

#[derive(Default, Deserialize)]
struct ApplyId {
    apply: String,
}

/// The part of a generation that names the files it needs.
#[derive(Deserialize)]
struct GenerationFiles {
    #[serde(default)]
    origin: Origin,
    manifest: ManifestFiles,
}

#[derive(Deserialize)]
struct ManifestFiles {
    services: BTreeMap<String, ServiceFiles>,
}

#[derive(Deserialize)]
struct ServiceFiles {
    #[serde(default)]
    modules: Vec<FileEntry>,
    #[serde(default)]
    data: Vec<FileEntry>,
    rpcs: Vec<RpcSource>,
}

#[derive(Deserialize)]
struct RpcSource {
    source: Option<FileEntry>,
}

impl GenerationFiles {
    /// Returns the hashes of the files.
    fn hashes(self) -> impl Iterator<Item = String> {
        self.manifest.services.into_values().flat_map(|service| {
            let sources = service.rpcs.into_iter().filter_map(|rpc| rpc.source);
            sources
                .chain(service.modules)
                .chain(service.data)
                .map(|file| file.sha256)
        })
    }
}

impl Generation {
    /// Returns what a list of generations shows of this one.
    pub fn past(&self) -> KeptGeneration {
        KeptGeneration {
            generation: self.number,
            apply: self.manifest.apply.clone(),
            origin: self.origin.clone(),
            from: self.from.clone(),
            changes: self.changes.clone(),
            undid: self.undid.clone(),
            damaged: String::new(),
        }
    }
}

/// Maximum number of bytes of the pointer to the live generation.
const MAX_POINTER_BYTES: usize = 1024;

impl Store {
    /// Returns the live generation, or `None` if nothing was ever committed.
    ///
    /// # Errors
    /// Returns an error if the generation or the pointer to it is damaged.
    pub fn current(&self) -> Result<Option<Generation>, StoreError> {
        let text = match read_regular(&self.folder.join("current"), MAX_POINTER_BYTES) {
            Ok(bytes) => String::from_utf8_lossy(&bytes).into_owned(),
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(self.failed(format!("`current`: {error}"))),
        };
        let mut words = text.split_whitespace();
        let number = words.next().and_then(|word| word.parse().ok());
        let (Some(number), Some(hash)) = (number, words.next()) else {
            return Err(self.failed("`current` is damaged".to_owned()));
        };
        let bytes = self.read_generation(number)?;
        if sha256_hex(&bytes) != hash {
            return Err(self.failed(format!(
                "`generations/{number}.json` is damaged: its hash has changed"
            )));
        }
        self.parse_generation(number, &bytes).map(Some)
    }

    /// Returns a kept generation.
    ///
    /// # Errors
    /// Returns an error if the generation is missing or damaged.
    pub fn generation(&self, number: u64) -> Result<Generation, StoreError> {
        self.parse_generation(number, &self.read_generation(number)?)
    }

    /// Returns the kept generations, each with the transaction that made it live, newest first. An
    /// unreadable generation is included and says why it cannot be read.
    ///
    /// # Errors
    /// Returns an error if the folder cannot be read.
    pub fn history(&self) -> Result<Vec<(String, KeptGeneration)>, StoreError> {
        let read = |number| self.parse::<GenerationSummary>(number, &self.read_generation(number)?);
        let past = |number| {
            let (summary, damaged) = match read(number) {
                Ok(summary) => (summary, String::new()),
                Err(error) => (GenerationSummary::default(), error.what),
            };
            let GenerationSummary {
                txn,
                origin,
                from,
                changes,
                undid,
                manifest: ApplyId { apply },
            } = summary;
            (
                txn,
                KeptGeneration {
                    generation: number,
                    apply,
                    origin,
                    from,
                    changes,
                    undid,
                    damaged,
                },
            )
        };
        Ok(self.numbers()?.into_iter().map(past).collect())
    }

    /// Returns the hash of a file that a generation needs and the store lacks, if there is one.
    ///
    /// # Errors
    /// Returns an error if the generation is missing or damaged.
    pub fn find_missing_file(&self, number: u64) -> Result<Option<String>, StoreError> {
        let files: GenerationFiles = self.parse(number, &self.read_generation(number)?)?;
        Ok(files.hashes().find(|hash| !self.has_object(hash)))
    }

    /// Makes a generation the live one, durably.
    ///
    /// # Errors
    /// Returns the first write that failed. The generation before is then still live.
    pub fn commit(&self, generation: &Generation) -> Result<(), StoreError> {
        self.write_commit(generation)
            .map_err(|error| self.failed(error.to_string()))
    }

    fn write_commit(&self, generation: &Generation) -> io::Result<()> {
        let bytes = record::seal(generation)?;
        let number = generation.number;
        self.replace(&format!("generations/{number}.json"), &bytes)?;
        self.disk.sync_folder(&self.folder.join("generations"))?;
        let before = read_regular(&self.folder.join("current"), MAX_POINTER_BYTES).ok();
        let replaced = self
            .replace(
                "current",
                format!("{number} {}\n", sha256_hex(&bytes)).as_bytes(),
            )
            .and_then(|()| self.disk.sync_folder(&self.folder));
        replaced.inspect_err(|_| self.undo_commit(before.as_deref(), number))
    }

    /// Undoes a commit whose last step failed: puts back the pointer as it was `before`, and
    /// removes the generation.
    fn undo_commit(&self, before: Option<&[u8]>, number: u64) {
        let path = self.folder.join("current");
        let restored = match before {
            before if read_regular(&path, MAX_POINTER_BYTES).ok().as_deref() == before => Ok(()),
            Some(before) => self.replace("current", before),
            None => self.disk.remove_file(&path),
        };
        match restored {
            // Ignore failures here: the next start removes unfinished generations.
            Ok(()) => drop(self.remove(&self.generation_path(number))),
            Err(error) => tracing::error!(event = "the pointer cannot be put back", error = %error),
        }
    }

    /// Removes the generations that are no longer kept, and unneeded objects. Objects are needed by
    /// the kept generations, and by the manifest `staged` of the transaction under way.
    ///
    /// # Errors
    /// Returns the first file that cannot be read or removed. Nothing that is needed was removed.
    pub fn collect(
        &self,
        live: &Generation,
        retention: Retention,
        staged: Option<&Manifest>,
    ) -> Result<RemovedCounts, StoreError> {
        let mut needed: BTreeSet<String> = staged
            .into_iter()
            .chain([&live.manifest])
            .flat_map(Manifest::files)
            .map(str::to_owned)
            .collect();
        let mut kept = 0;
        let mut bytes = 0;
        let mut all_are_readable = true;
        let mut removed = RemovedCounts::default();
        // The watch that applied the last generation that was looked at.
        let mut newer_watch = String::new();
        for number in self.numbers()? {
            let files = self
                .read_generation(number)
                .and_then(|bytes| self.parse::<GenerationFiles>(number, &bytes));
            let is_always_kept = [live.number, live.previous].contains(&number);
            let is_readable = files.is_ok();
            let watch = files
                .as_ref()
                .map(|files| files.origin.watch.clone())
                .unwrap_or_default();
            let is_repeat = !watch.is_empty() && watch == newer_watch;
            newer_watch = watch;
            let hashes: Vec<String> = files
                .map(|files| files.hashes().collect())
                .unwrap_or_default();
            let more: u64 = hashes
                .iter()
                .filter(|hash| !needed.contains(*hash))
                .map(|hash| self.object_len(hash))
                .sum();
            let has_room = kept < retention.generations && bytes + more <= retention.bytes;
            if is_always_kept || (has_room && !is_repeat) {
                kept += usize::from(!is_repeat);
                bytes += more;
                all_are_readable &= is_readable;
                needed.extend(hashes);
            } else {
                self.remove(&self.generation_path(number))?;
                removed.generations += 1;
            }
        }
        // An unreadable generation may need any object.
        if all_are_readable {
            removed.objects = self.remove_objects_except(&needed)?;
        }
        Ok(removed)
    }

    /// Removes the generations with numbers above `live`, whose commit did not finish.
    ///
    /// # Errors
    /// Returns the first file that cannot be read or removed.
    pub fn forget_unfinished(&self, live: u64) -> Result<(), StoreError> {
        let mut unfinished = self.numbers()?.into_iter().filter(|number| *number > live);
        unfinished.try_for_each(|number| self.remove(&self.generation_path(number)))
    }

    /// Returns the numbers of the kept generations, highest first.
    fn numbers(&self) -> Result<Vec<u64>, StoreError> {
        let number = |entry: io::Result<fs::DirEntry>| -> io::Result<Option<u64>> {
            Ok(entry?
                .file_name()
                .to_str()
                .and_then(|name| name.strip_suffix(".json")?.parse().ok()))
        };
        let list = || {
            fs::read_dir(self.folder.join("generations"))?
                .map(number)
                .collect::<io::Result<Vec<_>>>()
        };
        let listed = list().map_err(|error| self.failed(format!("`generations`: {error}")))?;
        let mut numbers: Vec<u64> = listed.into_iter().flatten().collect();
        numbers.sort_unstable_by(|one, other| other.cmp(one));
        Ok(numbers)
    }

    fn generation_path(&self, number: u64) -> std::path::PathBuf {
        self.folder.join(format!("generations/{number}.json"))
    }

    fn read_generation(&self, number: u64) -> Result<Vec<u8>, StoreError> {
        read_regular(&self.generation_path(number), MAX_RECORD_BYTES)
            .map_err(|error| self.failed(format!("`generations/{number}.json`: {error}")))
    }

    fn parse_generation(&self, number: u64, bytes: &[u8]) -> Result<Generation, StoreError> {
        let generation: Generation = self.parse(number, bytes)?;
        let damaged =
            |what: String| self.failed(format!("`generations/{number}.json` is damaged: {what}"));
        generation.manifest.validate().map_err(damaged)?;
        if !generation.content.is_empty()
            && generation.content != generation.manifest.content_hash()
        {
            return Err(damaged("its hash has changed".to_owned()));
        }
        Ok(generation)
    }

    fn parse<T: serde::de::DeserializeOwned>(
        &self,
        number: u64,
        bytes: &[u8],
    ) -> Result<T, StoreError> {
        record::unseal(bytes)
            .map_err(|what| self.failed(format!("`generations/{number}.json` is damaged: {what}")))
    }
}
