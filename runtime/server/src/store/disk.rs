//! [`Disk`]: every change of the data folder, divided into steps.
//!
//! A test can let steps fail: one step, as on a full disk, or all steps from one on, as after a
//! crash. A change has a step before it, one after it and, if it writes a file, one half through
//! the file.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::Path;

/// Mode of the folders in a data folder: only the server's user may enter them.
const FOLDER_MODE: u32 = 0o700;

/// Mode of the files in a data folder: only the server's user may read and write them.
pub(super) const FILE_MODE: u32 = 0o600;

/// Makes a folder with [`FOLDER_MODE`], whatever the umask. Makes missing parent folders too.
pub(super) fn make_folder(folder: &Path) -> io::Result<()> {
    fs::DirBuilder::new()
        .recursive(true)
        .mode(FOLDER_MODE)
        .create(folder)?;
    fs::set_permissions(folder, fs::Permissions::from_mode(FOLDER_MODE))
}

/// Makes the changes of a data folder.
#[derive(Debug, Default)]
pub(super) struct Disk {
    #[cfg(test)]
    pub(super) faults: faults::Faults,
}

impl Disk {
    /// Writes a file. Does not make it durable.
    pub(super) fn write(&self, path: &Path, bytes: &[u8]) -> io::Result<()> {
        self.create(
            File::options().write(true).create(true).truncate(true),
            path,
            bytes,
        )
        .map(drop)
    }

    /// Writes a file that does not exist yet. Does not make it durable.
    pub(super) fn write_new(&self, path: &Path, bytes: &[u8]) -> io::Result<()> {
        self.create(File::options().write(true).create_new(true), path, bytes)
            .map(drop)
    }

    /// Writes and syncs a file. Its name is durable after the folder is synced.
    pub(super) fn write_synced(&self, path: &Path, bytes: &[u8]) -> io::Result<()> {
        let file = self.create(
            File::options().write(true).create(true).truncate(true),
            path,
            bytes,
        )?;
        self.change(|| file.sync_all())
    }

    pub(super) fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.change(|| fs::rename(from, to))
    }

    pub(super) fn remove_file(&self, path: &Path) -> io::Result<()> {
        self.change(|| fs::remove_file(path))
    }

    /// Makes the names in a folder durable, after renames and removals.
    pub(super) fn sync_folder(&self, folder: &Path) -> io::Result<()> {
        self.change(|| File::open(folder)?.sync_all())
    }

    /// Makes everything on the file system of a folder durable.
    pub(super) fn sync_file_system(&self, folder: &Path) -> io::Result<()> {
        self.change(|| rustix::fs::syncfs(File::open(folder)?).map_err(io::Error::from))
    }

    fn create(&self, options: &mut OpenOptions, path: &Path, bytes: &[u8]) -> io::Result<File> {
        self.step()?;
        let mut file = options.mode(FILE_MODE).open(path)?;
        file.set_permissions(fs::Permissions::from_mode(FILE_MODE))?;
        let (first, rest) = bytes.split_at(bytes.len() / 2);
        file.write_all(first)?;
        self.step()?;
        file.write_all(rest)?;
        self.step()?;
        Ok(file)
    }

    fn change(&self, change: impl FnOnce() -> io::Result<()>) -> io::Result<()> {
        self.step()?;
        change()?;
        self.step()
    }

    #[cfg(not(test))]
    #[expect(
        clippy::unused_self,
        clippy::unnecessary_wraps,
        reason = "in tests, steps fail"
    )]
    fn step(&self) -> io::Result<()> {
        Ok(())
    }

    #[cfg(test)]
    fn step(&self) -> io::Result<()> {
        self.faults.step()
    }
}

#[cfg(test)]
pub(super) mod faults {
    use std::io;
    use std::sync::atomic::{AtomicUsize, Ordering};

    /// The steps that fail: those with the numbers `from..to`, counted from 0.
    #[derive(Debug)]
    pub(in super::super) struct Faults {
        /// Number of steps since the last call of [`fail`](Self::fail).
        taken: AtomicUsize,
        from: AtomicUsize,
        to: AtomicUsize,
    }

    impl Default for Faults {
        fn default() -> Self {
            Self {
                taken: 0.into(),
                from: usize::MAX.into(),
                to: usize::MAX.into(),
            }
        }
    }

    impl Faults {
        /// Starts the count of steps again, and lets the steps with these numbers fail.
        pub(in super::super) fn fail(&self, steps: std::ops::Range<usize>) {
            self.taken.store(0, Ordering::Relaxed);
            self.from.store(steps.start, Ordering::Relaxed);
            self.to.store(steps.end, Ordering::Relaxed);
        }

        /// Returns the number of steps since the last call of [`fail`](Self::fail).
        pub(in super::super) fn taken(&self) -> usize {
            self.taken.load(Ordering::Relaxed)
        }

        pub(super) fn step(&self) -> io::Result<()> {
            let step = self.taken.fetch_add(1, Ordering::Relaxed);
            let failing = self.from.load(Ordering::Relaxed)..self.to.load(Ordering::Relaxed);
            if failing.contains(&step) {
                Err(io::ErrorKind::StorageFull.into())
            } else {
                Ok(())
            }
        }
    }
}
