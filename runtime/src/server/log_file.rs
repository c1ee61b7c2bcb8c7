//! [`LogFile`]: a log file of a bounded size.
//!
//! ```text
//! server.log -> server.log.1 -> server.log.2 -> ... -> server.log.<keep> -> gone
//! ```

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// How large a log file becomes, and how many of that size are kept beside it.
#[derive(Debug, Clone, Copy)]
pub struct LogRotation {
    /// Maximum number of bytes of a file.
    pub max_bytes: u64,
    /// Number of older files that are kept.
    pub keep: usize,
}

/// A log file. When it is full, it is renamed and a new one is begun. What is no regular file, such as a pipe, is never
/// renamed.
#[derive(Debug)]
pub struct LogFile {
    path: PathBuf,
    rotation: LogRotation,
    file: File,
    /// Bytes in the file; `None` where it does not rotate.
    size: Option<u64>,
    reopen: Arc<AtomicBool>,
}

/// Has a [`LogFile`] opened again, for whoever has renamed it.
#[derive(Debug, Clone)]
pub struct LogReopen(Arc<AtomicBool>);

impl LogReopen {
    /// Opens the file again before the next line is written.
    pub fn reopen(&self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

impl LogFile {
    /// Opens a file to append to; it is made where it is missing.
    ///
    /// # Errors
    /// Where it cannot be opened.
    pub fn open(path: &Path, rotation: LogRotation) -> io::Result<Self> {
        let (file, size) = append_to(path)?;
        Ok(Self { path: path.to_owned(), rotation, file, size, reopen: Arc::default() })
    }

    /// A handle that has it opened again.
    pub fn reopener(&self) -> LogReopen {
        LogReopen(Arc::clone(&self.reopen))
    }

    fn reopen_if_asked(&mut self) {
        if self.reopen.swap(false, Ordering::Relaxed) {
            self.begin_file();
        }
    }

    /// Renames what is full and begins a new file. Where a rename fails, lines go on to the file that is there.
    fn rotate(&mut self) {
        let numbered = |number: usize| {
            let mut name = self.path.clone().into_os_string();
            name.push(format!(".{number}"));
            PathBuf::from(name)
        };
        for number in (1..self.rotation.keep).rev() {
            // One that is not there yet is not missed.
            let _ = fs::rename(numbered(number), numbered(number + 1));
        }
        let _ = fs::rename(&self.path, numbered(1));
        self.begin_file();
    }

    fn begin_file(&mut self) {
        match append_to(&self.path) {
            Ok((file, size)) => (self.file, self.size) = (file, size),
            // Lines go on to the file that is open; it is tried again when as much more has come.
            Err(_) => self.size = self.size.map(|_| 0),
        }
    }

    /// How many of these bytes go to the file as it is: whole lines, as far as there is room.
    fn room_for(&self, lines: &[u8]) -> usize {
        let Some(size) = self.size else { return lines.len() };
        let room = usize::try_from(self.rotation.max_bytes.saturating_sub(size)).unwrap_or(usize::MAX);
        if lines.len() <= room {
            return lines.len();
        }
        lines[..room].iter().rposition(|byte| *byte == b'\n').map_or(0, |last| last + 1)
    }
}

impl Write for LogFile {
    fn write(&mut self, lines: &[u8]) -> io::Result<usize> {
        self.reopen_if_asked();
        let mut count = self.room_for(lines);
        if count == 0 && self.size.is_some_and(|size| size > 0) {
            self.rotate();
            count = self.room_for(lines);
        }
        if count == 0 {
            // A line longer than a file goes to one of its own.
            count = lines.iter().position(|byte| *byte == b'\n').map_or(lines.len(), |end| end + 1);
        }
        let written = self.file.write(&lines[..count])?;
        self.size = self.size.map(|size| size + written as u64);
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.reopen_if_asked();
        self.file.flush()
    }
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
    fn a_full_file_is_renamed_and_the_oldest_is_dropped() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("log");
        let rotation = LogRotation { max_bytes: 10, keep: 2 };
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
    fn a_file_that_somebody_renamed_is_opened_again_when_asked() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("log");
        let mut log = LogFile::open(&path, LogRotation { max_bytes: 1000, keep: 1 }).expect("a file");
        log.write_all(b"before\n").expect("a write");
        fs::rename(&path, folder.path().join("moved")).expect("a rename");
        log.write_all(b"still the same file\n").expect("a write");
        log.reopener().reopen();
        log.write_all(b"after\n").expect("a write");
        assert_eq!(fs::read_to_string(&path).expect("a new file"), "after\n");
        assert_eq!(
            fs::read_to_string(folder.path().join("moved")).expect("the old one"),
            "before\nstill the same file\n"
        );
    }

    #[test]
    fn what_is_no_regular_file_is_not_renamed() {
        let mut log =
            LogFile::open(Path::new("/dev/null"), LogRotation { max_bytes: 1, keep: 1 }).expect("a file");
        log.write_all(b"one\ntwo\n").expect("a write");
        assert!(!Path::new("/dev/null.1").exists());
    }
}
