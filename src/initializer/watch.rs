//! `watch`: applies whenever the file or a source changes.
//!
//! ```text
//! apply --> wait for a change --> wait until it is quiet --> apply ...
//! ```
//!
//! A change during an apply starts the next apply. The program ends at a signal, and when a line
//! cannot be written.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use notify::{Event, EventKind, RecommendedWatcher, RecursiveMode, Watcher as _};
use rpc_runtime::initializer::{
    Initializer, InitializerError, InitializerOptions, Progress, named_files, watch_id,
};
use tokio::sync::mpsc;

use super::arguments::WatchArguments;
use super::{VerbError, deploy, print};
use crate::exit_status::ExitStatus;
use crate::report;
use crate::signals::StopSignals;

/// How long nothing must change before an apply starts. Editors write a file in several steps.
const QUIET_PERIOD: Duration = Duration::from_millis(25);

/// Pause before servers that cannot be reached are tried again.
const RETRY_PAUSE: Duration = Duration::from_secs(1);

/// Maximum time from a change to the start of an apply, even if further changes follow.
const MAX_DELAY: Duration = Duration::from_millis(500);

pub(super) async fn watch(arguments: &WatchArguments) -> Result<ExitStatus, VerbError> {
    let WatchArguments { network, scope } = arguments;
    let mut options = scope.within(network.options(Progress::default())?);
    options.watch =
        watch_id().map_err(|error| format!("cannot generate the id of the watch: {error}"))?;
    let init = network.init();
    let mut files = WatchedFiles::new()?;
    files.set(init, &[]);
    let mut applier = Applier {
        options,
        json: network.json,
        last_error: None,
        is_unreachable: false,
    };
    let mut signals = StopSignals::listen()?;
    let mut is_repeat = false;
    loop {
        let paths = match applier.apply(init, is_repeat, &mut signals).await {
            WatchStep::Applied(paths) => Some(paths),
            WatchStep::NotStarted => None,
            WatchStep::Stopped(status) => return Ok(status),
        };
        // The line was printed after its apply, so no apply is under way.
        if report::nobody_reads() {
            return Ok(ExitStatus::Done);
        }
        // If the file or a source is wrong, watch the files that the file names.
        let paths = paths.unwrap_or_else(|| named_files(init));
        let has_new_folders = files.set(init, &paths);
        // A file may have changed before its folder was watched, so apply once more.
        if has_new_folders && !is_repeat {
            is_repeat = true;
            continue;
        }
        is_repeat = tokio::select! {
            () = files.changed() => false,
            () = tokio::time::sleep(RETRY_PAUSE), if applier.is_unreachable => true,
            () = signals.next() => return Ok(ExitStatus::Done),
        };
    }
}

/// What came of an apply of `watch`.
enum WatchStep {
    /// The apply was made from these files.
    Applied(Vec<PathBuf>),
    /// The apply did not start, for an error that was printed.
    NotStarted,
    /// A signal came, and the program ends.
    Stopped(ExitStatus),
}

/// Applies the file each time it is asked to.
struct Applier {
    options: InitializerOptions,
    json: bool,
    /// Why the last apply did not start; `None` if it started.
    last_error: Option<String>,
    /// Whether the last apply did not start because a server could not be reached.
    is_unreachable: bool,
}

impl Applier {
    /// Applies the file and prints the outcome in one line. If `is_repeat`, prints nothing when
    /// nothing had to be applied or the error is the same as before.
    async fn apply(
        &mut self,
        init: &Path,
        is_repeat: bool,
        signals: &mut StopSignals,
    ) -> WatchStep {
        let started_at = Instant::now();
        let previous_error = self.last_error.take();
        self.is_unreachable = false;
        let planned = tokio::select! {
            planned = Initializer::plan(init, self.options.clone()) => planned,
            () = signals.next() => return WatchStep::Stopped(ExitStatus::Done),
        };
        let initializer = match planned {
            Ok(initializer) => initializer,
            Err(error) => {
                self.last_error = Some(error.to_string());
                self.is_unreachable = matches!(error, InitializerError::Unreachable(_));
                if !is_repeat || self.last_error != previous_error {
                    print::error(&VerbError::Initializer(error), self.json);
                }
                return WatchStep::NotStarted;
            }
        };
        match deploy::apply_if_needed(&initializer, signals.next()).await {
            Ok(None) if is_repeat => {}
            Ok(applied) => {
                print::watch_outcome(
                    applied.as_ref(),
                    initializer.planned(),
                    self.json,
                    started_at.elapsed(),
                );
                if applied.is_some_and(|applied| applied.stopped) {
                    return WatchStep::Stopped(ExitStatus::Failed);
                }
            }
            Err(error) => print::error(&error, self.json),
        }
        WatchStep::Applied(initializer.paths().to_vec())
    }
}

/// The files whose changes matter. Their folders are watched, because editors replace a file with a
/// new one.
struct WatchedFiles {
    watcher: RecommendedWatcher,
    events: mpsc::UnboundedReceiver<notify::Result<Event>>,
    folders: BTreeSet<PathBuf>,
    files: BTreeSet<PathBuf>,
}

impl WatchedFiles {
    fn new() -> Result<Self, VerbError> {
        let (sender, events) = mpsc::unbounded_channel();
        let forward = move |event| drop(sender.send(event));
        let watcher = notify::recommended_watcher(forward)
            .map_err(|error| VerbError::Message(format!("cannot watch files: {error}")))?;
        Ok(Self {
            watcher,
            events,
            folders: BTreeSet::new(),
            files: BTreeSet::new(),
        })
    }

    /// Watches these files and no others. Returns whether some of their folders were not watched
    /// before.
    fn set(&mut self, init: &Path, paths: &[PathBuf]) -> bool {
        let absolute = |path: &Path| std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
        self.files = paths
            .iter()
            .map(PathBuf::as_path)
            .chain([init])
            .map(absolute)
            .collect();
        let folders: BTreeSet<PathBuf> = self
            .files
            .iter()
            .map(|file| existing_folder(file))
            .collect();
        for gone in self.folders.difference(&folders) {
            // Ignore failures: the folder may not exist any more.
            let _ = self.watcher.unwatch(gone);
        }
        let has_new_folders = !folders.is_subset(&self.folders);
        // Watch every folder again: one may have been removed and made again.
        for folder in &folders {
            if let Err(error) = self.watcher.watch(folder, RecursiveMode::NonRecursive) {
                report::warning(format_args!("cannot watch {}: {error}", folder.display()));
            }
        }
        self.folders = folders;
        has_new_folders
    }

    /// Waits for a change of one of the files, and then until nothing changes any more.
    async fn changed(&mut self) {
        self.one_changed().await;
        let end = Instant::now() + MAX_DELAY;
        while Instant::now() < end {
            if tokio::time::timeout(QUIET_PERIOD, self.one_changed())
                .await
                .is_err()
            {
                return;
            }
        }
    }

    /// Waits for the next change of one of the files. Ignores other files in their folders.
    async fn one_changed(&mut self) {
        while let Some(event) = self.events.recv().await {
            if self.concerns(&event) {
                return;
            }
        }
        // The watcher has ended, so no event will come.
        std::future::pending::<()>().await;
    }

    /// Returns whether an event concerns one of the files.
    fn concerns(&self, event: &notify::Result<Event>) -> bool {
        match event {
            Ok(event) if matches!(event.kind, EventKind::Access(_)) => false,
            // A change of a folder above a file also concerns the file.
            Ok(event) => {
                let concerns =
                    |path: &PathBuf| self.files.iter().any(|file| file.starts_with(path));
                event.need_rescan() || event.paths.iter().any(concerns)
            }
            Err(error) => {
                report::warning(format_args!("cannot watch files: {error}"));
                true
            }
        }
    }
}

/// Returns the folder of a file, or the nearest folder above it that exists.
fn existing_folder(file: &Path) -> PathBuf {
    let folders = file.ancestors().skip(1);
    folders
        .into_iter()
        .find(|folder| folder.is_dir())
        .unwrap_or(Path::new("/"))
        .to_owned()
}
