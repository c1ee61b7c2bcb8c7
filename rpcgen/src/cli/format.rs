//! [`Format`]: how findings and changed files are printed.

pub(super) mod github;
mod json;

use std::path::Path;

use clap::ValueEnum;

use super::print::{self, print_line};
use crate::Error;

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Format {
    /// Text for people; findings go to stderr
    Text,
    /// A JSON object per line on stdout, the summary last
    Json,
    /// Workflow commands on stdout, which GitHub shows as annotations
    Github,
}

/// A change of a generated file: one that was made, or one that is needed.
pub(super) struct FileChange<'a> {
    pub(super) path: &'a Path,
    /// The change in one word: `wrote`, `removed`, or a printed [`crate::Change`].
    pub(super) word: &'static str,
}

impl Format {
    /// Prints why the command failed.
    pub(super) fn failure(self, init: &Path, error: &Error) {
        match self {
            Self::Text => print::failure(error),
            Self::Json => json::failure(init, error)
                .iter()
                .for_each(|line| print_line(line)),
            Self::Github => github::failure(error)
                .iter()
                .for_each(|line| print_line(line)),
        }
    }

    /// Prints that the file has no findings.
    pub(super) fn success(self, init: &Path) {
        if self == Self::Json {
            print_line(&json::success(init));
        }
    }

    /// Prints which files were written and removed.
    pub(super) fn written(self, init: &Path, files: &[FileChange<'_>]) {
        match self {
            Self::Text | Self::Github => files.iter().for_each(print_change),
            Self::Json => print_line(&json::files(init, files)),
        }
    }

    /// Prints which files are not up to date.
    pub(super) fn different(self, init: &Path, files: &[FileChange<'_>]) {
        match self {
            Self::Text => files.iter().for_each(print_change),
            Self::Json => print_line(&json::files(init, files)),
            Self::Github => files
                .iter()
                .for_each(|change| print_line(&github::difference(change))),
        }
    }
}

fn print_change(change: &FileChange<'_>) {
    print_line(&format!("{} {}", change.word, change.path.display()));
}
