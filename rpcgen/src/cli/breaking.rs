//! `rpcgen breaking`: what a change of the file breaks, and for which clients.

mod print;

use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use rpc_schema::breaking::{Contract, compare};
use rpc_schema::{Document, Report};

use super::format::Format;
use super::print::print_stderr;
use super::{DIFFERENT, FAILED, WRONG_USAGE};
use crate::Error;

/// Which files to compare, and how to print the changes.
#[derive(Debug, clap::Args)]
pub(super) struct Options {
    /// The file before and after the change; with --against only the file after it
    #[arg(value_name = "init.yaml", required = true, num_args = 1..=2)]
    files: Vec<PathBuf>,
    /// Compare with the file in this git revision
    #[arg(long, value_name = "GITREV")]
    against: Option<String>,
    /// Output format
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    format: Format,
    /// The same as --format json
    #[arg(long, conflicts_with = "format")]
    json: bool,
}

pub(super) fn breaking(options: &Options) -> ExitCode {
    let format = if options.json {
        Format::Json
    } else {
        options.format
    };
    let documents = match (options.files.as_slice(), &options.against) {
        ([old, new], None) => {
            rpc_schema::load(old).and_then(|old| Ok((old, rpc_schema::load(new)?)))
        }
        ([new], Some(revision)) => match read_revision(new, revision) {
            Ok(text) => {
                let shown = format!("{revision}:{}", new.display());
                // The path of a base begins like `shown`: with the revision.
                let read = |base: &Path| {
                    let shown = base.to_string_lossy();
                    let path = shown
                        .strip_prefix(&format!("{revision}:"))
                        .unwrap_or(&shown);
                    read_revision(Path::new(path), revision)
                };
                let old = rpc_schema::parse_with(Path::new(&shown), &text, read);
                old.and_then(|old| Ok((old, rpc_schema::load(new)?)))
            }
            Err(message) => return failed(&message, FAILED),
        },
        _ => {
            return failed(
                "expected two files, or one file and `--against`; see `rpcgen breaking --help`",
                WRONG_USAGE,
            );
        }
    };
    match documents {
        Ok((old, new)) => print_changes(&old, &new, format),
        Err(report) => print_findings(report, format),
    }
}

fn print_changes(old: &Document, new: &Document, format: Format) -> ExitCode {
    let changes = compare(&Contract::of(&old.schema), &Contract::of(&new.schema));
    match format {
        Format::Text => print::as_text(&changes),
        Format::Json => print::as_json(&changes),
        Format::Github => print::as_commands(&changes, new),
    }
    let breaks = changes.iter().any(|change| change.effect.is_breaking());
    if breaks {
        ExitCode::from(DIFFERENT)
    } else {
        ExitCode::SUCCESS
    }
}

fn print_findings(report: Report, format: Format) -> ExitCode {
    let path = report.path.clone();
    format.failure(&path, &Error::from(report));
    ExitCode::from(FAILED)
}

fn failed(message: &str, code: u8) -> ExitCode {
    print_stderr(&format!("error: {message}"));
    ExitCode::from(code)
}

/// Reads the text of a file in a git revision.
fn read_revision(file: &Path, revision: &str) -> Result<String, String> {
    let folder = file
        .parent()
        .filter(|folder| *folder != Path::new(""))
        .unwrap_or(Path::new("."));
    let name = file
        .file_name()
        .unwrap_or(file.as_os_str())
        .to_string_lossy();
    if revision.starts_with('-') {
        return Err(format!("invalid git revision `{revision}`"));
    }
    let output = git()
        .arg("-C")
        .arg(folder)
        .args(["cat-file", "blob", &format!("{revision}:./{name}")])
        .output();
    let output = output.map_err(|error| format!("cannot run git: {error}"))?;
    if !output.status.success() {
        let stderr = String::from_utf8_lossy(&output.stderr);
        let line = stderr
            .lines()
            .next()
            .unwrap_or_default()
            .trim_start_matches("fatal: ")
            .to_owned();
        return Err(format!("git cannot show `{name}` of `{revision}`: {line}"));
    }
    String::from_utf8(output.stdout).map_err(|_| format!("`{revision}:{name}` is not UTF-8 text"))
}

/// Variables that name a repository, or what belongs to one. Git sets them for its hooks and for
/// the commands of `rebase --exec`. They may mean another repository than that of the file.
/// `git rev-parse --local-env-vars` lists them, beside settings, which stay.
const LOCAL_VARIABLES: [&str; 14] = [
    "GIT_ALTERNATE_OBJECT_DIRECTORIES",
    "GIT_COMMON_DIR",
    "GIT_DIR",
    "GIT_GRAFT_FILE",
    "GIT_IMPLICIT_WORK_TREE",
    "GIT_INDEX_FILE",
    "GIT_INTERNAL_SUPER_PREFIX",
    "GIT_NAMESPACE",
    "GIT_NO_REPLACE_OBJECTS",
    "GIT_OBJECT_DIRECTORY",
    "GIT_PREFIX",
    "GIT_REPLACE_REF_BASE",
    "GIT_SHALLOW_FILE",
    "GIT_WORK_TREE",
];

/// Returns the command `git`, which finds the repository by the folder alone.
fn git() -> Command {
    let mut git = Command::new("git");
    for variable in LOCAL_VARIABLES {
        git.env_remove(variable);
    }
    git
}
