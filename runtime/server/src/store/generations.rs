//! [`Generation`]s: what was made live, what is kept of it, and what goes.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io;

use serde::{Deserialize, Serialize};

use super::{Store, StoreError};
use deploy::manifest::{FileEntry, Manifest};
use deploy::message::{Changes, Origin, Past};
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
    /// How it differs from the one before.
    #[serde(default)]
    pub changes: Changes,
    /// The transaction that it undid; empty where it undid none.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub undid: String,
    /// The content hash of what it runs; empty in folders of a version that did not keep it.
    #[serde(default)]
    pub content: String,
    /// What it runs.
    pub manifest: Manifest,
}

/// What is kept of generations that are no longer live.
#[derive(Debug, Clone, Copy)]
pub struct Retention {
    /// How many generations, with the live one.
    pub generations: usize,
    /// How many bytes of files that the live one does not need.
    pub bytes: u64,
}

/// What went, since it is no longer kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Collected {
    /// Generations.
    pub generations: usize,
    /// Files.
    pub objects: usize,
}

/// As much of a generation as a list of them says.
#[derive(Default, Deserialize)]
struct Head {
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

/// As much of a generation as says which files it needs.
#[derive(Deserialize)]
struct Needs {
    manifest: NeededServices,
}

#[derive(Deserialize)]
struct NeededServices {
    services: BTreeMap<String, NeededFiles>,
}

#[derive(Deserialize)]
struct NeededFiles {
    #[serde(default)]
    modules: Vec<FileEntry>,
    #[serde(default)]
    data: Vec<FileEntry>,
    rpcs: Vec<NeededSource>,
}

#[derive(Deserialize)]
struct NeededSource {
    source: Option<FileEntry>,
}

impl Needs {
    fn files(self) -> impl Iterator<Item = String> {
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
    /// What a list of generations says of it.
    pub fn past(&self) -> Past {
        Past {
            generation: self.number,
            apply: self.manifest.apply.clone(),
            origin: self.origin.clone(),
            from: self.from.clone(),
            changes: self.changes,
            undid: self.undid.clone(),
            damaged: String::new(),
        }
    }
}

impl Store {
    /// The live generation, if there was ever one.
    ///
    /// # Errors
    /// That it is there and damaged, and what is wrong with it.
    pub fn current(&self) -> Result<Option<Generation>, StoreError> {
        let text = match fs::read_to_string(self.folder.join("current")) {
            Ok(text) => text,
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

    /// A generation that is kept.
    ///
    /// # Errors
    /// That it is missing or damaged.
    pub fn generation(&self, number: u64) -> Result<Generation, StoreError> {
        self.parse_generation(number, &self.read_generation(number)?)
    }

    /// The generations that are kept, with the transactions that made them live, newest first. One
    /// that cannot be read is among them and says why.
    ///
    /// # Errors
    /// Where the folder cannot be read.
    pub fn history(&self) -> Result<Vec<(String, Past)>, StoreError> {
        let read = |number| self.parse::<Head>(number, &self.read_generation(number)?);
        let past = |number| {
            let (head, damaged) = match read(number) {
                Ok(head) => (head, String::new()),
                Err(error) => (Head::default(), error.what),
            };
            let Head {
                txn,
                origin,
                from,
                changes,
                undid,
                manifest: ApplyId { apply },
            } = head;
            (
                txn,
                Past {
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

    /// A file that a generation needs and that is not here, if there is one.
    ///
    /// # Errors
    /// That the generation is missing or damaged.
    pub fn lacking_of(&self, number: u64) -> Result<Option<String>, StoreError> {
        let needs: Needs = self.parse(number, &self.read_generation(number)?)?;
        Ok(needs.files().find(|file| !self.has_object(file)))
    }

    /// Makes a generation the live one, durably.
    ///
    /// # Errors
    /// The first write that failed; the generation before is then still live.
    pub fn commit(&self, generation: &Generation) -> Result<(), StoreError> {
        self.commit_files(generation)
            .map_err(|error| self.failed(error.to_string()))
    }

    fn commit_files(&self, generation: &Generation) -> io::Result<()> {
        let bytes = serde_json::to_vec(generation)?;
        let number = generation.number;
        self.replace(&format!("generations/{number}.json"), &bytes)?;
        self.disk.sync_folder(&self.folder.join("generations"))?;
        let before = fs::read(self.folder.join("current")).ok();
        let pointed = self
            .replace(
                "current",
                format!("{number} {}\n", sha256_hex(&bytes)).as_bytes(),
            )
            .and_then(|()| self.disk.sync_folder(&self.folder));
        pointed.inspect_err(|_| self.point_back(before.as_deref(), number))
    }

    /// A commit whose last step failed is none: the pointer goes back to what it was.
    fn point_back(&self, before: Option<&[u8]>, number: u64) {
        let path = self.folder.join("current");
        let back = match before {
            before if fs::read(&path).ok().as_deref() == before => Ok(()),
            Some(before) => self.replace("current", before),
            None => self.disk.remove_file(&path),
        };
        match back {
            // What is left of it is found at the next start otherwise.
            Ok(()) => drop(self.remove(&self.generation_path(number))),
            Err(error) => tracing::error!(event = "the pointer cannot be put back", error = %error),
        }
    }

    /// Removes generations that are no longer kept, and files that nothing needs: neither a
    /// generation that is kept nor `staged`, which is on its way.
    ///
    /// # Errors
    /// What cannot be read or removed. Nothing that is needed is gone.
    pub fn collect(
        &self,
        live: &Generation,
        retention: Retention,
        staged: Option<&Manifest>,
    ) -> Result<Collected, StoreError> {
        let mut needed: BTreeSet<String> = staged
            .into_iter()
            .chain([&live.manifest])
            .flat_map(Manifest::files)
            .map(str::to_owned)
            .collect();
        let (mut kept, mut bytes, mut all_known) = (0, 0, true);
        let mut collected = Collected::default();
        for number in self.numbers()? {
            let needs = self
                .read_generation(number)
                .and_then(|bytes| self.parse::<Needs>(number, &bytes));
            let is_bound = [live.number, live.previous].contains(&number);
            // One that cannot be read may need anything.
            let is_known = needs.is_ok();
            let files: Vec<String> = needs
                .map(|needs| needs.files().collect())
                .unwrap_or_default();
            let more: u64 = files
                .iter()
                .filter(|file| !needed.contains(*file))
                .map(|file| self.object_len(file))
                .sum();
            if is_bound || (kept < retention.generations && bytes + more <= retention.bytes) {
                kept += 1;
                bytes += more;
                all_known &= is_known;
                needed.extend(files);
            } else {
                self.remove(&self.generation_path(number))?;
                collected.generations += 1;
            }
        }
        if all_known {
            collected.objects = self.remove_objects_but(&needed)?;
        }
        Ok(collected)
    }

    /// Removes generations above the live one: their commit did not come to its end. Without a
    /// pointer that can be read nothing is touched.
    ///
    /// # Errors
    /// What cannot be read or removed.
    pub fn forget_unfinished(&self, live: u64) -> Result<(), StoreError> {
        let mut unfinished = self.numbers()?.into_iter().filter(|number| *number > live);
        unfinished.try_for_each(|number| self.remove(&self.generation_path(number)))
    }

    /// The numbers of the generations that are kept, highest first.
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
        fs::read(self.generation_path(number))
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
        serde_json::from_slice(bytes).map_err(|error| {
            self.failed(format!("`generations/{number}.json` is damaged: {error}"))
        })
    }
}
