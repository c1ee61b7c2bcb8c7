//! The data folder of a server.
//!
//! ```text
//! rpc-server-data         marks a data folder; a folder that has other files but no mark is refused
//! lock                    locked while a server runs
//! deploy.key              the server's own deploy key, if it was started without another one
//! objects/ab/<sha256>     every deployed file, by its hash
//! generations/<n>.json    the kept manifests, each with who applied it
//! current                 the number of the live generation and the SHA-256 of its file
//! prepared.json           the prepared transaction, if there is one
//! outcomes.json           the outcomes of the last transactions
//! crl.pem                 the revocation list that a deployer has brought
//! incoming/               files that are being written; emptied at start
//! engine/                 the engine's own Python sources; made again at start
//! trees/<n>/              the files of a service, laid out as beside init.yaml; made again when needed
//! ```
//!
//! A change is written completely into `incoming`, synced, renamed into place, and the folders are
//! synced; `current` is renamed last. So a crash at any moment leaves the old generation or the new
//! one, complete. Folders have the mode 0700 and files 0600, whatever the umask.

mod disk;
mod generations;
mod record;
mod transactions;
mod tree;

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::{self, Read as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use rustix::fs::{FlockOperation, OFlags};

use self::disk::{Disk, FILE_MODE, make_folder};
pub use self::generations::{Generation, RemovedCounts, Retention};
pub use self::transactions::PreparedTransaction;
pub use self::tree::ServiceTree;
pub(crate) use self::tree::service_version;
use deploy::manifest::is_sha256;
use deploy::message::MAX_FILE_BYTES;
use deploy::{key_file, random_hex, sha256_hex};

/// The file that marks a data folder.
const MARK: &str = "rpc-server-data";
const MARK_TEXT: &[u8] =
    b"The data folder of an rpc-server. Stop the server before you copy or remove it.\n";

/// The revocation list that a deployer has brought.
const LIST: &str = "crl.pem";

const DEPLOY_KEY: &str = "deploy.key";

/// Maximum number of bytes of a stored generation, or of the stored transactions: more than twice
/// the longest manifest.
const MAX_RECORD_BYTES: usize = 512 << 20;

/// The parts of a data folder that are kept.
const KEPT_FOLDERS: [&str; 2] = ["objects", "generations"];

/// The parts of a data folder that are emptied at each start.
const EMPTIED_FOLDERS: [&str; 3] = ["engine", "incoming", "trees"];

/// The files at the top of a data folder that a first start makes.
const FIRST_FILES: [&str; 3] = [LOCK, DEPLOY_KEY, MARK];

const LOCK: &str = "lock";

/// What a folder was before it was opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Before {
    Missing,
    Empty,
    DataFolder,
    Foreign,
}

/// A server's data folder, locked.
#[derive(Debug)]
pub struct Store {
    folder: PathBuf,
    before: Before,
    disk: Disk,
    /// Dropping this unlocks the folder.
    _lock: File,
}

/// Why the data folder, or a file in it, cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("data folder {}: {what}", folder.display())]
pub struct StoreError {
    folder: PathBuf,
    what: String,
}

impl Store {
    /// Opens and locks a data folder. Makes the folder if it is missing.
    ///
    /// # Errors
    /// Returns an error if another server uses the folder, if it holds other files, or if it cannot
    /// be written.
    pub fn open(folder: &Path) -> Result<Self, StoreError> {
        let failed = |what: String| StoreError {
            folder: folder.to_owned(),
            what,
        };
        let io_failed = |error: io::Error| failed(error.to_string());
        let before = Before::of(folder).map_err(io_failed)?;
        if before == Before::Foreign {
            let what = "it holds other files and is not the data folder of an rpc-server; name a missing or an empty folder";
            return Err(failed(what.to_owned()));
        }
        make_folder(folder).map_err(io_failed)?;
        let lock = lock(folder).map_err(failed)?;
        // Another server may have made it a data folder meanwhile, and ended.
        let before = if folder.join(MARK).is_file() {
            Before::DataFolder
        } else {
            before
        };
        let disk = Disk::default();
        let folder = fill(folder, &disk).map_err(|error| {
            undo_start(folder, before);
            io_failed(error)
        })?;
        Ok(Self {
            folder,
            before,
            disk,
            _lock: lock,
        })
    }

    /// Removes what this start has made, if the folder was missing or empty before it. For a start
    /// that fails.
    pub fn undo_start(&self) {
        undo_start(&self.folder, self.before);
    }

    /// Returns the server's own deploy key. The first start makes it from 32 random bytes.
    ///
    /// # Errors
    /// Returns an error if the key cannot be read or made, or if other users can read it.
    pub fn deploy_key(&self) -> Result<String, StoreError> {
        let failed = |error: key_file::KeyFileError| self.failed(error.to_string());
        let path = self.folder.join(DEPLOY_KEY);
        if !path.exists() {
            let key = random_hex::<32>().map_err(|error| self.failed(error.to_string()))?;
            key_file::write(&path, &key).map_err(failed)?;
        }
        let key = key_file::read_private(&path).map_err(failed)?;
        String::from_utf8(key).map_err(|_| self.failed(format!("`{DEPLOY_KEY}` is not text")))
    }

    /// Returns the path of the revocation list that deployers have brought.
    pub fn list_path(&self) -> PathBuf {
        self.folder.join(LIST)
    }

    /// Keeps a revocation list that a deployer has brought.
    ///
    /// # Errors
    /// Returns the error of the operating system.
    pub fn keep_list(&self, pem: &str) -> io::Result<()> {
        self.replace(LIST, pem.as_bytes())?;
        self.disk.sync_folder(&self.folder)
    }

    /// Returns the folder for the engine's own sources.
    pub fn engine_folder(&self) -> PathBuf {
        self.folder.join("engine")
    }

    /// Returns whether the store has an object with that hash. The object may be damaged.
    pub fn has_object(&self, sha256: &str) -> bool {
        is_sha256(sha256) && self.object_path(sha256).is_file()
    }

    /// Returns whether the store has an undamaged object with that hash. Reads and hashes it.
    pub fn is_intact(&self, sha256: &str) -> bool {
        self.has_object(sha256) && self.object(sha256).is_ok()
    }

    /// Writes an object. It becomes durable with [`sync_objects`](Self::sync_objects). A crash
    /// before that may damage the object; its hash then shows the damage, and it is sent again.
    ///
    /// # Errors
    /// Returns the first write that failed.
    pub fn put_object(&self, sha256: &str, bytes: &[u8]) -> Result<(), StoreError> {
        let path = self.object_path(sha256);
        let put = || match self.disk.write_new(&path, bytes) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                // Replace the object by a rename: it may be damaged, and another thread may be
                // reading it.
                let incoming = self.folder.join("incoming").join(sha256);
                self.disk.write(&incoming, bytes)?;
                self.disk.rename(&incoming, &path)
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                make_folder(path.parent().unwrap_or(&self.folder))?;
                self.disk.write_new(&path, bytes)
            }
            written => written,
        };
        put().map_err(|error| self.failed(format!("object {sha256}: {error}")))
    }

    /// Makes all objects durable at once.
    ///
    /// # Errors
    /// Returns the error of the file system.
    pub fn sync_objects(&self) -> Result<(), StoreError> {
        self.disk
            .sync_file_system(&self.folder)
            .map_err(|error| self.failed(error.to_string()))
    }

    /// Reads an object and checks its hash.
    ///
    /// # Errors
    /// Returns an error if the object is missing or damaged.
    pub fn object(&self, sha256: &str) -> Result<Vec<u8>, StoreError> {
        if !is_sha256(sha256) {
            return Err(
                self.failed("invalid name of an object; expected 64 hexadecimal digits".to_owned())
            );
        }
        let bytes = read_regular(&self.object_path(sha256), MAX_FILE_BYTES)
            .map_err(|error| self.failed(format!("object {sha256}: {error}")))?;
        if sha256_hex(&bytes) != sha256 {
            return Err(self.failed(format!("object {sha256} is damaged: its hash has changed")));
        }
        Ok(bytes)
    }

    fn object_path(&self, sha256: &str) -> PathBuf {
        self.folder
            .join("objects")
            .join(sha256.get(..2).unwrap_or("_"))
            .join(sha256)
    }

    /// Replaces a file: writes the content to `incoming`, syncs it and renames it into place.
    fn replace(&self, name: &str, bytes: &[u8]) -> io::Result<()> {
        let incoming = self.folder.join("incoming").join(name.replace('/', "-"));
        self.disk.write_synced(&incoming, bytes)?;
        self.disk.rename(&incoming, &self.folder.join(name))
    }

    /// Removes a file. A missing file is not an error.
    fn remove(&self, path: &Path) -> Result<(), StoreError> {
        match self.disk.remove_file(path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                Err(self.failed(format!("{}: {error}", path.display())))
            }
            _ => Ok(()),
        }
    }

    /// Returns the number of bytes of an object, or 0 if it is missing.
    fn object_len(&self, sha256: &str) -> u64 {
        fs::metadata(self.object_path(sha256)).map_or(0, |metadata| metadata.len())
    }

    /// Removes every object that is not in `needed`. Returns how many were removed.
    fn remove_objects_except(&self, needed: &BTreeSet<String>) -> Result<usize, StoreError> {
        let unneeded = || -> io::Result<Vec<PathBuf>> {
            let mut unneeded = Vec::new();
            for folder in fs::read_dir(self.folder.join("objects"))? {
                let folder = folder?;
                if !folder.file_type()?.is_dir() {
                    continue;
                }
                for entry in fs::read_dir(folder.path())? {
                    let entry = entry?;
                    let name = entry.file_name();
                    // Keep files that are not objects: the server did not make them.
                    if name
                        .to_str()
                        .is_some_and(|name| is_sha256(name) && !needed.contains(name))
                    {
                        unneeded.push(entry.path());
                    }
                }
            }
            Ok(unneeded)
        };
        let unneeded = unneeded().map_err(|error| self.failed(format!("`objects`: {error}")))?;
        unneeded.iter().try_for_each(|path| self.remove(path))?;
        Ok(unneeded.len())
    }

    fn failed(&self, what: String) -> StoreError {
        StoreError {
            folder: self.folder.clone(),
            what,
        }
    }
}

impl Before {
    fn of(folder: &Path) -> io::Result<Self> {
        let entries = match fs::read_dir(folder) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Self::Missing),
            Err(error) => return Err(error),
        };
        if folder.join(MARK).is_file() {
            return Ok(Self::DataFolder);
        }
        for entry in entries {
            // The root of a file system has the folder `lost+found` from the beginning.
            if entry?.file_name() != "lost+found" {
                return Ok(Self::Foreign);
            }
        }
        Ok(Self::Empty)
    }
}

/// Locks a data folder until the file is closed.
fn lock(folder: &Path) -> Result<File, String> {
    let file = File::options()
        .create(true)
        .truncate(false)
        .write(true)
        .mode(FILE_MODE)
        // A pipe in the place of the file would hold up the start.
        .custom_flags(OFlags::NONBLOCK.bits().cast_signed())
        .open(folder.join(LOCK))
        .map_err(|error| format!("`{LOCK}`: {error}"))?;
    match rustix::fs::flock(&file, FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => Ok(file),
        Err(rustix::io::Errno::WOULDBLOCK) => Err("another server is using it".to_owned()),
        Err(error) => Err(format!("it cannot be locked: {error}")),
    }
}

/// Makes the parts of a data folder. Returns its canonical path.
fn fill(folder: &Path, disk: &Disk) -> io::Result<PathBuf> {
    disk.write(&folder.join(MARK), MARK_TEXT)?;
    for part in KEPT_FOLDERS {
        make_folder(&folder.join(part))?;
    }
    for part in EMPTIED_FOLDERS {
        remove_folder(&folder.join(part))?;
        make_folder(&folder.join(part))?;
    }
    folder.canonicalize()
}

/// Removes what a start has made in a folder that was missing or empty before it.
fn undo_start(folder: &Path, before: Before) {
    if !matches!(before, Before::Missing | Before::Empty) {
        return;
    }
    // What cannot be removed stays. The start has failed for a reason of its own.
    for part in KEPT_FOLDERS.into_iter().chain(EMPTIED_FOLDERS) {
        let _ = remove_folder(&folder.join(part));
    }
    for file in FIRST_FILES {
        let _ = fs::remove_file(folder.join(file));
    }
    if before == Before::Missing {
        let _ = fs::remove_dir(folder);
    }
}

/// Reads a regular file of at most `limit` bytes. Refuses links and pipes.
fn read_regular(path: &Path, limit: usize) -> io::Result<Vec<u8>> {
    let flags = OFlags::NOFOLLOW | OFlags::NONBLOCK;
    let file = File::options()
        .read(true)
        .custom_flags(flags.bits().cast_signed())
        .open(path)?;
    let metadata = file.metadata()?;
    let refused = |what: String| Err(io::Error::new(io::ErrorKind::InvalidData, what));
    if !metadata.is_file() {
        return refused("it is not a regular file".to_owned());
    }
    if metadata.len() > limit as u64 {
        return refused(format!("it is longer than the limit of {limit} bytes"));
    }
    let mut bytes = Vec::with_capacity(usize::try_from(metadata.len()).unwrap_or_default());
    file.take(limit as u64).read_to_end(&mut bytes)?;
    Ok(bytes)
}

fn remove_folder(folder: &Path) -> io::Result<()> {
    match fs::remove_dir_all(folder) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests;
