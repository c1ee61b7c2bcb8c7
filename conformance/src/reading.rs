//! [`read_all`]: shares files among Python processes, and handles files that a process does not
//! finish.
//!
//! ```text
//! share --request--> process --greeting, one answer per file--> findings
//!   ^                   |
//!   +- remaining files -+ it failed at a file: a finding there, and another process
//! ```

use std::io;
use std::panic;
use std::thread;
use std::time::{Duration, Instant};

use rpc_schema::diagnostic::MAX_FINDINGS;

use crate::finding::{FileAnswer, SourceFinding};
use crate::python::{Interpreter, Process, ProcessFailure, PythonUnavailable};
use crate::request::{SourceFile, Workload};

/// Reads all files with `count` processes.
pub(crate) fn read_all(
    workload: &Workload<'_>,
    python: &Interpreter<'_>,
    count: usize,
) -> Result<Vec<SourceFinding>, PythonUnavailable> {
    let deadline = Instant::now() + python.limits.time;
    let shares = workload.shares(count);
    let start = |files: &Vec<&SourceFile<'_>>| python.start(workload.request(files));
    let processes = shares.iter().map(start).collect::<io::Result<Vec<_>>>();
    let processes = processes.map_err(|error| python.not_started(&error))?;
    thread::scope(|scope| {
        let readers = shares.iter().zip(processes).map(|(files, process)| {
            let share = Share {
                workload,
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
    workload: &'s Workload<'d>,
    python: &'s Interpreter<'s>,
    files: &'s [&'s SourceFile<'d>],
    deadline: Instant,
}

/// Why a process gives no further answers.
enum StopReason {
    /// It is a Python of this version, which is too old.
    TooOld(String),
    /// It was never ready to read. Another process would fail in the same way.
    NotReady(ProcessFailure),
    /// It failed while it was reading a file.
    Reading(ProcessFailure),
}

impl<'s, 'd> Share<'s, 'd> {
    /// Reads all files of the share. If a process does not finish a file, another process reads the
    /// files after it.
    fn read(&self, process: Process) -> Result<Vec<SourceFinding>, PythonUnavailable> {
        let mut found = Vec::new();
        let mut unread = self.files;
        let mut process = Ok(process);
        while let Err(reason) = self.receive_answers(process, &mut unread, &mut found) {
            let Some((file, following)) = unread.split_first() else {
                break;
            };
            let can_continue =
                matches!(reason, StopReason::Reading(_)) && Instant::now() < self.deadline;
            let message = match reason {
                StopReason::TooOld(version) => return Err(self.python.too_old(&version)),
                StopReason::NotReady(failure) => self.describe(&failure, "before it read", file),
                StopReason::Reading(failure) => {
                    self.describe(&failure, "while it was reading", file)
                }
            };
            let skipped = if can_continue { 0 } else { following.len() };
            found.push(SourceFinding::unfinished(file.place(), message, skipped));
            if !can_continue || following.is_empty() {
                break;
            }
            unread = following;
            process = self.python.start(self.workload.request(unread));
        }
        Ok(found)
    }

    /// Receives the answers of a process about the unread files. Every answered file is removed
    /// from `unread`.
    fn receive_answers(
        &self,
        process: io::Result<Process>,
        unread: &mut &'s [&'s SourceFile<'d>],
        found: &mut Vec<SourceFinding>,
    ) -> Result<(), StopReason> {
        let mut process = process
            .map_err(|error| StopReason::NotReady(ProcessFailure::Ended(error.to_string())))?;
        if let Some(version) = process
            .receive_greeting(self.deadline)
            .map_err(StopReason::NotReady)?
        {
            return Err(StopReason::TooOld(version));
        }
        while let Some((_, following)) = unread.split_first()
            && found.len() < MAX_FINDINGS
        {
            let answer: FileAnswer = process
                .receive(self.answer_deadline())
                .map_err(StopReason::Reading)?;
            found.extend(answer.findings);
            *unread = following;
        }
        Ok(())
    }

    /// Returns the time until which the next answer must arrive.
    fn answer_deadline(&self) -> Instant {
        self.deadline
            .min(Instant::now() + self.python.limits.file_time)
    }

    /// Describes the failure of a process.
    fn describe(&self, failure: &ProcessFailure, when: &str, file: &SourceFile<'_>) -> String {
        let python = self.python.name.display();
        let path = file.path;
        match failure {
            ProcessFailure::Slow => {
                format!(
                    "`{python}` did not finish reading `{path}` within {:?}",
                    self.exceeded_limit()
                )
            }
            ProcessFailure::Ended(how) => format!("`{python}` ended {when} `{path}` ({how})"),
            ProcessFailure::Oversized => {
                let limit = self.python.limits.answer_bytes;
                format!("`{python}` answered with more than {limit} bytes {when} `{path}`")
            }
            ProcessFailure::Garbled => {
                format!("`{python}` sent an invalid answer {when} `{path}`")
            }
        }
    }

    /// Returns the time limit that a slow process has exceeded.
    fn exceeded_limit(&self) -> Duration {
        let limits = &self.python.limits;
        if Instant::now() < self.deadline {
            limits.file_time
        } else {
            limits.time
        }
    }
}
