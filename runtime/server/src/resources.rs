//! [`warn_of_shortage`]: says whether the operating system grants this process as many open files,
//! and as many threads and processes, as its limits may need.

use rustix::process::{Resource, geteuid, getrlimit};

use crate::limits::Limits;

/// Number of file descriptors that the server holds for each Python worker: the ends of three pipes,
/// and a pidfd.
const FILES_PER_WORKER: usize = 4;

/// Number of file descriptors of the scheduler of each thread that serves connections.
const FILES_PER_THREAD: usize = 4;

/// Number of file descriptors for everything else: the log, the data folder, what a deployment
/// writes, the ends of pipes while a worker is forked.
const OTHER_FILES: usize = 128;

/// Number of threads and processes for everything else: the log, the zygote, deployments.
const OTHER_PROCESSES: usize = 64;

/// What a server may need at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Need {
    /// Open files.
    files: usize,
    /// Threads, and processes with one thread.
    processes: usize,
}

impl Need {
    /// Returns what a server needs whose services have at most this number of workers.
    fn of(limits: &Limits, workers: usize) -> Self {
        // A few connections beyond the limit are open while they are told so.
        let connections = limits.connections.saturating_add(limits.connections / 10);
        let files = connections
            .saturating_add(workers.saturating_mul(FILES_PER_WORKER))
            .saturating_add(limits.threads.saturating_mul(FILES_PER_THREAD))
            .saturating_add(OTHER_FILES);
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let processes = workers
            .saturating_add(limits.threads)
            .saturating_add(limits.native_threads)
            .saturating_add(cores)
            .saturating_add(OTHER_PROCESSES);
        Self { files, processes }
    }
}

/// Warns if the operating system grants less than a server needs whose services have at most this
/// number of workers. The threads that procedures start are not counted.
pub(crate) fn warn_of_shortage(limits: &Limits, workers: usize) {
    let need = Need::of(limits, workers);
    let granted = |resource| getrlimit(resource).current;
    if let Some(limit) = granted(Resource::Nofile).filter(|limit| *limit < need.files as u64) {
        let note = "raise `ulimit -n`, or lower --max-connections or --workers";
        tracing::warn!(
            event = "too few open files",
            limit,
            needed = need.files,
            connections = limits.connections,
            workers,
            note
        );
    }
    // The limit does not apply to root.
    let processes = granted(Resource::Nproc).filter(|_| !geteuid().is_root());
    if let Some(limit) = processes.filter(|limit| *limit < need.processes as u64) {
        let note = "raise `ulimit -u`, or lower --workers, --threads or --native-threads";
        tracing::warn!(
            event = "too few processes",
            limit,
            needed = need.processes,
            workers,
            threads = limits.threads,
            native_threads = limits.native_threads,
            note
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn connections_workers_and_threads_are_counted() {
        let limits = Limits {
            connections: 1000,
            threads: 2,
            native_threads: 64,
            ..Limits::default()
        };
        let idle = Need::of(&limits, 0);
        assert_eq!(idle.files, 1000 + 100 + 2 * 4 + 128);
        let busy = Need::of(&limits, 50);
        assert_eq!(
            (busy.files - idle.files, busy.processes - idle.processes),
            (200, 50)
        );
        assert!(idle.processes >= 2 + 64);
        let most = Limits {
            connections: usize::MAX,
            ..limits
        };
        assert_eq!(Need::of(&most, usize::MAX).files, usize::MAX);
    }
}
