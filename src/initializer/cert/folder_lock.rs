//! [`FolderLock`]: one program at a time changes a folder.

use std::fs::File;
use std::path::Path;

use rustix::fs::{FlockOperation, flock};
use rustix::io::Errno;

use super::words::{failure, shown};

/// Holds the lock of a folder. Dropping it gives the lock back, and so does the end of the process.
#[derive(Debug)]
pub(super) struct FolderLock {
    _folder: File,
}

impl FolderLock {
    /// Locks a folder. No file is made for it.
    pub(super) fn take(folder: &Path) -> Result<Self, String> {
        let opened = File::open(folder).map_err(|error| failure("read", folder, &error))?;
        match flock(&opened, FlockOperation::NonBlockingLockExclusive) {
            Err(Errno::WOULDBLOCK) => Err(format!(
                "another `initializer cert` is at work on `{}`; try again after it has ended",
                shown(folder)
            )),
            // Some network file systems cannot lock a folder. Two programs at once are unlikely.
            _ => Ok(Self { _folder: opened }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_is_locked_once() {
        let folder = tempfile::tempdir().expect("a folder");
        let lock = FolderLock::take(folder.path()).expect("a lock");
        let error = FolderLock::take(folder.path()).expect_err("it is locked");
        assert!(error.starts_with("another `initializer cert`"), "{error}");
        drop(lock);
        FolderLock::take(folder.path()).expect("a lock");
    }
}
