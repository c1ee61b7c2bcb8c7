//! [`Format`]: how it is printed what was found and what was done.

pub(super) mod github;
mod json;

use std::path::Path;

use clap::ValueEnum;

use super::print::{self, say_line};
use crate::Error;

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Format {
    /// For people: findings are drawn on stderr
    Text,
    /// A JSON object per line on stdout, the summary last
    Json,
    /// Workflow commands on stdout, which GitHub shows beside the lines of a change
    Github,
}

/// What became of a file that is generated, or would become of it.
pub(super) struct Told<'a> {
    pub(super) path: &'a Path,
    /// In one word: `wrote`, `removed`, or as [`crate::Change`] is printed.
    pub(super) word: &'static str,
}

impl Format {
    /// Tells why nothing was done with the network's file.
    pub(super) fn failure(self, init: &Path, error: &Error) {
        match self {
            Self::Text => print::failure(error),
            Self::Json => json::failure(init, error)
                .iter()
                .for_each(|line| say_line(line)),
            Self::Github => github::failure(error)
                .iter()
                .for_each(|line| say_line(line)),
        }
    }

    /// Tells that nothing is wrong with it.
    pub(super) fn success(self, init: &Path) {
        if self == Self::Json {
            say_line(&json::success(init));
        }
    }

    /// Tells what was written and removed.
    pub(super) fn written(self, init: &Path, files: &[Told<'_>]) {
        match self {
            Self::Text | Self::Github => files.iter().for_each(say_told),
            Self::Json => say_line(&json::files(init, files)),
        }
    }

    /// Tells what would be.
    pub(super) fn different(self, init: &Path, files: &[Told<'_>]) {
        match self {
            Self::Text => files.iter().for_each(say_told),
            Self::Json => say_line(&json::files(init, files)),
            Self::Github => files
                .iter()
                .for_each(|told| say_line(&github::difference(told))),
        }
    }
}

fn say_told(told: &Told<'_>) {
    say_line(&format!("{} {}", told.word, told.path.display()));
}
