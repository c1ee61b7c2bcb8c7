//! `rpcgen init.yaml --out DIR`: the stubs are brought up to date, or with `--check` held against
//! the file.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use super::format::{Format, Told};
use super::print::complain;
use super::{DIFFERENT, FAILED};
use crate::output::single;
use crate::{Change, Difference, Error, Folder, generate};

/// What to generate, and where.
pub(super) struct Order {
    pub(super) init: PathBuf,
    pub(super) out: PathBuf,
    pub(super) tenant: Option<String>,
    /// Whether the folder is only compared.
    pub(super) check: bool,
    pub(super) format: Format,
}

impl Order {
    pub(super) fn run(&self) -> ExitCode {
        match self.differences() {
            Ok(differences) if self.check => report(self.format, &self.init, &differences),
            Ok(differences) => tell(self.format, &self.init, &differences),
            Err(error) => {
                self.format.failure(&self.init, &error);
                ExitCode::from(FAILED)
            }
        }
    }

    fn differences(&self) -> Result<Vec<Difference>, Error> {
        let files = generate(&self.init, self.tenant.as_deref())?;
        let folder = Folder::new(&self.out);
        if self.check {
            folder.compare(&files)
        } else {
            folder.update(&files)
        }
    }
}

/// Makes a file that stands by itself hold this text, or with `check` says whether it does; `mark`
/// is how it begins.
pub(super) fn bring(
    format: Format,
    init: &Path,
    file: &Path,
    mark: &str,
    text: &str,
    check: bool,
) -> Result<ExitCode, Error> {
    Ok(if check {
        report(format, init, single::compare(file, mark, text)?.as_slice())
    } else {
        tell(format, init, single::update(file, mark, text)?.as_slice())
    })
}

/// Tells what was written and removed.
fn tell(format: Format, init: &Path, differences: &[Difference]) -> ExitCode {
    let word = |change| {
        if change == Change::Stale {
            "removed"
        } else {
            "wrote"
        }
    };
    format.written(init, &each(differences, word));
    ExitCode::SUCCESS
}

/// Tells what would be.
fn report(format: Format, init: &Path, differences: &[Difference]) -> ExitCode {
    format.different(init, &each(differences, Change::word));
    if differences.is_empty() {
        return ExitCode::SUCCESS;
    }
    if format == Format::Text {
        let count = count(differences.len());
        complain(&format!(
            "{count} not up to date; the same command without --check updates them"
        ));
    }
    ExitCode::from(DIFFERENT)
}

fn each(differences: &[Difference], word: fn(Change) -> &'static str) -> Vec<Told<'_>> {
    differences
        .iter()
        .map(|found| Told {
            path: &found.path,
            word: word(found.change),
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
