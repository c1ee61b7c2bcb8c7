//! The parts of the story as processes, and the folder they work in. All are gone at the end, after
//! Ctrl-C too.

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Lines};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Output, Stdio};
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::{Context as _, bail, ensure};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Pid, PidfdFlags, Signal, kill_process, pidfd_open};
use tempfile::TempDir;
use tokio::signal::unix::{SignalKind, signal};

/// A process that was told to end and has not by then is killed.
const TERMINATION: Timespec = Timespec {
    tv_sec: 5,
    tv_nsec: 0,
};

/// A project folder and the processes that work in it.
pub struct Stage {
    held: Arc<Mutex<Held>>,
    folder: PathBuf,
    addresses: BTreeMap<String, String>,
}

/// What must be gone at the end.
struct Held {
    folder: Option<TempDir>,
    /// Every process that was started and not waited for.
    running: Vec<Pid>,
    /// Nothing more is started.
    cleared: bool,
}

/// A part that is running, and the lines it prints.
pub struct Part {
    child: Child,
    lines: Lines<BufReader<ChildStdout>>,
    held: Arc<Mutex<Held>>,
}

impl Stage {
    /// A folder with a copy of the checked-in project, which the story may edit.
    pub fn set(project: &Path) -> anyhow::Result<Self> {
        let folder = tempfile::Builder::new()
            .prefix("demo-client-")
            .tempdir()
            .context("a temporary folder")?;
        let path = folder.path().to_owned();
        let held = Arc::new(Mutex::new(Held {
            folder: Some(folder),
            running: Vec::new(),
            cleared: false,
        }));
        let stage = Self {
            held,
            folder: path,
            addresses: BTreeMap::new(),
        };
        stage.clear_away_when_interrupted()?;
        let copied =
            |name: &str| format!("the project's {name}, expected in {}", project.display());
        std::fs::copy(project.join("init.yaml"), stage.folder.join("init.yaml"))
            .with_context(|| copied("init.yaml"))?;
        std::fs::copy(
            project.join("demo-client/native.yaml"),
            stage.folder.join("native.yaml"),
        )
        .with_context(|| copied("demo-client/native.yaml"))?;
        copy_folder(&project.join("services"), &stage.folder.join("services"))
            .with_context(|| copied("services"))?;
        Ok(stage)
    }

    /// The project folder.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Starts a server where the file says, or on a free port where that one is taken.
    pub fn start_server(&mut self, part: &str, name: &str, declared: &str) -> anyhow::Result<Part> {
        let data = self
            .folder
            .join(format!("data-{name}"))
            .to_string_lossy()
            .into_owned();
        for listen in [declared, "127.0.0.1:0"] {
            let mut server = self.start(part, &["--listen", listen, "--data", &data])?;
            let line = server.next_line()?;
            if let Some(address) = line
                .as_deref()
                .and_then(|line| line.strip_prefix("listening on "))
            {
                self.addresses.insert(name.to_owned(), address.to_owned());
                return Ok(server);
            }
            server.wait()?;
        }
        bail!("{name} did not start; its log says:\n{}", self.log())
    }

    /// Where a server listens.
    pub fn address(&self, server: &str) -> &str {
        &self.addresses[server]
    }

    /// Starts a part that runs on while the story does. Its log goes to a file in the folder.
    pub fn start(&self, part: &str, arguments: &[&str]) -> anyhow::Result<Part> {
        let log = std::fs::File::options()
            .create(true)
            .append(true)
            .open(self.folder.join("log"))?;
        let mut child = self.spawn(part, arguments, Stdio::piped(), log.into())?;
        let stdout = child.stdout.take().context("its output")?;
        Ok(Part {
            child,
            lines: BufReader::new(stdout).lines(),
            held: Arc::clone(&self.held),
        })
    }

    /// Runs a part to its end. The answer: its process id and what it printed.
    pub fn run(&self, part: &str, arguments: &[&str]) -> anyhow::Result<(u32, Output)> {
        let child = self.spawn(part, arguments, Stdio::null(), Stdio::piped())?;
        let pid = child.id();
        let output = child.wait_with_output()?;
        lock(&self.held).forget(pid);
        Ok((pid, output))
    }

    fn spawn(
        &self,
        part: &str,
        arguments: &[&str],
        stdin: Stdio,
        stderr: Stdio,
    ) -> anyhow::Result<Child> {
        let mut command = Command::new(std::env::current_exe().context("this program's own path")?);
        command
            .arg(part)
            .args(arguments)
            .current_dir(&self.folder)
            .env_remove("RPC_CLIENT");
        // Servers keep their deploy keys here, for the initializer to find.
        command.env("XDG_RUNTIME_DIR", self.folder.join("run"));
        for (server, address) in &self.addresses {
            command.env(format!("RPC_SERVER_{}", server.to_uppercase()), address);
        }
        // Ctrl-C at the terminal is the story's to handle.
        command
            .process_group(0)
            .stdin(stdin)
            .stdout(Stdio::piped())
            .stderr(stderr);
        let mut held = lock(&self.held);
        ensure!(!held.cleared, "the story is over");
        let child = command
            .spawn()
            .with_context(|| format!("cannot start `{part}`"))?;
        held.running.extend(pid_of(child.id()));
        Ok(child)
    }

    /// What the servers have logged.
    pub fn log(&self) -> String {
        std::fs::read_to_string(self.folder.join("log")).unwrap_or_default()
    }

    /// Ends the story at SIGINT and SIGTERM, leaving nothing behind.
    fn clear_away_when_interrupted(&self) -> anyhow::Result<()> {
        let held = Arc::clone(&self.held);
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        std::thread::Builder::new()
            .name("signals".to_owned())
            .spawn(move || {
                runtime.block_on(async {
                    let (Ok(mut interrupt), Ok(mut terminate)) = (
                        signal(SignalKind::interrupt()),
                        signal(SignalKind::terminate()),
                    ) else {
                        return;
                    };
                    tokio::select! {
                        _ = interrupt.recv() => {}
                        _ = terminate.recv() => {}
                    }
                    // Held to the end, so that the story does not go on with what is left of it.
                    let mut held = lock(&held);
                    held.clear_away();
                    eprintln!("interrupted; everything is cleared away");
                    std::process::exit(130);
                });
            })?;
        Ok(())
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        lock(&self.held).clear_away();
    }
}

impl Held {
    fn forget(&mut self, pid: u32) {
        self.running.retain(|running| Some(*running) != pid_of(pid));
    }

    /// Ends every process, the last started first, and removes the folder.
    fn clear_away(&mut self) {
        self.cleared = true;
        for pid in self.running.drain(..).rev() {
            let Ok(pidfd) = pidfd_open(pid, PidfdFlags::empty()) else {
                continue;
            };
            // It may have ended by itself.
            let _ = kill_process(pid, Signal::TERM);
            let mut ended = [PollFd::new(&pidfd, PollFlags::IN)];
            if !matches!(poll(&mut ended, Some(&TERMINATION)), Ok(1)) {
                let _ = kill_process(pid, Signal::KILL);
            }
        }
        self.folder.take();
    }
}

impl Part {
    /// Its process id.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// The next line that it prints, or `None` at its end.
    pub fn next_line(&mut self) -> anyhow::Result<Option<String>> {
        Ok(self.lines.next().transpose()?)
    }

    /// Asks it to stop, as an operator would.
    pub fn terminate(&self) -> anyhow::Result<()> {
        let pid = pid_of(self.pid()).context("a process id")?;
        Ok(kill_process(pid, Signal::TERM)?)
    }

    /// Says that nothing more will come on its input.
    pub fn close_input(&mut self) {
        self.child.stdin.take();
    }

    /// Waits for its end.
    pub fn wait(&mut self) -> anyhow::Result<std::process::ExitStatus> {
        let status = self.child.wait()?;
        lock(&self.held).forget(self.child.id());
        Ok(status)
    }
}

fn copy_folder(from: &Path, to: &Path) -> anyhow::Result<()> {
    std::fs::create_dir_all(to)?;
    for entry in std::fs::read_dir(from)? {
        let entry = entry?;
        let place = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            copy_folder(&entry.path(), &place)?;
        } else {
            std::fs::copy(entry.path(), place)?;
        }
    }
    ensure!(to.is_dir(), "{} was not copied", from.display());
    Ok(())
}

fn pid_of(pid: u32) -> Option<Pid> {
    i32::try_from(pid).ok().and_then(Pid::from_raw)
}

fn lock(held: &Mutex<Held>) -> std::sync::MutexGuard<'_, Held> {
    held.lock().unwrap_or_else(PoisonError::into_inner)
}
