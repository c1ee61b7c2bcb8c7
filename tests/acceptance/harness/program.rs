//! [`Finished`]: a program that ran to its end.

use std::process::{Child, Command, Output, Stdio};

use serde_json::Value;

use super::process::watched;

/// What a program printed, and how it ended.
#[derive(Debug)]
pub struct Finished {
    pub status: i32,
    pub stdout: String,
    pub stderr: String,
}

/// Begins a program whose output [`finish`] returns.
pub fn begin(mut command: Command) -> Child {
    command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("a program that runs")
}

/// Waits for a program's end, and kills it when that takes too long. Both of its streams are piped.
pub fn finish(program: Child) -> Finished {
    watched(program.id(), || program.wait_with_output())
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
    /// Asserts that it ended well.
    #[track_caller]
    pub fn succeeds(self) -> Self {
        self.ends(0)
    }

    /// Asserts its exit status.
    #[track_caller]
    pub fn ends(self, status: i32) -> Self {
        assert_eq!(self.status, status, "{}{}", self.stdout, self.stderr);
        self
    }

    /// The JSON lines on stdout.
    #[track_caller]
    pub fn json_lines(&self) -> Vec<Value> {
        let parse =
            |line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"));
        self.stdout.lines().map(parse).collect()
    }

    /// The last JSON line on stdout.
    #[track_caller]
    pub fn summary(&self) -> Value {
        self.json_lines()
            .pop()
            .unwrap_or_else(|| panic!("no line: {self:#?}"))
    }

    /// Asserts that it did not print this, to either stream.
    #[track_caller]
    pub fn never_says(self, text: &str) -> Self {
        assert!(
            !self.stdout.contains(text) && !self.stderr.contains(text),
            "{text}\n{self:#?}"
        );
        self
    }

    /// Asserts that it printed this, to either stream.
    #[track_caller]
    pub fn says(self, text: &str) -> Self {
        assert!(
            self.stdout.contains(text) || self.stderr.contains(text),
            "{text}\n{self:#?}"
        );
        self
    }
}
