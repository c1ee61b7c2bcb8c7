//! Writes files so that each of them is whole or absent, also after a loss of power, and so that only
//! their owner can read them, whatever the umask is.
//!
//! What is being written has a name `.NAME.part`, which nothing else uses.

use std::fs::{self, DirBuilder, File, Permissions};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use super::layout::FILES;
use super::words::{failure, shown};

/// A file of a folder: its name and its text.
pub(super) type NewFile<'a> = (&'static str, &'a str);

/// Returns whether there is anything at a path, also a link that leads nowhere.
pub(super) fn is_taken(path: &Path) -> Result<bool, String> {
    match fs::symlink_metadata(path) {
        Ok(_) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(failure("read", path, &error)),
    }
}

/// Returns whether there is nothing at a path, or an empty folder.
pub(super) fn is_vacant(path: &Path) -> Result<bool, String> {
    match fs::symlink_metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(true),
        Ok(metadata) if metadata.is_dir() => fs::read_dir(path)
            .map(|mut entries| entries.next().is_none())
            .map_err(|error| failure("read", path, &error)),
        Ok(_) => Ok(false),
        Err(error) => Err(failure("read", path, &error)),
    }
}

/// Makes a folder and those above it, as far as they are missing.
pub(super) fn make_folder(path: &Path) -> Result<(), String> {
    if path.is_dir() {
        return Ok(());
    }
    if is_taken(path)? {
        let place = shown(path);
        return Err(format!("`{place}` is not a folder; move it away"));
    }
    if let Some(parent) = path.parent().filter(|parent| *parent != Path::new("")) {
        make_folder(parent)?;
    }
    make_private(path).map_err(|error| failure("make", path, &error))?;
    sync_parent(path)
}

fn make_private(path: &Path) -> io::Result<()> {
    DirBuilder::new().mode(0o700).create(path)?;
    // The umask may have taken bits away.
    fs::set_permissions(path, Permissions::from_mode(0o700))
}

/// Writes a folder that is not there yet, or is empty. It appears with all its files at once.
pub(super) fn write_folder(folder: &Path, files: &[NewFile<'_>]) -> Result<(), String> {
    if let Some(parent) = folder.parent() {
        make_folder(parent)?;
    }
    let part = part(folder);
    remove_leftover(&part)?;
    let write = || {
        make_private(&part)?;
        for (name, text) in files {
            write_file(&part.join(name), text)?;
        }
        sync(&part)?;
        fs::rename(&part, folder)
    };
    write().map_err(|error| {
        // Ignore failures: the next run removes it.
        let _ = remove_leftover(&part);
        failure("write", folder, &error)
    })?;
    sync_parent(folder)
}

/// Replaces files of a folder. First all of them are written under other names; then they are
/// renamed, in the order given. So nothing has changed if the disk is full.
pub(super) fn replace_files(folder: &Path, files: &[NewFile<'_>]) -> Result<(), String> {
    let parts = || files.iter().map(|(name, _)| part(&folder.join(name)));
    let write = || {
        for (part, (_, text)) in parts().zip(files) {
            remove_file(&part)?;
            write_file(&part, text)?;
        }
        Ok(())
    };
    let rename = || {
        for (part, (name, _)) in parts().zip(files) {
            fs::rename(part, folder.join(name))?;
        }
        sync(folder)
    };
    let written: io::Result<()> = write();
    if written.is_err() {
        // Ignore failures: the next run removes them.
        parts().for_each(|part| drop(remove_file(&part)));
    }
    written
        .and_then(|()| rename())
        .map_err(|error| failure("write", folder, &error))
}

/// Gives a file of a folder the name for which [`replace_files`] wrote it.
pub(super) fn finish_replacing(path: &Path) -> Result<(), String> {
    fs::rename(part(path), path).map_err(|error| failure("write", path, &error))?;
    sync_parent(path)
}

/// Returns the name under which a file or a folder is written.
pub(super) fn part(path: &Path) -> PathBuf {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    path.with_file_name(format!(".{name}.part"))
}

fn write_file(path: &Path, text: &str) -> io::Result<()> {
    let mut file = File::options()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)?;
    file.set_permissions(Permissions::from_mode(0o600))?;
    file.write_all(text.as_bytes())?;
    file.sync_all()
}

/// Removes the folder that an interrupted [`write_folder`] left.
fn remove_leftover(part: &Path) -> Result<(), String> {
    let remove = || {
        for file in FILES {
            remove_file(&part.join(file))?;
        }
        fs::remove_dir(part)
    };
    if !is_taken(part)? {
        return Ok(());
    }
    remove().map_err(|error| failure("remove", part, &error))
}

fn remove_file(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

fn sync(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}

fn sync_parent(path: &Path) -> Result<(), String> {
    let parent = path.parent().filter(|parent| *parent != Path::new(""));
    let parent = parent.unwrap_or(Path::new("."));
    sync(parent).map_err(|error| failure("write", parent, &error))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(folder: &Path) -> Vec<String> {
        let entries = fs::read_dir(folder).expect("a folder");
        let mut names: Vec<_> = entries
            .map(|entry| {
                entry
                    .expect("an entry")
                    .file_name()
                    .to_string_lossy()
                    .into_owned()
            })
            .collect();
        names.sort();
        names
    }

    #[test]
    fn a_folder_appears_whole_also_after_a_run_that_was_killed() {
        let home = tempfile::tempdir().expect("a folder");
        let folder = home.path().join("clients/client1");
        let leftover = part(&folder);
        fs::create_dir_all(&leftover).expect("a folder");
        fs::write(leftover.join("key.pem"), "half").expect("a file");
        write_folder(&folder, &[("cert.pem", "a"), ("key.pem", "b")]).expect("written");
        assert_eq!(names(&folder), ["cert.pem", "key.pem"]);
        assert_eq!(names(&home.path().join("clients")), ["client1"]);
    }

    #[test]
    fn files_of_others_are_neither_replaced_nor_removed() {
        let home = tempfile::tempdir().expect("a folder");
        let folder = home.path().join("client1");
        fs::create_dir(&folder).expect("a folder");
        fs::write(folder.join("notes"), "of somebody else").expect("a file");
        let error = write_folder(&folder, &[("cert.pem", "a")]).expect_err("it is not empty");
        assert!(error.contains("not empty"), "{error}");
        assert_eq!(names(home.path()), ["client1"], "nothing is left");
        let leftover = part(&folder);
        fs::create_dir(&leftover).expect("a folder");
        fs::write(leftover.join("notes"), "of somebody else").expect("a file");
        assert!(write_folder(&home.path().join("client1"), &[]).is_err());
        assert_eq!(names(&leftover), ["notes"]);
    }

    #[test]
    fn nothing_is_replaced_if_one_file_cannot_be_written() {
        let home = tempfile::tempdir().expect("a folder");
        fs::write(home.path().join("key.pem"), "old").expect("a file");
        // A folder in the place of a temporary file cannot be removed as a file.
        fs::create_dir(home.path().join(".cert.pem.part")).expect("a folder");
        let new = [("key.pem", "new"), ("cert.pem", "new")];
        replace_files(home.path(), &new).expect_err("it cannot be written");
        let key = fs::read_to_string(home.path().join("key.pem")).expect("the key");
        assert_eq!(key, "old");
        fs::remove_dir(home.path().join(".cert.pem.part")).expect("removed");
        replace_files(home.path(), &new).expect("replaced");
        assert_eq!(names(home.path()), ["cert.pem", "key.pem"]);
    }
}
