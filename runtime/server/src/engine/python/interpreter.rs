//! [`Interpreter`]: the Python that runs procedures. Python is asked about itself once.

use std::io;
use std::process::{Command, Output, Stdio};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Pid, PidfdFlags, pidfd_open};
use serde::Deserialize;

/// The oldest version of Python that can be the zygote.
const MIN_VERSION: (u32, u32) = (3, 9);

/// The first version with `-P`.
const VERSION_OF_SAFE_PATH: (u32, u32) = (3, 11);

/// A program that prints the fields of an [`Interpreter`]. `python3` may be a launcher;
/// `sys.executable` is the program that it launches. The working folder, which `-c` puts in front
/// of the path, is removed before anything is imported.
const QUESTION: &str = "import sys; sys.path[:] = sys.path[sys.path[:1] == ['']:]; import json; \
     print(json.dumps({'executable': sys.executable, 'path': sys.path, \
     'version': list(sys.version_info[:3])}))";

/// Maximum time for the answer.
const ANSWER_TIMEOUT: Timespec = Timespec {
    tv_sec: 10,
    tv_nsec: 0,
};

/// What a Python said about itself.
#[derive(Debug, Clone, Deserialize)]
pub struct Interpreter {
    /// The path of the program.
    pub executable: String,
    /// The folders in which it finds modules.
    pub path: Vec<String>,
    version: (u32, u32, u32),
}

impl Interpreter {
    /// Asks the Python with that path or name. Blocks until it has answered.
    ///
    /// # Errors
    /// Returns an error if the program cannot be started, is not Python, or is too old.
    pub fn resolve(python: &str) -> Result<Self, String> {
        let output = ask(python).map_err(|error| {
            format!("cannot start Python as `{python}`: {error}; name another with --python")
        })?;
        if !output.status.success() {
            let stderr = String::from_utf8_lossy(&output.stderr);
            let last_line = stderr.trim().lines().last().unwrap_or_default();
            return Err(format!(
                "`{python}` is not a usable Python ({}): {last_line}",
                output.status
            ));
        }
        let interpreter: Self = serde_json::from_slice(&output.stdout)
            .map_err(|error| format!("`{python}` does not behave like Python: {error}"))?;
        let (major, minor, _) = interpreter.version;
        if (major, minor) < MIN_VERSION {
            let (min_major, min_minor) = MIN_VERSION;
            return Err(format!(
                "`{python}` is Python {major}.{minor}, and {min_major}.{min_minor} or newer is needed"
            ));
        }
        Ok(interpreter)
    }

    /// Returns the flags of the zygote, which the processes that workers start with
    /// `multiprocessing` inherit. They write no bytecode, and do not search the working folder.
    pub(super) fn zygote_flags(&self) -> &'static [&'static str] {
        let (major, minor, _) = self.version;
        if (major, minor) < VERSION_OF_SAFE_PATH {
            &["-B"]
        } else {
            &["-B", "-P"]
        }
    }

    /// Returns the version, such as `3.11.7`.
    pub fn version(&self) -> String {
        let (major, minor, patch) = self.version;
        format!("{major}.{minor}.{patch}")
    }
}

/// Runs [`QUESTION`] with a Python. Kills it after [`ANSWER_TIMEOUT`].
fn ask(python: &str) -> io::Result<Output> {
    let mut child = Command::new(python)
        .args(["-c", QUESTION])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()?;
    let ended = pidfd_open(Pid::from_child(&child), PidfdFlags::empty())?;
    if poll(
        &mut [PollFd::new(&ended, PollFlags::IN)],
        Some(&ANSWER_TIMEOUT),
    )? == 0
    {
        child.kill()?;
        child.wait()?;
        return Err(io::Error::new(
            io::ErrorKind::TimedOut,
            "it did not answer within 10 s",
        ));
    }
    child.wait_with_output()
}
