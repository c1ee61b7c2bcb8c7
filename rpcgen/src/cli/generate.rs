//! `rpcgen init.yaml --out DIR`: writes the stubs, or with `--check` compares them with the file.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use super::format::{FileChange, Format};
use super::print::print_stderr;
use super::{DIFFERENT, FAILED};
use crate::output::single;
use crate::pipeline::generate_for;
use crate::target::Target;
use crate::{Change, Error, OutdatedFile, OutputFolder};

/// What to generate, and where.
pub(super) struct Options {
    pub(super) init: PathBuf,
    pub(super) out: PathBuf,
    pub(super) target: Target,
    /// Whether to compare the folder only, and write nothing.
    pub(super) check: bool,
    pub(super) format: Format,
}

impl Options {
    pub(super) fn run(&self) -> ExitCode {
        match self.differences() {
            Ok(differences) if self.check => {
                report_differences(self.format, &self.init, &differences)
            }
            Ok(differences) => report_written(self.format, &self.init, &differences),
            Err(error) => {
                self.format.failure(&self.init, &error);
                ExitCode::from(FAILED)
            }
        }
    }

    fn differences(&self) -> Result<Vec<OutdatedFile>, Error> {
        let files = generate_for(&self.init, &self.target)?;
        let folder = OutputFolder::new(&self.out);
        if self.check {
            folder.compare(&files)
        } else {
            folder.update(&files)
        }
    }
}

/// Writes a text to a file outside of the stubs' folder. With `check` it only reports whether the
/// file differs. `mark` is the beginning of the text, which marks the file as generated.
pub(super) fn write_or_compare(
    format: Format,
    init: &Path,
    file: &Path,
    mark: &str,
    text: &str,
    check: bool,
) -> Result<ExitCode, Error> {
    Ok(if check {
        report_differences(format, init, single::compare(file, mark, text)?.as_slice())
    } else {
        report_written(format, init, single::update(file, mark, text)?.as_slice())
    })
}

/// Reports which files were written and removed.
fn report_written(format: Format, init: &Path, differences: &[OutdatedFile]) -> ExitCode {
    let word = |change| {
        if change == Change::Stale {
            "removed"
        } else {
            "wrote"
        }
    };
    format.written(init, &file_changes(differences, word));
    ExitCode::SUCCESS
}

/// Reports which files are not up to date.
fn report_differences(format: Format, init: &Path, differences: &[OutdatedFile]) -> ExitCode {
    format.different(init, &file_changes(differences, Change::word));
    if differences.is_empty() {
        return ExitCode::SUCCESS;
    }
    if format == Format::Text {
        let count = count(differences.len());
        print_stderr(&format!(
            "{count} not up to date; run the same command without `--check` to update"
        ));
    }
    ExitCode::from(DIFFERENT)
}

fn file_changes(
    differences: &[OutdatedFile],
    word: fn(Change) -> &'static str,
) -> Vec<FileChange<'_>> {
    differences
        .iter()
        .map(|difference| FileChange {
            path: &difference.path,
            word: word(difference.change),
        })
        .collect()
}

fn count(files: usize) -> String {
    if files == 1 {
        "1 file is".to_owned()
    } else {
        format!("{files} files are")
    }
}
