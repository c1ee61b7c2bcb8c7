//! [`Interpreter`]: starts Python processes. Each gets one request and answers line by line, within
//! limits.

use std::io::{self, BufRead, BufReader, Read, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::thread;
use std::time::{Duration, Instant};

use serde::Deserialize;
use serde::de::DeserializeOwned;

/// The Python that is used if the caller names none.
pub const DEFAULT_PYTHON: &str = "python3";

/// Maximum size of the answer about one file, in bytes.
pub const MAX_ANSWER_BYTES: u64 = 16 << 20;

/// Maximum address space of a process, in bytes.
pub(crate) const MAX_MEMORY_BYTES: u64 = 2 << 30;

/// Maximum number of bytes that are read of the stderr of a process.
const MAX_STDERR_BYTES: u64 = 8 << 10;

/// Maximum time to wait for the stderr of an ended process. The pipe may stay open longer, because
/// a child of the process can still hold it.
const STDERR_TIME: Duration = Duration::from_millis(200);

/// Maximum number of answers that a process has printed but the reader has not taken.
const MAX_WAITING_ANSWERS: usize = 64;

/// The Python program that reads a request from stdin, runs the checks in it, and prints the
/// answers.
const START: &str = include_str!("../python/start.py");

/// No suitable Python could be started.
#[derive(Debug, thiserror::Error)]
#[error("`{}` {why}: the sources were not checked", python.display())]
pub struct PythonUnavailable {
    python: PathBuf,
    why: String,
}

/// Why a process did not answer.
#[derive(Debug)]
pub(crate) enum ProcessFailure {
    /// It did not answer in time.
    Slow,
    /// It ended or could not be started, with this reason.
    Ended(String),
    /// Its answer is too long.
    Oversized,
    /// Its answer is not valid.
    Garbled,
}

/// The limits of the processes.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limits {
    /// Maximum time for all processes together.
    pub(crate) time: Duration,
    /// Maximum time of a process for one file.
    pub(crate) file_time: Duration,
    /// Maximum size of an answer about one file, in bytes.
    pub(crate) answer_bytes: u64,
    /// Maximum address space of each process, in bytes.
    pub(crate) memory_bytes: u64,
}

/// A Python interpreter, the folder in which its processes run, and their limits.
pub(crate) struct Interpreter<'a> {
    pub(crate) name: &'a Path,
    folder: &'a Path,
    pub(crate) limits: Limits,
}

/// A running process. Dropping it kills the process.
pub(crate) struct Process {
    child: Child,
    lines: Receiver<Vec<u8>>,
    stderr: Receiver<Vec<u8>>,
    answer_bytes: u64,
}

/// The first line that a process prints.
#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct Greeting {
    /// The version of the Python, if it is too old.
    too_old: Option<String>,
}

impl<'a> Interpreter<'a> {
    /// Creates an interpreter whose processes run in this folder.
    pub(crate) fn new(name: &'a Path, folder: &'a Path, limits: Limits) -> Self {
        Self {
            name,
            folder,
            limits,
        }
    }

    /// Starts a process that answers a request.
    pub(crate) fn start(&self, request: Vec<u8>) -> io::Result<Process> {
        let mut child = Command::new(self.program()?)
            .args(["-I", "-S", "-c", START])
            .arg(self.limits.memory_bytes.to_string())
            .current_dir(self.folder)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()?;
        let stdin = child.stdin.take();
        let stdout = child.stdout.take();
        let stderr = child.stderr.take();
        let answer_bytes = self.limits.answer_bytes;
        let process = Process {
            child,
            lines: receive_lines(stdout, answer_bytes)?,
            stderr: receive_all(stderr, MAX_STDERR_BYTES)?,
            answer_bytes,
        };
        // A failed write needs no handling: without the request, the process gives no answer.
        let write = move || stdin.map(|mut stdin| stdin.write_all(&request));
        thread::Builder::new().spawn(write)?;
        Ok(process)
    }

    /// Returns a path of the program that is valid in every folder.
    fn program(&self) -> io::Result<PathBuf> {
        if self.name.components().count() > 1 {
            std::path::absolute(self.name)
        } else {
            Ok(self.name.to_owned())
        }
    }

    pub(crate) fn not_started(&self, error: &io::Error) -> PythonUnavailable {
        match error.kind() {
            io::ErrorKind::NotFound => self.unavailable("was not found".to_owned()),
            _ => self.unavailable(format!("cannot be started ({error})")),
        }
    }

    pub(crate) fn too_old(&self, version: &str) -> PythonUnavailable {
        self.unavailable(format!("is Python {version}, but 3.9 or newer is needed"))
    }

    fn unavailable(&self, why: String) -> PythonUnavailable {
        PythonUnavailable {
            python: self.name.to_owned(),
            why,
        }
    }
}

impl Process {
    /// Waits until the process is ready to read files. Returns the version of the Python if it is
    /// too old.
    pub(crate) fn receive_greeting(
        &mut self,
        until: Instant,
    ) -> Result<Option<String>, ProcessFailure> {
        self.receive(until).map(|Greeting { too_old }| too_old)
    }

    /// Waits for the next line that the process prints, and decodes it.
    pub(crate) fn receive<A: DeserializeOwned>(
        &mut self,
        until: Instant,
    ) -> Result<A, ProcessFailure> {
        let line = match self
            .lines
            .recv_timeout(until.saturating_duration_since(Instant::now()))
        {
            Ok(line) => line,
            Err(RecvTimeoutError::Timeout) => return Err(ProcessFailure::Slow),
            Err(RecvTimeoutError::Disconnected) => return Err(self.end()),
        };
        if line.ends_with(b"\n") {
            serde_json::from_slice(&line).map_err(|_| ProcessFailure::Garbled)
        } else if line.len() as u64 > self.answer_bytes {
            Err(ProcessFailure::Oversized)
        } else {
            Err(self.end())
        }
    }

    /// Ends the process, and returns how it ended.
    fn end(&mut self) -> ProcessFailure {
        // The process has closed its stdout. Either it has ended, and its exit status is fixed, or
        // it may never end by itself.
        let _ = self.child.kill();
        let status = self
            .child
            .wait()
            .map_or_else(|error| error.to_string(), |status| status.to_string());
        let stderr = self.stderr.recv_timeout(STDERR_TIME).unwrap_or_default();
        match String::from_utf8_lossy(&stderr).trim().lines().last() {
            Some(last) => ProcessFailure::Ended(format!("{status}; {last}")),
            None => ProcessFailure::Ended(status),
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // Ignore failures: the process may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Reads a pipe line by line, in a thread that ends with the pipe or with the receiver. A line that
/// is longer than `limit` is cut, and is the last one.
fn receive_lines(
    pipe: Option<impl Read + Send + 'static>,
    limit: u64,
) -> io::Result<Receiver<Vec<u8>>> {
    let (sender, receiver) = mpsc::sync_channel(MAX_WAITING_ANSWERS);
    let read = move || {
        let Some(mut pipe) = pipe.map(BufReader::new) else {
            return;
        };
        loop {
            let mut line = Vec::new();
            let _ = pipe.by_ref().take(limit + 1).read_until(b'\n', &mut line);
            let is_whole = line.ends_with(b"\n");
            if line.is_empty() || sender.send(line).is_err() || !is_whole {
                return;
            }
        }
    };
    thread::Builder::new().spawn(read)?;
    Ok(receiver)
}

/// Reads a pipe to its end or to the limit and closes it, in a thread that ends with the pipe.
fn receive_all(
    pipe: Option<impl Read + Send + 'static>,
    limit: u64,
) -> io::Result<Receiver<Vec<u8>>> {
    let (sender, receiver) = mpsc::channel();
    let read = move || {
        let mut bytes = Vec::new();
        let _ = pipe.map(|pipe| pipe.take(limit).read_to_end(&mut bytes));
        // Ignore failures: the receiver may be gone.
        let _ = sender.send(bytes);
    };
    thread::Builder::new().spawn(read)?;
    Ok(receiver)
}
