//! The data folder of a server.
//!
//! ```text
//! lock                    held while a server runs
//! objects/ab/<sha256>     every file that came, by its hash
//! generations/<n>.json    each manifest that was live, with the transaction that made it so
//! current                 the number of the live generation and the SHA-256 of its file
//! incoming/               what is being written; emptied at start
//! engine/                 the engine's own Python sources; made anew at start
//! trees/<n>/              a service's files laid out as beside init.yaml; made anew at start
//! ```
//!
//! A change is written whole into `incoming`, synced, renamed into place, and the folders are synced; `current` is
//! renamed last. A crash at any instant leaves the old or the new generation whole.

mod tree;
pub use tree::Tree;
pub(crate) use tree::service_version;

use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use rustix::fs::FlockOperation;
use serde::{Deserialize, Serialize};

use crate::deploy::manifest::{Manifest, is_sha256};
use crate::deploy::sha256_hex;

/// A server's data folder, locked.
#[derive(Debug)]
pub struct Store {
    folder: PathBuf,
    /// Whoever drops this gives the folder free.
    _lock: File,
}

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
    /// What it runs.
    pub manifest: Manifest,
}

/// Why the data folder is of no use.
#[derive(Debug, thiserror::Error)]
#[error("data folder {}: {what}", folder.display())]
pub struct StoreError {
    folder: PathBuf,
    what: String,
}

impl Store {
    /// Opens and locks a data folder; it is made where it is missing.
    ///
    /// # Errors
    /// That another server has it, or that it cannot be written.
    pub fn open(folder: &Path) -> Result<Self, StoreError> {
        let failed = |what: String| StoreError { folder: folder.to_owned(), what };
        let io_failed = |error: io::Error| failed(error.to_string());
        for part in ["", "objects", "generations"] {
            fs::create_dir_all(folder.join(part)).map_err(io_failed)?;
        }
        let lock = File::options()
            .create(true)
            .truncate(false)
            .write(true)
            .open(folder.join("lock"))
            .map_err(io_failed)?;
        rustix::fs::flock(&lock, FlockOperation::NonBlockingLockExclusive).map_err(|error| match error {
            rustix::io::Errno::WOULDBLOCK => failed("another server is using it".to_owned()),
            error => failed(format!("it cannot be locked: {error}")),
        })?;
        for part in ["engine", "incoming", "trees"] {
            remove_folder(&folder.join(part)).map_err(io_failed)?;
            fs::create_dir_all(folder.join(part)).map_err(io_failed)?;
        }
        let folder = folder.canonicalize().map_err(io_failed)?;
        Ok(Self { folder, _lock: lock })
    }

    /// Where the engine keeps its own sources.
    pub fn engine_folder(&self) -> PathBuf {
        self.folder.join("engine")
    }

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
            return Err(self.failed(format!("`generations/{number}.json` is damaged: its hash has changed")));
        }
        self.parse_generation(number, &bytes).map(Some)
    }

    /// A generation that was live once.
    ///
    /// # Errors
    /// That it is missing or damaged.
    pub fn generation(&self, number: u64) -> Result<Generation, StoreError> {
        self.parse_generation(number, &self.read_generation(number)?)
    }

    /// Makes a generation the live one, durably.
    ///
    /// # Errors
    /// The first write that failed; the generation before is then still live.
    pub fn commit(&self, generation: &Generation) -> Result<(), StoreError> {
        self.commit_files(generation).map_err(|error| self.failed(error.to_string()))
    }

    fn commit_files(&self, generation: &Generation) -> io::Result<()> {
        let bytes = serde_json::to_vec(generation)?;
        let number = generation.number;
        self.replace(&format!("generations/{number}.json"), &bytes)?;
        sync_folder(&self.folder.join("generations"))?;
        let before = fs::read(self.folder.join("current"));
        self.replace("current", format!("{number} {}\n", sha256_hex(&bytes)).as_bytes())?;
        sync_folder(&self.folder).inspect_err(|_| self.point_back(before.ok().as_deref()))
    }

    /// A commit whose last step failed is none: the pointer goes back to what it was.
    fn point_back(&self, before: Option<&[u8]>) {
        let back = match before {
            Some(before) => self.replace("current", before),
            None => fs::remove_file(self.folder.join("current")),
        };
        if let Err(error) = back {
            tracing::error!(event = "the pointer cannot be put back", error = %error);
        }
    }

    /// Whether a file of that hash is here.
    pub fn has_object(&self, sha256: &str) -> bool {
        is_sha256(sha256) && self.object_path(sha256).is_file()
    }

    /// Whether a file of that hash is here and has that hash still.
    pub fn is_whole(&self, sha256: &str) -> bool {
        self.has_object(sha256) && self.object(sha256).is_ok()
    }

    /// Keeps a file, not durably until [`sync_objects`](Self::sync_objects).
    ///
    /// # Errors
    /// The first write that failed.
    pub fn put_object(&self, sha256: &str, bytes: &[u8]) -> Result<(), StoreError> {
        let path = self.object_path(sha256);
        let put = || {
            fs::create_dir_all(path.parent().unwrap_or(&self.folder))?;
            let incoming = self.folder.join("incoming").join(sha256);
            fs::write(&incoming, bytes)?;
            fs::rename(&incoming, &path)
        };
        put().map_err(|error| self.failed(format!("object {sha256}: {error}")))
    }

    /// Makes everything that was put durable, in one go.
    ///
    /// # Errors
    /// Where the file system says so.
    pub fn sync_objects(&self) -> Result<(), StoreError> {
        let sync = || rustix::fs::syncfs(File::open(&self.folder)?).map_err(io::Error::from);
        sync().map_err(|error| self.failed(error.to_string()))
    }

    /// A file by its hash, re-hashed.
    ///
    /// # Errors
    /// That it is missing or damaged.
    pub fn object(&self, sha256: &str) -> Result<Vec<u8>, StoreError> {
        let bytes = fs::read(self.object_path(sha256))
            .map_err(|error| self.failed(format!("object {sha256}: {error}")))?;
        if sha256_hex(&bytes) != sha256 {
            return Err(self.failed(format!("object {sha256} is damaged: its hash has changed")));
        }
        Ok(bytes)
    }

    fn object_path(&self, sha256: &str) -> PathBuf {
        self.folder.join("objects").join(sha256.get(..2).unwrap_or("_")).join(sha256)
    }

    fn read_generation(&self, number: u64) -> Result<Vec<u8>, StoreError> {
        fs::read(self.folder.join(format!("generations/{number}.json")))
            .map_err(|error| self.failed(format!("`generations/{number}.json`: {error}")))
    }

    fn parse_generation(&self, number: u64, bytes: &[u8]) -> Result<Generation, StoreError> {
        let damaged = |what: String| self.failed(format!("`generations/{number}.json` is damaged: {what}"));
        let generation: Generation =
            serde_json::from_slice(bytes).map_err(|error| damaged(error.to_string()))?;
        generation.manifest.validate().map_err(damaged)?;
        Ok(generation)
    }

    /// Writes a file beside its place, syncs it and renames it over what is there.
    fn replace(&self, name: &str, bytes: &[u8]) -> io::Result<()> {
        let incoming = self.folder.join("incoming").join(name.replace('/', "-"));
        let mut file = File::create(&incoming)?;
        file.write_all(bytes)?;
        file.sync_all()?;
        fs::rename(&incoming, self.folder.join(name))
    }

    fn failed(&self, what: String) -> StoreError {
        StoreError { folder: self.folder.clone(), what }
    }
}

fn sync_folder(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}

fn remove_folder(folder: &Path) -> io::Result<()> {
    match fs::remove_dir_all(folder) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::deploy::manifest::tests::sample;

    fn generation(number: u64) -> Generation {
        Generation { number, txn: "t".to_owned(), previous: number - 1, manifest: sample('a') }
    }

    #[test]
    fn the_last_generation_that_was_committed_is_current() {
        let folder = tempfile::tempdir().expect("a folder");
        let store = Store::open(folder.path()).expect("a store");
        assert_eq!(store.current().expect("nothing yet"), None);
        store.commit(&generation(1)).expect("a commit");
        store.commit(&generation(2)).expect("a commit");
        drop(store);
        let store = Store::open(folder.path()).expect("the store again");
        assert_eq!(store.current().expect("a generation"), Some(generation(2)));
        assert_eq!(store.generation(1).expect("a generation"), generation(1));
    }

    #[test]
    fn a_folder_serves_one_server() {
        let folder = tempfile::tempdir().expect("a folder");
        let store = Store::open(folder.path()).expect("a store");
        let second = Store::open(folder.path()).expect_err("in use");
        assert!(second.to_string().ends_with("another server is using it"), "{second}");
        drop(store);
        Store::open(folder.path()).expect("free again");
    }

    #[test]
    fn a_flipped_byte_is_noticed() {
        let folder = tempfile::tempdir().expect("a folder");
        let store = Store::open(folder.path()).expect("a store");
        let hash = sha256_hex(b"code");
        assert!(!store.has_object(&hash) && !store.has_object("../../x"));
        store.put_object(&hash, b"code").expect("put");
        store.sync_objects().expect("sync");
        assert!(store.has_object(&hash));
        assert_eq!(store.object(&hash).expect("whole"), b"code");
        fs::write(store.object_path(&hash), b"cole").expect("spoil");
        assert!(store.object(&hash).is_err());
        store.commit(&generation(1)).expect("a commit");
        let path = folder.path().join("generations/1.json");
        let spoilt = fs::read_to_string(&path).expect("a file").replace("rpc1", "rpc2");
        fs::write(&path, spoilt).expect("spoil");
        assert!(store.current().expect_err("damaged").to_string().contains("its hash has changed"));
    }
}
