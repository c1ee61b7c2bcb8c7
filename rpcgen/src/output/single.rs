//! A generated file that stands by itself, wherever somebody wants it.

use std::fs;
use std::io::ErrorKind;
use std::path::Path;

use super::{Change, Difference, Staged, read_generated};
use crate::error::Error;

/// How a file differs from one with this text, if it does; nothing is written. A generated one is
/// known by the mark that it begins with.
///
/// # Errors
/// Something that was not generated stands there, or it could not be read.
pub fn compare(path: &Path, mark: &str, text: &str) -> Result<Option<Difference>, Error> {
    let change = match path.symlink_metadata() {
        Err(error) if error.kind() == ErrorKind::NotFound => Some(Change::Missing),
        Err(error) => return Err(Error::io("read", path)(error)),
        Ok(_) if !path.is_file() => return Err(Error::Stranger(path.to_owned())),
        Ok(_) => match read_generated(path, mark).map_err(Error::io("read", path))? {
            None => return Err(Error::Stranger(path.to_owned())),
            Some(present) if present == text.as_bytes() => None,
            Some(_) => Some(Change::Differs),
        },
    };
    Ok(change.map(|change| Difference {
        change,
        path: path.to_owned(),
    }))
}

/// Makes the file hold this text, all of it or as before, and returns how it differed.
///
/// # Errors
/// As [`compare`], with nothing written; or it could not be written.
pub fn update(path: &Path, mark: &str, text: &str) -> Result<Option<Difference>, Error> {
    let difference = compare(path, mark, text)?;
    if difference.is_some() {
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder).map_err(Error::io("create the folder", folder))?;
        }
        Staged::write(path.to_owned(), text)?.publish()?;
    }
    Ok(difference)
}
