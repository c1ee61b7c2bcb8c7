//! `watch`: applies whenever the file or a source changes.
//!
//! ```text
//! apply --> wait for a change --> wait until it is quiet --> apply ...
//! ```
//!
//! What changes while an apply is under way begins the next one.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use notify::{Event, EventKind, RecommendedWatcher, RecursiveMode, Watcher as _};
use rpc_runtime::initializer::{
    Initializer, InitializerError, InitializerOptions, Progress, named_files,
};
use tokio::sync::mpsc;

use super::arguments::Watch;
use super::{Failure, deploy, print};
use crate::args::ExitStatus;
use crate::report;

/// Editors write a file in several steps; so long it has to be quiet.
const QUIET: Duration = Duration::from_millis(25);

/// Servers that cannot be reached are tried again after so long.
const RETRY: Duration = Duration::from_secs(1);

/// However much goes on, an apply begins after so long.
const LONGEST: Duration = Duration::from_millis(500);

pub(super) async fn watch(watch: &Watch) -> Result<ExitStatus, Failure> {
    let Watch { reach, scope } = watch;
    let options = scope.within(reach.options(Progress::default())?);
    let init = reach.init();
    let mut watched = Watched::new()?;
    watched.set(init, &[]);
    let mut watch = Watching {
        options,
        json: reach.json,
        failure: None,
        is_unreachable: false,
    };
    let mut again = false;
    loop {
        let paths = watch.apply(init, again).await;
        // Where the file or a source is at fault, its files are what has to be mended.
        let paths = paths.unwrap_or_else(|| named_files(init));
        // What changed before it was watched is seen by looking again.
        let more = watched.set(init, &paths);
        if more && !again {
            again = true;
            continue;
        }
        again = tokio::select! {
            () = watched.changed() => false,
            () = tokio::time::sleep(RETRY), if watch.is_unreachable => true,
            _ = tokio::signal::ctrl_c() => return Ok(ExitStatus::Done),
        };
    }
}

/// Applies again and again.
struct Watching {
    options: InitializerOptions,
    json: bool,
    /// Why the last one did not take place.
    failure: Option<String>,
    /// Whether that is since servers could not be reached.
    is_unreachable: bool,
}

impl Watching {
    /// Applies, and says in a line what came of it; nothing where it is looked `again` and that is
    /// nothing else than before. The answer: the files that it was made of, where they are known.
    async fn apply(&mut self, init: &Path, again: bool) -> Option<Vec<PathBuf>> {
        let begin = Instant::now();
        let before = self.failure.take();
        self.is_unreachable = false;
        let initializer = match Initializer::plan(init, self.options.clone()).await {
            Ok(initializer) => initializer,
            Err(error) => {
                self.failure = Some(error.to_string());
                self.is_unreachable = matches!(error, InitializerError::Unreachable(_));
                if !again || self.failure != before {
                    print::failure(&Failure::Initializer(error), self.json);
                }
                return None;
            }
        };
        match deploy::apply_if_needed(&initializer).await {
            Ok(None) if again => {}
            Ok(applied) => {
                print::watched(
                    applied.as_ref(),
                    initializer.planned(),
                    self.json,
                    begin.elapsed(),
                );
            }
            Err(failure) => print::failure(&failure, self.json),
        }
        Some(initializer.paths().to_vec())
    }
}

/// The files whose changes matter. Their folders are watched, since editors put a new file in the
/// place of the old.
struct Watched {
    watcher: RecommendedWatcher,
    events: mpsc::UnboundedReceiver<notify::Result<Event>>,
    folders: BTreeSet<PathBuf>,
    files: BTreeSet<PathBuf>,
}

impl Watched {
    fn new() -> Result<Self, Failure> {
        let (sender, events) = mpsc::unbounded_channel();
        let tell = move |event| drop(sender.send(event));
        let watcher = notify::recommended_watcher(tell).map_err(|error| failed(&error))?;
        Ok(Self {
            watcher,
            events,
            folders: BTreeSet::new(),
            files: BTreeSet::new(),
        })
    }

    /// Watches these files and no others. The answer: whether some of them were not watched before.
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
            // It may be gone altogether.
            let _ = self.watcher.unwatch(gone);
        }
        let more = !folders.is_subset(&self.folders);
        // Each anew: one that was removed and made again is another.
        for folder in &folders {
            if let Err(error) = self.watcher.watch(folder, RecursiveMode::NonRecursive) {
                report::note(format_args!(
                    "warning: {} cannot be watched: {error}",
                    folder.display()
                ));
            }
        }
        self.folders = folders;
        more
    }

    /// Waits for a change of one of the files, and until it is quiet again.
    async fn changed(&mut self) {
        self.one_changed().await;
        let end = Instant::now() + LONGEST;
        while Instant::now() < end {
            if tokio::time::timeout(QUIET, self.one_changed())
                .await
                .is_err()
            {
                return;
            }
        }
    }

    /// Waits for the next change of one of the files; others in their folders are of no matter.
    async fn one_changed(&mut self) {
        while let Some(event) = self.events.recv().await {
            if self.concerns(&event) {
                return;
            }
        }
        // Nothing is watched any more.
        std::future::pending::<()>().await;
    }

    fn concerns(&self, event: &notify::Result<Event>) -> bool {
        match event {
            Ok(event) if matches!(event.kind, EventKind::Access(_)) => false,
            // A folder above a file comes and goes with it.
            Ok(event) => {
                let concerns =
                    |path: &PathBuf| self.files.iter().any(|file| file.starts_with(path));
                event.need_rescan() || event.paths.iter().any(concerns)
            }
            Err(error) => {
                report::note(format_args!("warning: files cannot be watched: {error}"));
                true
            }
        }
    }
}

/// The folder of a file, or the nearest one above it that is there.
fn existing_folder(file: &Path) -> PathBuf {
    let folders = file.ancestors().skip(1);
    folders
        .into_iter()
        .find(|folder| folder.is_dir())
        .unwrap_or(Path::new("/"))
        .to_owned()
}

fn failed(error: &notify::Error) -> Failure {
    Failure::Said(format!("files cannot be watched: {error}"))
}
