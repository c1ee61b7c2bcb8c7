//! The output folder: compares it with the generated files, and updates it.
//!
//! A generated file is recognised by its first line. Other files are never overwritten or removed.
//! A file that is up to date is not written again.

#[cfg(feature = "cli")]
pub mod single;

use std::collections::{BTreeMap, HashSet};
use std::fmt;
use std::fs;
use std::io::{ErrorKind, Read as _};
use std::path::{Path, PathBuf};

use crate::error::Error;
use crate::file::File;
use crate::files::MARK;

/// A folder for generated files.
#[derive(Debug, Clone)]
pub struct OutputFolder {
    path: PathBuf,
}

/// A file that is not up to date.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OutdatedFile {
    /// How it differs.
    pub change: Change,
    /// The file.
    pub path: PathBuf,
}

/// How a file differs from the generated one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    /// It does not exist.
    Missing,
    /// It has a different text.
    Differs,
    /// It was generated earlier, but is no longer generated.
    Stale,
}

impl OutputFolder {
    /// Creates a handle to the folder at that path, which need not exist.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into() }
    }

    /// Returns how the folder differs from these files. Writes nothing.
    ///
    /// # Errors
    /// Returns an error if a file that rpcgen did not generate has the place of a generated file,
    /// or if the folder or a file cannot be read.
    pub fn compare(&self, files: &[File]) -> Result<Vec<OutdatedFile>, Error> {
        let mut generated = self.generated()?;
        let mut differences = Vec::new();
        for file in files {
            let path = self.path.join(&file.name);
            let change = match generated.remove(&path) {
                Some(text) if text == file.text.as_bytes() => continue,
                Some(_) => Change::Differs,
                None if is_taken(&path) => return Err(Error::NotGenerated(path)),
                None => Change::Missing,
            };
            differences.push(OutdatedFile { change, path });
        }
        differences.extend(generated.into_keys().map(|path| OutdatedFile {
            change: Change::Stale,
            path,
        }));
        Ok(differences)
    }

    /// Writes these files to the folder and removes stale ones. Returns what differed before.
    ///
    /// # Errors
    /// Returns the errors of [`compare`](Self::compare), before it writes anything, and an error if
    /// a file cannot be written or removed.
    pub fn update(&self, files: &[File]) -> Result<Vec<OutdatedFile>, Error> {
        let differences = self.compare(files)?;
        fs::create_dir_all(&self.path).map_err(Error::io("create the folder", &self.path))?;
        let differing: HashSet<&Path> = differences
            .iter()
            .map(|difference| difference.path.as_path())
            .collect();
        let written = files
            .iter()
            .map(|file| (self.path.join(&file.name), &file.text));
        let staged: Vec<Staged> = written
            .filter(|(path, _)| differing.contains(path.as_path()))
            .map(|(path, text)| Staged::write(path, text))
            .collect::<Result<_, _>>()?;
        staged.into_iter().try_for_each(Staged::publish)?;
        for stale in differences
            .iter()
            .filter(|difference| difference.change == Change::Stale)
        {
            fs::remove_file(&stale.path).map_err(Error::io("remove", &stale.path))?;
        }
        Ok(differences)
    }

    /// Returns the generated files of the folder, with their texts.
    fn generated(&self) -> Result<BTreeMap<PathBuf, Vec<u8>>, Error> {
        let entries = match fs::read_dir(&self.path) {
            Ok(entries) => entries,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(BTreeMap::new()),
            Err(error) => return Err(Error::io("read the folder", &self.path)(error)),
        };
        let mut generated = BTreeMap::new();
        for entry in entries {
            let path = entry
                .map_err(Error::io("read the folder", &self.path))?
                .path();
            let is_rust =
                path.extension().is_some_and(|extension| extension == "rs") && path.is_file();
            if is_rust
                && let Some(text) = read_generated(&path, MARK).map_err(Error::io("read", &path))?
            {
                generated.insert(path, text);
            }
        }
        Ok(generated)
    }
}

fn is_taken(path: &Path) -> bool {
    path.symlink_metadata().is_ok()
}

/// Reads the text of a file if it begins with the mark of generated files. Of another file it reads
/// only the first bytes.
fn read_generated(path: &Path, mark: &str) -> std::io::Result<Option<Vec<u8>>> {
    let mut file = fs::File::open(path)?;
    let mut text = Vec::new();
    file.by_ref()
        .take(mark.len() as u64)
        .read_to_end(&mut text)?;
    if text != mark.as_bytes() {
        return Ok(None);
    }
    file.read_to_end(&mut text)?;
    Ok(Some(text))
}

/// A file that is written under a temporary name in the same folder. Dropping it without `publish`
/// removes it, so that a full disk leaves the folder unchanged.
struct Staged {
    temporary: PathBuf,
    path: PathBuf,
}

impl Staged {
    fn write(path: PathBuf, text: &str) -> Result<Self, Error> {
        let mut temporary = path.clone().into_os_string();
        temporary.push(format!(".{}", std::process::id()));
        let temporary = PathBuf::from(temporary);
        let staged = Self { temporary, path };
        fs::write(&staged.temporary, text).map_err(Error::io("write", &staged.path))?;
        Ok(staged)
    }

    fn publish(self) -> Result<(), Error> {
        fs::rename(&self.temporary, &self.path).map_err(Error::io("write", &self.path))
    }
}

impl Drop for Staged {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.temporary);
    }
}

/// Writes a text to a file, unless the file has this text already.
pub fn write_changed(path: &Path, text: &str) -> Result<(), Error> {
    if fs::read(path).is_ok_and(|present| present == text.as_bytes()) {
        return Ok(());
    }
    Staged::write(path.to_owned(), text)?.publish()
}

impl Change {
    /// Returns the change in one word: `missing`, `differs`, `stale`.
    pub fn word(self) -> &'static str {
        match self {
            Self::Missing => "missing",
            Self::Differs => "differs",
            Self::Stale => "stale",
        }
    }
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.word())
    }
}
