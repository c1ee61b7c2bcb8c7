//! [`read_all`]: files shared out among Python processes, and what becomes of a file that none of
//! them finishes.
//!
//! ```text
//! share --request--> process --greeting, one answer per file--> findings
//!   ^                   |
//!   +-- files behind ---+ it hung, ended or told nonsense at a file: a finding there, and another process
//! ```

use std::io;
use std::panic;
use std::thread;
use std::time::{Duration, Instant};

use rpc_schema::diagnostic::MAX_FINDINGS;

use crate::finding::{Answer, Found};
use crate::python::{Failure, Process, Python, Unavailable};
use crate::request::{File, Work};

/// Has as many processes as `count` read all files.
pub(crate) fn read_all(
    work: &Work<'_>,
    python: &Python<'_>,
    count: usize,
) -> Result<Vec<Found>, Unavailable> {
    let deadline = Instant::now() + python.limits.time;
    let shares = work.shares(count);
    let start = |files: &Vec<&File<'_>>| python.start(work.request(files));
    let processes = shares.iter().map(start).collect::<io::Result<Vec<_>>>();
    let processes = processes.map_err(|error| python.not_started(&error))?;
    thread::scope(|scope| {
        let readers = shares.iter().zip(processes).map(|(files, process)| {
            let share = Share {
                work,
                python,
                files,
                deadline,
            };
            thread::Builder::new().spawn_scoped(scope, move || share.read(process))
        });
        let readers = readers.collect::<io::Result<Vec<_>>>();
        let readers = readers.map_err(|error| python.not_started(&error))?;
        let found = readers
            .into_iter()
            .map(|reader| reader.join().unwrap_or_else(|e| panic::resume_unwind(e)));
        Ok(found
            .collect::<Result<Vec<_>, _>>()?
            .into_iter()
            .flatten()
            .collect())
    })
}

/// The files of one process.
struct Share<'s, 'd> {
    work: &'s Work<'d>,
    python: &'s Python<'s>,
    files: &'s [&'s File<'d>],
    deadline: Instant,
}

/// Why a process answers no more.
enum Stop {
    /// It is of this version.
    TooOld(String),
    /// It was never ready to read: another would not be, either.
    NotReady(Failure),
    /// It was reading a file.
    Reading(Failure),
}

impl<'s, 'd> Share<'s, 'd> {
    /// What is found in all files. Behind one that its process does not finish, another goes on.
    fn read(&self, process: Process) -> Result<Vec<Found>, Unavailable> {
        let mut found = Vec::new();
        let mut left = self.files;
        let mut process = Ok(process);
        while let Err(stop) = self.hear(process, &mut left, &mut found) {
            let Some((file, behind)) = left.split_first() else {
                break;
            };
            let goes_on = matches!(stop, Stop::Reading(_)) && Instant::now() < self.deadline;
            let message = match stop {
                Stop::TooOld(version) => return Err(self.python.too_old(&version)),
                Stop::NotReady(failure) => self.words(&failure, "before it read", file),
                Stop::Reading(failure) => self.words(&failure, "while it was reading", file),
            };
            let unread = if goes_on { 0 } else { behind.len() };
            found.push(Found::unfinished(file.place(), message, unread));
            if !goes_on || behind.is_empty() {
                break;
            }
            left = behind;
            process = self.python.start(self.work.request(left));
        }
        Ok(found)
    }

    /// Hears a process about `left`, which loses what is answered.
    fn hear(
        &self,
        process: io::Result<Process>,
        left: &mut &'s [&'s File<'d>],
        found: &mut Vec<Found>,
    ) -> Result<(), Stop> {
        let mut process =
            process.map_err(|error| Stop::NotReady(Failure::Ended(error.to_string())))?;
        if let Some(version) = process.greet(self.deadline).map_err(Stop::NotReady)? {
            return Err(Stop::TooOld(version));
        }
        while let Some((_, behind)) = left.split_first()
            && found.len() < MAX_FINDINGS
        {
            let answer: Answer = process.hear(self.patience()).map_err(Stop::Reading)?;
            found.extend(answer.findings);
            *left = behind;
        }
        Ok(())
    }

    /// Until when an answer about a file is waited for.
    fn patience(&self) -> Instant {
        self.deadline
            .min(Instant::now() + self.python.limits.file_time)
    }

    /// How a process failed, in words.
    fn words(&self, failure: &Failure, when: &str, file: &File<'_>) -> String {
        let (python, path) = (self.python.name.display(), file.path);
        match failure {
            Failure::Slow => {
                format!(
                    "`{python}` did not finish reading `{path}` within {:?}",
                    self.time_spent()
                )
            }
            Failure::Ended(how) => format!("`{python}` ended {when} `{path}` ({how})"),
            Failure::Oversized => {
                let limit = self.python.limits.answer_bytes;
                format!("`{python}` answered with more than {limit} bytes {when} `{path}`")
            }
            Failure::Garbled => format!("`{python}` did not answer as Python does {when} `{path}`"),
        }
    }

    /// The limit that a slow process came to.
    fn time_spent(&self) -> Duration {
        let limits = &self.python.limits;
        if Instant::now() < self.deadline {
            limits.file_time
        } else {
            limits.time
        }
    }
}
