//! [`ExitStatus`].

use std::process::ExitCode;

/// How a program ended. It determines the exit code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ExitStatus {
    /// The program did what it was asked to do. Exit code 0.
    Done,
    /// The program failed, or a server did. Exit code 1.
    Failed,
    /// The command line is invalid. Exit code 2.
    Usage,
    /// The program was asked for differences, and found one. Exit code 3.
    Difference,
    /// Ctrl-C ended the program. Exit code 130, as shells report it.
    Interrupted,
}

impl From<ExitStatus> for ExitCode {
    fn from(status: ExitStatus) -> Self {
        Self::from(match status {
            ExitStatus::Done => 0,
            ExitStatus::Failed => 1,
            ExitStatus::Usage => 2,
            ExitStatus::Difference => 3,
            ExitStatus::Interrupted => 130,
        })
    }
}
