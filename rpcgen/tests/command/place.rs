//! A folder to run the command in.

use std::fs;
use std::path::Path;
use std::process::Command;

use tempfile::TempDir;

/// A good file, whose sources are not there.
pub const INIT: &str = include_str!("../goldens/tenant/init.yaml");

/// A folder with an `init.yaml`, in which the command is run.
pub struct Place(TempDir);

/// What a run left behind.
pub struct Run {
    pub code: i32,
    pub stdout: String,
    pub stderr: String,
}

impl Place {
    pub fn new(init: &str) -> Self {
        let place = Self(tempfile::tempdir().expect("a folder"));
        place.write("init.yaml", init);
        place
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
        let output = Command::new(env!("CARGO_BIN_EXE_rpcgen"))
            .args(arguments.split_whitespace())
            .current_dir(self.path())
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
    /// Holds the run against an exit code, the whole of stdout, and the beginning of stderr.
    pub fn check(&self, code: i32, stdout: &str, stderr: &str) {
        let Self {
            code: got,
            stdout: out,
            stderr: err,
        } = self;
        assert_eq!((*got, out.as_str()), (code, stdout), "{err}");
        assert!(
            err.starts_with(stderr) && (stderr.is_empty() == err.is_empty()),
            "{err}"
        );
    }
}
