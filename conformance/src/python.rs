//! [`Python`]: processes that are asked once each, within limits.

use std::io::{self, Read, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::thread;
use std::time::{Duration, Instant};

use serde::Deserialize;
use serde::de::DeserializeOwned;

/// The Python that is asked where none is named.
pub const DEFAULT_PYTHON: &str = "python3";

/// A process may answer with so many bytes.
pub const MAX_ANSWER_BYTES: u64 = 16 << 20;

/// Of what a process says on its way out, so much is read.
const MAX_LAST_WORDS_BYTES: u64 = 8 << 10;

/// A process that has ended, and not the pipe that it printed to, is listened to for so long.
const LAST_WORDS_TIME: Duration = Duration::from_millis(200);

/// Reads a request with its program from stdin, and prints the answer.
const START: &str = include_str!("../python/start.py");

/// There was no Python to check with, or it did not do its work.
#[derive(Debug, thiserror::Error)]
#[error("`{}` {why}: the sources were not held against their signatures", python.display())]
pub struct Unavailable {
    python: PathBuf,
    why: String,
}

/// What is granted to all processes together, or to each.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limits {
    /// How long all of them may take.
    pub(crate) time: Duration,
    /// How much each may answer.
    pub(crate) answer_bytes: u64,
}

/// A Python and where it works.
pub(crate) struct Python<'a> {
    name: &'a Path,
    folder: &'a Path,
    limits: Limits,
}

/// A process at work. It is killed when this is dropped.
struct Asked {
    child: Child,
    answer: Receiver<Vec<u8>>,
    last_words: Receiver<Vec<u8>>,
}

impl<'a> Python<'a> {
    /// Processes of this Python in that folder.
    pub(crate) fn new(name: &'a Path, folder: &'a Path, limits: Limits) -> Self {
        Self { name, folder, limits }
    }

    /// Has one process per request answer, all at the same time.
    pub(crate) fn ask<A: DeserializeOwned>(&self, requests: Vec<Vec<u8>>) -> Result<Vec<A>, Unavailable> {
        let deadline = Instant::now() + self.limits.time;
        let asked = requests.into_iter().map(|request| self.start(request));
        let asked = asked.collect::<io::Result<Vec<_>>>().map_err(|error| self.not_started(&error))?;
        asked.into_iter().map(|process| self.hear(process, deadline)).collect()
    }

    fn start(&self, request: Vec<u8>) -> io::Result<Asked> {
        let mut child = Command::new(self.program()?)
            .args(["-I", "-S", "-c", START])
            .current_dir(self.folder)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()?;
        let (stdin, stdout, stderr) = (child.stdin.take(), child.stdout.take(), child.stderr.take());
        let asked = Asked {
            child,
            answer: listen(stdout, self.limits.answer_bytes + 1)?,
            last_words: listen(stderr, MAX_LAST_WORDS_BYTES)?,
        };
        // A process that does not read its request says so by its answer.
        let write = move || stdin.map(|mut stdin| stdin.write_all(&request));
        thread::Builder::new().spawn(write)?;
        Ok(asked)
    }

    /// The program, found from any folder.
    fn program(&self) -> io::Result<PathBuf> {
        if self.name.components().count() > 1 {
            std::path::absolute(self.name)
        } else {
            Ok(self.name.to_owned())
        }
    }

    fn hear<A: DeserializeOwned>(&self, mut process: Asked, deadline: Instant) -> Result<A, Unavailable> {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Said<A> {
            #[serde(rename_all = "kebab-case")]
            TooOld {
                too_old: String,
            },
            Answer(A),
        }
        let left = deadline.saturating_duration_since(Instant::now());
        let Ok(answer) = process.answer.recv_timeout(left) else {
            return Err(self.unavailable(format!("did not answer within {:?}", self.limits.time)));
        };
        if answer.len() as u64 > self.limits.answer_bytes {
            return Err(
                self.unavailable(format!("answered with more than {} bytes", self.limits.answer_bytes))
            );
        }
        match serde_json::from_slice(&answer) {
            Ok(Said::Answer(answer)) => Ok(answer),
            Ok(Said::TooOld { too_old }) => {
                Err(self.unavailable(format!("is Python {too_old}, and 3.9 or newer is needed")))
            }
            Err(_) => Err(self.unavailable(process.why_not())),
        }
    }

    fn not_started(&self, error: &io::Error) -> Unavailable {
        match error.kind() {
            io::ErrorKind::NotFound => self.unavailable("was not found".to_owned()),
            _ => self.unavailable(format!("cannot be started ({error})")),
        }
    }

    fn unavailable(&self, why: String) -> Unavailable {
        Unavailable { python: self.name.to_owned(), why }
    }
}

impl Asked {
    /// Why there is no answer, in words. Ends the process.
    fn why_not(&mut self) -> String {
        // It has closed its output: what it ends with is decided, or it does not end by itself.
        let _ = self.child.kill();
        let status = match self.child.wait() {
            Ok(status) if status.success() => return "does not answer as Python does".to_owned(),
            Ok(status) => status.to_string(),
            Err(error) => error.to_string(),
        };
        let words = self.last_words.recv_timeout(LAST_WORDS_TIME).unwrap_or_default();
        match String::from_utf8_lossy(&words).trim().lines().last() {
            Some(last) => format!("broke off ({status}; {last})"),
            None => format!("broke off ({status})"),
        }
    }
}

impl Drop for Asked {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Reads a pipe to its end or its limit, and closes it, in a thread that lives as long as the pipe.
fn listen(pipe: Option<impl Read + Send + 'static>, limit: u64) -> io::Result<Receiver<Vec<u8>>> {
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
