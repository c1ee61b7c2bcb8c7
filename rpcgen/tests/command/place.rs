//! A folder to run the command in.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use tempfile::TempDir;

/// A valid file, whose sources do not exist.
pub const INIT: &str = include_str!("../goldens/tenant/init.yaml");

/// A folder with an `init.yaml`, in which the command runs.
pub struct TestFolder(TempDir);

/// The exit code and the output of a run.
pub struct Run {
    pub code: i32,
    pub stdout: String,
    pub stderr: String,
}

impl TestFolder {
    pub fn new(init: &str) -> Self {
        let folder = Self(tempfile::tempdir().expect("a folder"));
        folder.write("init.yaml", init);
        folder
    }

    pub fn write(&self, name: &str, text: &str) {
        let path = self.0.path().join(name);
        fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
        fs::write(path, text).expect("written");
    }

    pub fn path(&self) -> &Path {
        self.0.path()
    }

    pub fn run(&self, arguments: &str) -> Run {
        self.run_into(arguments, Stdio::piped())
    }

    /// Runs the command with this stdout.
    pub fn run_into(&self, arguments: &str, stdout: Stdio) -> Run {
        let output = Command::new(env!("CARGO_BIN_EXE_rpcgen"))
            .args(arguments.split_whitespace())
            .current_dir(self.path())
            .stdout(stdout)
            .output()
            .expect("rpcgen runs");
        let text = |bytes| String::from_utf8(bytes).expect("text");
        let code = output.status.code().expect("an exit code");
        Run {
            code,
            stdout: text(output.stdout),
            stderr: text(output.stderr),
        }
    }
}

impl Run {
    /// Compares the run with an exit code, the whole stdout, and the beginning of stderr.
    pub fn check(&self, code: i32, stdout: &str, stderr: &str) {
        assert_eq!(
            (self.code, self.stdout.as_str()),
            (code, stdout),
            "{}",
            self.stderr
        );
        assert!(
            self.stderr.starts_with(stderr) && (stderr.is_empty() == self.stderr.is_empty()),
            "{}",
            self.stderr
        );
    }
}
