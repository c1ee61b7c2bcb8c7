//! [`Interpreter`]: which Python runs, found out once.

use std::io;
use std::process::{Command, Output, Stdio};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Pid, PidfdFlags, pidfd_open};
use serde::Deserialize;

/// The oldest Python that can be the zygote.
const MIN_VERSION: (u32, u32) = (3, 9);

/// Prints what there is to know. `python3` may be a launcher; `sys.executable` is what it launches.
const QUESTION: &str = "import json, sys; print(json.dumps({'executable': sys.executable, \
     'path': sys.path[1:], 'version': list(sys.version_info[:3])}))";

/// It answers no later.
const PATIENCE: Timespec = Timespec {
    tv_sec: 10,
    tv_nsec: 0,
};

/// A Python that was asked about itself.
#[derive(Debug, Clone, Deserialize)]
pub struct Interpreter {
    /// The program itself.
    pub executable: String,
    /// Where it finds modules.
    pub path: Vec<String>,
    version: (u32, u32, u32),
}

impl Interpreter {
    /// Asks the Python of that path or name. Blocks until it has answered.
    ///
    /// # Errors
    /// That it cannot be started, does not answer as Python does, or is too old.
    pub fn resolve(python: &str) -> Result<Self, String> {
        let output = ask(python).map_err(|error| {
            format!("cannot start Python as `{python}`: {error}; name another with --python")
        })?;
        if !output.status.success() {
            let words = String::from_utf8_lossy(&output.stderr);
            let last = words.trim().lines().last().unwrap_or_default();
            return Err(format!(
                "`{python}` is no usable Python ({}): {last}",
                output.status
            ));
        }
        let interpreter: Self = serde_json::from_slice(&output.stdout)
            .map_err(|error| format!("`{python}` does not answer as Python does: {error}"))?;
        let (major, minor, _) = interpreter.version;
        if (major, minor) < MIN_VERSION {
            let (needed_major, needed_minor) = MIN_VERSION;
            return Err(format!(
                "`{python}` is Python {major}.{minor}, and {needed_major}.{needed_minor} or newer is needed"
            ));
        }
        Ok(interpreter)
    }

    /// Its version, such as `3.11.7`.
    pub fn version(&self) -> String {
        let (major, minor, patch) = self.version;
        format!("{major}.{minor}.{patch}")
    }
}

/// Asks a program what there is to know, and ends it if it takes too long.
fn ask(python: &str) -> io::Result<Output> {
    let mut child = Command::new(python)
        .args(["-c", QUESTION])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()?;
    let ended = pidfd_open(Pid::from_child(&child), PidfdFlags::empty())?;
    if poll(&mut [PollFd::new(&ended, PollFlags::IN)], Some(&PATIENCE))? == 0 {
        child.kill()?;
        child.wait()?;
        return Err(io::Error::new(
            io::ErrorKind::TimedOut,
            "it did not answer within 10 s",
        ));
    }
    child.wait_with_output()
}
