//! [`Disk`]: every change of the data folder, one step at a time.
//!
//! In tests it fails at a step of one's choice, before it, half through it or after it: once, as a
//! full disk does, or from there on, as a crash does.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::Path;

/// Nobody but the server's user reads or changes what is in a data folder.
const FOLDER_MODE: u32 = 0o700;
pub(super) const FILE_MODE: u32 = 0o600;

/// Makes a folder, and those above it, which only this user may enter, whatever the umask.
pub(super) fn make_folder(folder: &Path) -> io::Result<()> {
    fs::DirBuilder::new()
        .recursive(true)
        .mode(FOLDER_MODE)
        .create(folder)?;
    fs::set_permissions(folder, fs::Permissions::from_mode(FOLDER_MODE))
}

/// What changes the data folder.
#[derive(Debug, Default)]
pub(super) struct Disk {
    #[cfg(test)]
    pub(super) faults: faults::Faults,
}

impl Disk {
    /// Writes a file, which is not durable.
    pub(super) fn write(&self, path: &Path, bytes: &[u8]) -> io::Result<()> {
        self.create(
            File::options().write(true).create(true).truncate(true),
            path,
            bytes,
        )
        .map(drop)
    }

    /// The same where there is none so far.
    pub(super) fn write_new(&self, path: &Path, bytes: &[u8]) -> io::Result<()> {
        self.create(File::options().write(true).create_new(true), path, bytes)
            .map(drop)
    }

    /// Writes a file, durable when it is renamed to where it belongs and the folder is synced.
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

    /// Makes what was renamed into a folder, or removed from it, durable.
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
        reason = "in tests it fails"
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

    /// Which steps fail.
    #[derive(Debug)]
    pub(in super::super) struct Faults {
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
        /// From here on the steps of these numbers fail, counted from 0.
        pub(in super::super) fn fail(&self, steps: std::ops::Range<usize>) {
            self.taken.store(0, Ordering::Relaxed);
            self.from.store(steps.start, Ordering::Relaxed);
            self.to.store(steps.end, Ordering::Relaxed);
        }

        /// How many steps were taken.
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
