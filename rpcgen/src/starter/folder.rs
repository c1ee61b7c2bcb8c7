//! [`NewFolder`]: a folder that gets its first files.

use std::borrow::Cow;
use std::ffi::OsStr;
use std::fs;
use std::io::{ErrorKind, Write as _};
use std::path::{Path, PathBuf};

use super::error::NewNetworkError;
use crate::Error;
use crate::file::File;

/// A folder that does not exist, or is empty.
#[derive(Debug)]
pub struct NewFolder {
    /// Its path as it was given, for messages.
    given: PathBuf,
    /// Its absolute path.
    path: PathBuf,
    exists: bool,
}

impl NewFolder {
    /// Checks that nothing is in the folder. Makes nothing.
    ///
    /// # Errors
    /// Returns an error if the folder is not empty or cannot be read, or if the folder above it does
    /// not exist.
    pub fn at(given: &Path) -> Result<Self, NewNetworkError> {
        let path = match fs::read_dir(given) {
            Ok(mut entries) => {
                if entries.next().is_some() {
                    return Err(NewNetworkError::NotEmpty(given.to_owned()));
                }
                let absolute = given.canonicalize();
                Some(absolute.map_err(Error::io("read the folder", given))?)
            }
            Err(error) if error.kind() == ErrorKind::NotFound => None,
            Err(error) if error.kind() == ErrorKind::NotADirectory => {
                return Err(NewNetworkError::NotAFolder(given.to_owned()));
            }
            Err(error) => return Err(Error::io("read the folder", given)(error).into()),
        };
        Ok(Self {
            exists: path.is_some(),
            path: path.map_or_else(|| absent(given), Ok)?,
            given: given.to_owned(),
        })
    }

    /// Returns its absolute path.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Returns its name: the last part of its path.
    pub fn name(&self) -> Cow<'_, str> {
        let name = self.given.file_name().or_else(|| self.path.file_name());
        name.unwrap_or_default().to_string_lossy()
    }

    /// Makes the folder and writes these files, in this order. Returns their paths. Overwrites
    /// nothing. After a failure, nothing that it made is left.
    ///
    /// # Errors
    /// Returns an error if a file or a folder cannot be made.
    pub fn write(&self, files: &[File]) -> Result<Vec<PathBuf>, NewNetworkError> {
        let mut made = Made::default();
        if !self.exists {
            made.folder(&self.path)
                .map_err(Error::io("create the folder", &self.given))?;
        }
        for file in files {
            made.file(&self.path, file)
                .map_err(Error::io("write", &self.given.join(&file.name)))?;
        }
        made.keep();
        let paths = files.iter().map(|file| self.given.join(&file.name));
        Ok(paths.collect())
    }
}

/// Returns the absolute path of a folder that does not exist, inside of one that does.
fn absent(given: &Path) -> Result<PathBuf, NewNetworkError> {
    let parent = match given.parent() {
        Some(parent) if parent != Path::new("") => parent,
        _ => Path::new("."),
    };
    match parent.canonicalize() {
        Ok(parent) => Ok(parent.join(given.file_name().unwrap_or(OsStr::new("..")))),
        Err(error) if error.kind() == ErrorKind::NotFound => {
            Err(NewNetworkError::NoParent(parent.to_owned()))
        }
        Err(error) => Err(Error::io("read the folder", parent)(error).into()),
    }
}

/// The files and folders that were made so far. Dropping it without `keep` removes them.
#[derive(Default)]
struct Made(Vec<PathBuf>);

impl Made {
    fn folder(&mut self, path: &Path) -> std::io::Result<()> {
        fs::create_dir(path)?;
        self.0.push(path.to_owned());
        Ok(())
    }

    /// Writes a file, and makes the folders between it and `root`.
    fn file(&mut self, root: &Path, file: &File) -> std::io::Result<()> {
        let path = root.join(&file.name);
        let between = path.ancestors().skip(1);
        let missing: Vec<&Path> = between.take_while(|folder| !folder.exists()).collect();
        for folder in missing.into_iter().rev() {
            self.folder(folder)?;
        }
        let mut written = fs::File::create_new(&path)?;
        self.0.push(path);
        written.write_all(file.text.as_bytes())
    }

    fn keep(mut self) {
        self.0.clear();
    }
}

impl Drop for Made {
    fn drop(&mut self) {
        for path in self.0.iter().rev() {
            let _ = if path.is_dir() {
                fs::remove_dir(path)
            } else {
                fs::remove_file(path)
            };
        }
    }
}

#[cfg(test)]
mod tests {
    use tempfile::TempDir;

    use super::*;

    fn temporary() -> TempDir {
        tempfile::tempdir().expect("a folder")
    }

    fn file(name: &str) -> File {
        File {
            name: name.to_owned(),
            text: format!("the text of {name}\n"),
        }
    }

    fn names(folder: &Path) -> Vec<String> {
        let entries = fs::read_dir(folder).expect("a folder");
        let name = |entry: std::io::Result<fs::DirEntry>| entry.expect("an entry").file_name();
        let mut names: Vec<String> = entries
            .map(|entry| name(entry).to_string_lossy().into_owned())
            .collect();
        names.sort();
        names
    }

    #[test]
    fn a_missing_folder_is_made_and_an_empty_one_is_used() {
        let temporary = temporary();
        fs::create_dir(temporary.path().join("empty")).expect("a folder");
        for name in ["missing", "empty", "slash/"] {
            let given = temporary.path().join(name);
            let folder = NewFolder::at(&given).expect("a new folder");
            assert_eq!(folder.name(), name.trim_end_matches('/'));
            let written = folder.write(&[file("a/b/c.txt"), file("a/d.txt")]);
            let expected = [given.join("a/b/c.txt"), given.join("a/d.txt")];
            assert_eq!(written.expect("written"), expected);
            let text = fs::read_to_string(&expected[0]).expect("a file");
            assert_eq!(text, "the text of a/b/c.txt\n");
        }
        assert_eq!(names(temporary.path()), ["empty", "missing", "slash"]);
    }

    #[test]
    fn a_path_that_ends_in_dots_has_the_name_of_its_folder() {
        let temporary = temporary();
        fs::create_dir_all(temporary.path().join("outer/inner")).expect("folders");
        let folder = NewFolder::at(&temporary.path().join("outer/inner/.")).expect("empty");
        assert_eq!(folder.name(), "inner");
        let folder = NewFolder::at(&temporary.path().join("outer/.")).expect_err("not empty");
        assert!(folder.to_string().contains("is not empty"), "{folder}");
        let folder = NewFolder::at(&temporary.path().join("outer/inner/x/..")).expect_err("no `x`");
        assert!(folder.to_string().contains("outer/inner/x`"), "{folder}");
    }

    #[test]
    fn a_place_that_is_taken_is_refused() {
        let temporary = temporary();
        let path = temporary.path();
        fs::write(path.join("file"), "").expect("written");
        fs::create_dir_all(path.join("full/.git")).expect("folders");
        for (name, words) in [
            ("file", "/file` is not a folder; choose"),
            ("file/new", "/file/new` is not a folder; choose"),
            ("full", "/full` is not empty; choose"),
            ("none/new", "there is no folder `"),
        ] {
            let error = NewFolder::at(&path.join(name)).expect_err(name).to_string();
            assert!(error.contains(words), "{error}");
        }
        assert_eq!(names(path), ["file", "full"]);
    }

    #[test]
    fn a_failure_half_way_leaves_nothing() {
        let temporary = temporary();
        let files = [file("a/b.txt"), file("c.txt"), file("a/b.txt")];
        fs::create_dir(temporary.path().join("empty")).expect("a folder");
        for (name, left) in [("missing", false), ("empty", true)] {
            let given = temporary.path().join(name);
            let folder = NewFolder::at(&given).expect("a new folder");
            let error = folder.write(&files).expect_err("the same file twice");
            let expected = format!("cannot write `{}/a/b.txt`: file exists", given.display());
            assert_eq!(error.to_string(), expected);
            assert_eq!(given.exists(), left);
        }
        assert!(names(&temporary.path().join("empty")).is_empty());
    }

    #[test]
    fn a_file_that_appears_meanwhile_is_neither_overwritten_nor_removed() {
        let temporary = temporary();
        let folder = NewFolder::at(temporary.path()).expect("empty");
        fs::write(temporary.path().join("c.txt"), "mine").expect("written");
        folder
            .write(&[file("a/b.txt"), file("c.txt")])
            .expect_err("it is there");
        assert_eq!(names(temporary.path()), ["c.txt"]);
        let text = fs::read_to_string(temporary.path().join("c.txt")).expect("a file");
        assert_eq!(text, "mine");
    }
}
