//! [`Finished`]: the result of a program that has ended.

use std::process::{Child, Command, Output, Stdio};

use serde_json::Value;

use super::process::wait_with_watchdog;

/// The output and the exit status of a program that has ended.
#[derive(Debug)]
pub struct Finished {
    pub status: i32,
    pub stdout: String,
    pub stderr: String,
}

/// Starts a program. [`finish`] returns its output.
pub fn begin(command: Command) -> Child {
    begin_with_stdout(command, Stdio::piped())
}

/// Starts a program that writes its results to `stdout`. [`finish`] returns what it wrote to stderr.
pub fn begin_with_stdout(mut command: Command, stdout: Stdio) -> Child {
    command
        .stdin(Stdio::null())
        .stdout(stdout)
        .stderr(Stdio::piped())
        .spawn()
        .expect("a program that runs")
}

/// Waits for the end of a program from [`begin`]. Kills it after [`PATIENCE`](super::PATIENCE).
pub fn finish(program: Child) -> Finished {
    wait_with_watchdog(program.id(), || program.wait_with_output())
        .expect("its end")
        .into()
}

impl From<Output> for Finished {
    fn from(output: Output) -> Self {
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("UTF-8");
        Self {
            status: output.status.code().unwrap_or(-1),
            stdout: text(output.stdout),
            stderr: text(output.stderr),
        }
    }
}

impl Finished {
    /// Asserts that the exit status is 0.
    #[track_caller]
    pub fn succeeds(self) -> Self {
        self.ends(0)
    }

    /// Asserts the exit status.
    #[track_caller]
    pub fn ends(self, status: i32) -> Self {
        assert_eq!(self.status, status, "{}{}", self.stdout, self.stderr);
        self
    }

    /// Returns the JSON lines on stdout.
    #[track_caller]
    pub fn json_lines(&self) -> Vec<Value> {
        let parse =
            |line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"));
        self.stdout.lines().map(parse).collect()
    }

    /// Returns the last JSON line on stdout.
    #[track_caller]
    pub fn summary(&self) -> Value {
        self.json_lines()
            .pop()
            .unwrap_or_else(|| panic!("no line: {self:#?}"))
    }

    /// Asserts that neither stdout nor stderr contains a text.
    #[track_caller]
    pub fn never_says(self, text: &str) -> Self {
        assert!(
            !self.stdout.contains(text) && !self.stderr.contains(text),
            "{text:?} must not be printed:\n{self:#?}"
        );
        self
    }

    /// Asserts that stdout or stderr contains a text.
    #[track_caller]
    pub fn says(self, text: &str) -> Self {
        assert!(
            self.stdout.contains(text) || self.stderr.contains(text),
            "{text:?} is missing:\n{self:#?}"
        );
        self
    }
}
