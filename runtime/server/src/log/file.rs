//! [`LogFile`]: a log file of a bounded size.
//!
//! ```text
//! server.log -> server.log.1 -> server.log.2 -> ... -> server.log.<keep> -> gone
//! ```

use std::fs::{self, File};
use std::io::{self, Read as _, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

/// The form of the time at the beginning of a line; `0` stands for a digit.
const TIME_AT_BEGIN: &[u8] = b"0000-00-00T00:00:00";

/// What stands before the time in a line of JSON.
const JSON_BEGIN: &[u8] = b"{\"time\":\"";

/// Maximum size of a log file, and number of older files that are kept.
#[derive(Debug, Clone, Copy)]
pub struct LogRotation {
    /// Maximum number of bytes of a file.
    pub max_bytes: u64,
    /// Number of older files that are kept.
    pub keep: usize,
}

/// A log file. A full file is renamed, and a new one is begun. A file that is not a regular file,
/// such as a pipe, is never renamed.
#[derive(Debug)]
pub struct LogFile {
    path: PathBuf,
    rotation: LogRotation,
    file: File,
    /// Number of bytes in the file; `None` if it does not rotate.
    size: Option<u64>,
    /// The file that was opened again. The next write takes it.
    reopened: Arc<Mutex<Option<SizedFile>>>,
    /// Whether the log has reported that a full file could not be renamed.
    has_warned: bool,
}

/// A file to append to, and its size if it rotates.
type SizedFile = (File, Option<u64>);

/// Opens the file of a [`LogFile`] again after another program has renamed it.
#[derive(Debug, Clone)]
pub struct LogReopener {
    path: PathBuf,
    reopened: Arc<Mutex<Option<SizedFile>>>,
}

impl LogReopener {
    /// Opens the file again. All further lines are written to it.
    ///
    /// # Errors
    /// Returns the error of the operating system if the file cannot be opened. Lines are then still
    /// written to the file that is open.
    pub fn reopen(&self) -> io::Result<()> {
        let reopened = append_to(&self.path)?;
        *self.reopened.lock().unwrap_or_else(PoisonError::into_inner) = Some(reopened);
        Ok(())
    }
}

impl LogFile {
    /// Opens a file to append to. Makes the file if it is missing.
    ///
    /// # Errors
    /// Fails if the file cannot be opened, or if it has content and is not a log of a server.
    pub fn open(path: &Path, rotation: LogRotation) -> io::Result<Self> {
        if !may_be_log(path)? {
            return Err(io::Error::new(
                io::ErrorKind::AlreadyExists,
                "it exists and is not the log of an rpc-server; name another file",
            ));
        }
        let (file, size) = append_to(path)?;
        Ok(Self {
            path: path.to_owned(),
            rotation,
            file,
            size,
            reopened: Arc::default(),
            has_warned: false,
        })
    }

    /// Returns a handle that can open the file again.
    pub fn reopener(&self) -> LogReopener {
        LogReopener {
            path: self.path.clone(),
            reopened: Arc::clone(&self.reopened),
        }
    }

    fn take_reopened(&mut self) {
        if let Some((file, size)) = self
            .reopened
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take()
        {
            self.file = file;
            self.size = size;
        }
    }

    /// Renames the full file and begins a new one. If a rename fails, lines are still written to
    /// the file that is open.
    fn rotate(&mut self) {
        let numbered = |number: usize| {
            let mut name = self.path.clone().into_os_string();
            name.push(format!(".{number}"));
            PathBuf::from(name)
        };
        for number in (1..self.rotation.keep).rev() {
            // Ignore failures here: the older file may not exist.
            let _ = fs::rename(numbered(number), numbered(number + 1));
        }
        match fs::rename(&self.path, numbered(1)).and_then(|()| append_to(&self.path)) {
            Ok((file, size)) => {
                self.file = file;
                self.size = size;
            }
            Err(error) => self.grow_on(&error),
        }
    }

    /// Lets the open file grow. The rename is tried again after another `max_bytes`.
    fn grow_on(&mut self, error: &io::Error) {
        self.size = self.size.map(|_| 0);
        if !std::mem::replace(&mut self.has_warned, true) {
            let note = "the file grows beyond --log-max until its folder is writable";
            tracing::warn!(event = "log not renamed", path = %self.path.display(), reason = %error, note);
        }
    }

    /// Returns how many of these bytes fit into the file. Counts whole lines only, unless all of
    /// the bytes fit.
    fn room_for(&self, lines: &[u8]) -> usize {
        let Some(size) = self.size else {
            return lines.len();
        };
        let room =
            usize::try_from(self.rotation.max_bytes.saturating_sub(size)).unwrap_or(usize::MAX);
        if lines.len() <= room {
            return lines.len();
        }
        lines[..room]
            .iter()
            .rposition(|byte| *byte == b'\n')
            .map_or(0, |last| last + 1)
    }
}

impl Write for LogFile {
    fn write(&mut self, lines: &[u8]) -> io::Result<usize> {
        self.take_reopened();
        let mut count = self.room_for(lines);
        if count == 0 && self.size.is_some_and(|size| size > 0) {
            self.rotate();
            count = self.room_for(lines);
        }
        if count == 0 {
            // A line longer than `max_bytes` gets a file of its own.
            count = lines
                .iter()
                .position(|byte| *byte == b'\n')
                .map_or(lines.len(), |end| end + 1);
        }
        let written = self.file.write(&lines[..count])?;
        self.size = self.size.map(|size| size + written as u64);
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.take_reopened();
        self.file.flush()
    }
}

/// Returns whether lines may be appended to a file: it is missing, empty, a pipe or a device, or it
/// begins as a log in text or in JSON does.
fn may_be_log(path: &Path) -> io::Result<bool> {
    match path.metadata() {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(true),
        Err(error) => return Err(error),
        Ok(metadata) if !metadata.is_file() || metadata.len() == 0 => return Ok(true),
        Ok(_) => {}
    }
    let mut begin = Vec::new();
    File::open(path)?
        .take(TIME_AT_BEGIN.len() as u64 + JSON_BEGIN.len() as u64)
        .read_to_end(&mut begin)?;
    let time = begin.strip_prefix(JSON_BEGIN).unwrap_or(&begin);
    let fits = |(byte, pattern): (&u8, &u8)| match pattern {
        b'0' => byte.is_ascii_digit(),
        other => byte == other,
    };
    Ok(time.len() >= TIME_AT_BEGIN.len() && time.iter().zip(TIME_AT_BEGIN).all(fits))
}

fn append_to(path: &Path) -> io::Result<(File, Option<u64>)> {
    let file = File::options().create(true).append(true).open(path)?;
    let metadata = file.metadata()?;
    Ok((file, metadata.is_file().then_some(metadata.len())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_file_is_renamed_and_the_oldest_is_removed() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("log");
        let rotation = LogRotation {
            max_bytes: 10,
            keep: 2,
        };
        let mut log = LogFile::open(&path, rotation).expect("a file");
        log.write_all(b"line 1\nline 2\nline 3\nline 4\na line longer than a file\nline 5\n")
            .expect("a write");
        let read = |name: &str| fs::read_to_string(folder.path().join(name)).unwrap_or_default();
        assert_eq!(
            [read("log"), read("log.1"), read("log.2")],
            ["line 5\n", "a line longer than a file\n", "line 4\n"]
        );
        assert!(!folder.path().join("log.3").exists());
    }

    #[test]
    fn a_file_that_another_program_renamed_can_be_opened_again() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("log");
        let mut log = LogFile::open(
            &path,
            LogRotation {
                max_bytes: 1000,
                keep: 1,
            },
        )
        .expect("a file");
        log.write_all(b"before\n").expect("a write");
        fs::rename(&path, folder.path().join("moved")).expect("a rename");
        log.write_all(b"still the same file\n").expect("a write");
        log.reopener().reopen().expect("a new file");
        log.write_all(b"after\n").expect("a write");
        assert_eq!(fs::read_to_string(&path).expect("a new file"), "after\n");
        assert_eq!(
            fs::read_to_string(folder.path().join("moved")).expect("the old one"),
            "before\nstill the same file\n"
        );
    }

    #[test]
    fn a_full_file_that_cannot_be_renamed_grows() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("log");
        let mut log = LogFile::open(
            &path,
            LogRotation {
                max_bytes: 10,
                keep: 1,
            },
        )
        .expect("a file");
        // A file cannot be renamed to a folder that is not empty.
        fs::create_dir_all(folder.path().join("log.1/x")).expect("a folder");
        log.write_all(b"line 1\nline 2\nline 3\n").expect("a write");
        assert_eq!(
            fs::read_to_string(&path).expect("the file"),
            "line 1\nline 2\nline 3\n"
        );
        assert!(
            LogReopener {
                path: folder.path().join("log.1"),
                ..log.reopener()
            }
            .reopen()
            .is_err()
        );
    }

    #[test]
    fn a_file_that_is_not_regular_is_never_renamed() {
        let mut log = LogFile::open(
            Path::new("/dev/null"),
            LogRotation {
                max_bytes: 1,
                keep: 1,
            },
        )
        .expect("a file");
        log.write_all(b"one\ntwo\n").expect("a write");
        assert!(!Path::new("/dev/null.1").exists());
    }

    #[test]
    fn lines_are_appended_to_logs_and_to_no_other_file() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("file");
        let rotation = LogRotation {
            max_bytes: 1000,
            keep: 1,
        };
        for (content, is_log) in [
            ("", true),
            ("2026-11-28T10:20:15.246822Z INFO main started\n", true),
            (
                "{\"time\":\"2026-11-28T10:20:15.246822Z\",\"level\":\"INFO\"}\n",
                true,
            ),
            ("network:\n  servers: {}\n", false),
            ("{\"time\":\"today\"}\n", false),
            ("2026-11-28", false),
        ] {
            fs::write(&path, content).expect("a file");
            assert_eq!(LogFile::open(&path, rotation).is_ok(), is_log, "{content}");
            assert_eq!(fs::read_to_string(&path).expect("a file"), content);
        }
    }
}
