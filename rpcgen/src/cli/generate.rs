//! `rpcgen init.yaml --out DIR`: the stubs are brought up to date, or with `--check` held against the file.

use std::path::PathBuf;
use std::process::ExitCode;

use super::DIFFERENT;
use super::print::{complain, say};
use crate::{Change, Difference, Error, Folder, generate};

/// What to generate, and where.
pub(super) struct Order {
    pub(super) init: PathBuf,
    pub(super) out: PathBuf,
    pub(super) tenant: Option<String>,
    /// Whether the folder is only compared.
    pub(super) check: bool,
}

impl Order {
    pub(super) fn run(self) -> Result<ExitCode, Error> {
        let files = generate(&self.init, self.tenant.as_deref())?;
        let folder = Folder::new(self.out);
        Ok(if self.check { report(&folder.compare(&files)?) } else { tell(&folder.update(&files)?) })
    }
}

/// One line per file that was written or removed.
fn tell(differences: &[Difference]) -> ExitCode {
    for Difference { change, path } in differences {
        let done = if *change == Change::Stale { "removed" } else { "wrote" };
        say(&format!("{done} {}", path.display()));
    }
    ExitCode::SUCCESS
}

/// One line per file that differs.
fn report(differences: &[Difference]) -> ExitCode {
    for Difference { change, path } in differences {
        say(&format!("{change} {}", path.display()));
    }
    if differences.is_empty() {
        return ExitCode::SUCCESS;
    }
    complain(&format!(
        "{} not up to date; the same command without --check updates them",
        count(differences.len())
    ));
    ExitCode::from(DIFFERENT)
}

fn count(files: usize) -> String {
    if files == 1 { "1 file is".to_owned() } else { format!("{files} files are") }
}
