//! [`fit`]: takes what the operating system grants, and lowers the limit of connections to it.

use rustix::process::{Resource, getrlimit, setrlimit};

use super::LimitArguments;

/// Number of file descriptors that are kept for workers, files and the log. The server warns if its
/// services may need more.
const RESERVED_FILES: u64 = 512;

/// The limit of connections was lowered, since there are too few file descriptors.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Lowered {
    /// The limit that was asked for.
    wanted: usize,
    /// The limit that the server has.
    connections: usize,
    /// Number of files that this process may open.
    files: u64,
    /// Number of files that `wanted` needs.
    needed: u64,
}

impl Lowered {
    /// Logs that the limit was lowered, and what it needs.
    pub(super) fn warn(&self) {
        let Self {
            wanted,
            connections,
            files,
            needed,
        } = *self;
        let note = "raise `ulimit -n`: the hard limit is used already";
        tracing::warn!(
            event = "fewer connections than --max-connections",
            wanted,
            connections,
            open_files = files,
            needed,
            note
        );
    }
}

/// Raises the numbers of files and of processes that this process may have to the most that the
/// operating system grants. Lowers the limit of connections to the number of files.
pub(super) fn fit(mut limits: LimitArguments) -> (LimitArguments, Option<Lowered>) {
    raise(Resource::Nproc);
    raise(Resource::Nofile);
    let Some(files) = getrlimit(Resource::Nofile).current else {
        return (limits, None);
    };
    let wanted = limits.max_connections;
    let connections = wanted.min(connections_within(files));
    limits.max_connections = connections;
    let lowered = (connections < wanted).then(|| Lowered {
        wanted,
        connections,
        files,
        needed: files_for(wanted),
    });
    (limits, lowered)
}

/// Raises a soft limit to the hard one. If this fails, the limit stays as it is.
fn raise(resource: Resource) {
    let mut limit = getrlimit(resource);
    if limit.current != limit.maximum {
        limit.current = limit.maximum;
        let _ = setrlimit(resource, limit);
    }
}

/// Returns how many files this number of connections needs. A tenth more are open while they are
/// refused with a reason.
fn files_for(connections: usize) -> u64 {
    let connections = connections as u64;
    connections
        .saturating_add(connections / 10)
        .saturating_add(1 + RESERVED_FILES)
}

/// Returns the largest number of connections that this number of files allows, at least 1. If there
/// are few files, connections get half of them.
fn connections_within(files: u64) -> usize {
    let room = files.saturating_sub(1 + RESERVED_FILES).max(files / 2);
    let connections = room / 11 * 10 + room % 11 * 10 / 11;
    usize::try_from(connections).unwrap_or(usize::MAX).max(1)
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use super::super::CommandLine;
    use super::*;

    fn fit_connections(connections: usize) -> (usize, Option<Lowered>) {
        let flag = format!("--max-connections={connections}");
        let required = ["server", "--listen=127.0.0.1:0", "--data=data", &flag];
        let command_line = CommandLine::try_parse_from(required).expect("a command line");
        let (limits, lowered) = fit(command_line.limits);
        (limits.max_connections, lowered)
    }

    #[test]
    fn connections_leave_files_for_everything_else() {
        for (files, expected) in [
            (0, 1),
            (1, 1),
            (64, 29),
            (1024, 465),
            (4096, 3257),
            (11_513, 10_000),
            (u64::MAX, usize::MAX / 11 * 10 - 463),
        ] {
            let connections = connections_within(files);
            assert_eq!(connections, expected, "{files} files");
            if files > 2048 {
                assert!(files_for(connections) <= files, "{files} files");
            }
        }
        assert_eq!(files_for(10_000), 11_513);
    }

    #[test]
    fn the_soft_limits_are_raised_and_a_lower_limit_of_connections_is_said() {
        assert_eq!(fit_connections(1), (1, None));
        for resource in [Resource::Nofile, Resource::Nproc] {
            let limit = getrlimit(resource);
            assert_eq!(limit.current, limit.maximum);
        }
        let (connections, lowered) = fit_connections(usize::MAX);
        if let Some(files) = getrlimit(Resource::Nofile).current {
            assert_eq!(connections, connections_within(files));
            let lowered = lowered.expect("too few files");
            assert_eq!((lowered.files, lowered.wanted), (files, usize::MAX));
        }
    }
}
