//! [`Witness`]: a file in which a procedure notes each of its runs.

use std::collections::BTreeMap;
use std::path::PathBuf;

use tempfile::TempDir;

/// A file in which a procedure notes the number that it is called with.
pub struct Witness {
    folder: TempDir,
}

impl Witness {
    pub fn new() -> Self {
        Self {
            folder: tempfile::tempdir().expect("a temporary folder"),
        }
    }

    fn path(&self) -> PathBuf {
        self.folder.path().join("runs")
    }

    /// Returns the source of `def <name>(number)`, which notes its run and returns the number.
    pub fn source(&self, name: &str) -> String {
        self.source_with(name, "str(number)")
    }

    /// Returns the source of `def <name>(number)`, which notes this expression of its run and
    /// returns the number. A note is written at once.
    pub fn source_with(&self, name: &str, note: &str) -> String {
        let path = self.path();
        let path = path.to_str().expect("text");
        format!(
            "import os\n\ndef {name}(number):\n    \
             file = os.open({path:?}, os.O_WRONLY | os.O_APPEND | os.O_CREAT)\n    \
             os.write(file, ({note} + \"\\n\").encode())\n    os.close(file)\n    return number\n"
        )
    }

    /// Returns how often the procedure has run with each number.
    pub fn runs(&self) -> BTreeMap<i64, usize> {
        let text = std::fs::read_to_string(self.path()).unwrap_or_default();
        let mut runs = BTreeMap::new();
        for line in text.lines() {
            *runs.entry(line.parse().expect("a number")).or_default() += 1;
        }
        runs
    }
}
