//! [`Python`]: processes that are asked once each and answer line by line, within limits.

use std::io::{self, BufRead, BufReader, Read, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::thread;
use std::time::{Duration, Instant};

use serde::Deserialize;
use serde::de::DeserializeOwned;

/// The Python that is asked where none is named.
pub const DEFAULT_PYTHON: &str = "python3";

/// A process may answer with so many bytes about one file.
pub const MAX_ANSWER_BYTES: u64 = 16 << 20;

/// So much address space a process may have.
pub(crate) const MAX_MEMORY_BYTES: u64 = 2 << 30;

/// Of what a process says on its way out, so much is read.
const MAX_LAST_WORDS_BYTES: u64 = 8 << 10;

/// A process that has ended, and not the pipe that it printed to, is listened to for so long.
const LAST_WORDS_TIME: Duration = Duration::from_millis(200);

/// So many answers may wait to be heard.
const MAX_WAITING_ANSWERS: usize = 64;

/// Reads a request with its program from stdin, and prints the answers.
const START: &str = include_str!("../python/start.py");

/// There was no Python to check with.
#[derive(Debug, thiserror::Error)]
#[error("`{}` {why}: the sources were not checked", python.display())]
pub struct Unavailable {
    python: PathBuf,
    why: String,
}

/// Why a process that was started did not answer.
#[derive(Debug)]
pub(crate) enum Failure {
    /// It runs on.
    Slow,
    /// It ended or was never there, with these words.
    Ended(String),
    /// It says too much.
    Oversized,
    /// It says what no Python does.
    Garbled,
}

/// What is granted to all processes together, or to each.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limits {
    /// How long all of them may take.
    pub(crate) time: Duration,
    /// How long a process may take for one file.
    pub(crate) file_time: Duration,
    /// How much a process may answer about one file.
    pub(crate) answer_bytes: u64,
    /// How much address space each may have.
    pub(crate) memory_bytes: u64,
}

/// A Python and where it works.
pub(crate) struct Python<'a> {
    pub(crate) name: &'a Path,
    folder: &'a Path,
    pub(crate) limits: Limits,
}

/// A process at work. It is killed when this is dropped.
pub(crate) struct Process {
    child: Child,
    lines: Receiver<Vec<u8>>,
    last_words: Receiver<Vec<u8>>,
    answer_bytes: u64,
}

/// The first line of a process.
#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct Greeting {
    /// Its version, where that is not served.
    too_old: Option<String>,
}

impl<'a> Python<'a> {
    /// Processes of this Python in that folder.
    pub(crate) fn new(name: &'a Path, folder: &'a Path, limits: Limits) -> Self {
        Self {
            name,
            folder,
            limits,
        }
    }

    /// Has a process answer a request.
    pub(crate) fn start(&self, request: Vec<u8>) -> io::Result<Process> {
        let mut child = Command::new(self.program()?)
            .args(["-I", "-S", "-c", START])
            .arg(self.limits.memory_bytes.to_string())
            .current_dir(self.folder)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()?;
        let (stdin, stdout, stderr) =
            (child.stdin.take(), child.stdout.take(), child.stderr.take());
        let answer_bytes = self.limits.answer_bytes;
        let process = Process {
            child,
            lines: listen(stdout, answer_bytes)?,
            last_words: listen_to_the_end(stderr, MAX_LAST_WORDS_BYTES)?,
            answer_bytes,
        };
        // A process that does not read its request says so by its answer.
        let write = move || stdin.map(|mut stdin| stdin.write_all(&request));
        thread::Builder::new().spawn(write)?;
        Ok(process)
    }

    /// The program, found from any folder.
    fn program(&self) -> io::Result<PathBuf> {
        if self.name.components().count() > 1 {
            std::path::absolute(self.name)
        } else {
            Ok(self.name.to_owned())
        }
    }

    pub(crate) fn not_started(&self, error: &io::Error) -> Unavailable {
        match error.kind() {
            io::ErrorKind::NotFound => self.unavailable("was not found".to_owned()),
            _ => self.unavailable(format!("cannot be started ({error})")),
        }
    }

    pub(crate) fn too_old(&self, version: &str) -> Unavailable {
        self.unavailable(format!("is Python {version}, and 3.9 or newer is needed"))
    }

    fn unavailable(&self, why: String) -> Unavailable {
        Unavailable {
            python: self.name.to_owned(),
            why,
        }
    }
}

impl Process {
    /// Waits until it is ready to read files; its version, where that is too old.
    pub(crate) fn greet(&mut self, until: Instant) -> Result<Option<String>, Failure> {
        self.hear(until).map(|Greeting { too_old }| too_old)
    }

    /// The next line that it prints.
    pub(crate) fn hear<A: DeserializeOwned>(&mut self, until: Instant) -> Result<A, Failure> {
        let line = match self
            .lines
            .recv_timeout(until.saturating_duration_since(Instant::now()))
        {
            Ok(line) => line,
            Err(RecvTimeoutError::Timeout) => return Err(Failure::Slow),
            Err(RecvTimeoutError::Disconnected) => return Err(self.end()),
        };
        if line.ends_with(b"\n") {
            serde_json::from_slice(&line).map_err(|_| Failure::Garbled)
        } else if line.len() as u64 > self.answer_bytes {
            Err(Failure::Oversized)
        } else {
            Err(self.end())
        }
    }

    /// Ends the process, and says how it ended.
    fn end(&mut self) -> Failure {
        // It has closed its output: what it ends with is decided, or it does not end by itself.
        let _ = self.child.kill();
        let status = self
            .child
            .wait()
            .map_or_else(|error| error.to_string(), |status| status.to_string());
        let words = self
            .last_words
            .recv_timeout(LAST_WORDS_TIME)
            .unwrap_or_default();
        match String::from_utf8_lossy(&words).trim().lines().last() {
            Some(last) => Failure::Ended(format!("{status}; {last}")),
            None => Failure::Ended(status),
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Reads a pipe line by line, in a thread that lives as long as the pipe or whoever hears it. A
/// line that is longer than `limit` is the last one, without its end.
fn listen(pipe: Option<impl Read + Send + 'static>, limit: u64) -> io::Result<Receiver<Vec<u8>>> {
    let (sender, receiver) = mpsc::sync_channel(MAX_WAITING_ANSWERS);
    let read = move || {
        let Some(mut pipe) = pipe.map(BufReader::new) else {
            return;
        };
        loop {
            let mut line = Vec::new();
            let _ = pipe.by_ref().take(limit + 1).read_until(b'\n', &mut line);
            let goes_on = line.ends_with(b"\n");
            if line.is_empty() || sender.send(line).is_err() || !goes_on {
                return;
            }
        }
    };
    thread::Builder::new().spawn(read)?;
    Ok(receiver)
}

/// Reads a pipe to its end or its limit, and closes it, in a thread that lives as long as the pipe.
fn listen_to_the_end(
    pipe: Option<impl Read + Send + 'static>,
    limit: u64,
) -> io::Result<Receiver<Vec<u8>>> {
    let (sender, receiver) = mpsc::channel();
    let read = move || {
        let mut bytes = Vec::new();
        let _ = pipe.map(|pipe| pipe.take(limit).read_to_end(&mut bytes));
        // Whoever asked may have given up.
        let _ = sender.send(bytes);
    };
    thread::Builder::new().spawn(read)?;
    Ok(receiver)
}
