//! The processes of the demo, and the folder in which they work. At the end, all are removed, also
//! after Ctrl-C.

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

/// Time that a process has to end after SIGTERM, before it is killed.
const TERMINATION_TIMEOUT: Timespec = Timespec {
    tv_sec: 5,
    tv_nsec: 0,
};

/// A project folder and the processes that work in it.
pub struct Workspace {
    resources: Arc<Mutex<Resources>>,
    folder: PathBuf,
    addresses: BTreeMap<String, String>,
}

/// The folder and the processes that must be removed at the end.
struct Resources {
    folder: Option<TempDir>,
    /// Every process that was started and not waited for.
    running: Vec<Pid>,
    /// Whether the clean-up has begun. Then no process is started.
    is_released: bool,
}

/// A running part of the demo, and the lines that it prints.
pub struct Part {
    child: Child,
    lines: Lines<BufReader<ChildStdout>>,
    resources: Arc<Mutex<Resources>>,
}

impl Workspace {
    /// Copies the project into a temporary folder, where the demo may edit it.
    pub fn create(project: &Path) -> anyhow::Result<Self> {
        let folder = tempfile::Builder::new()
            .prefix("demo-client-")
            .tempdir()
            .context("cannot make a temporary folder")?;
        let path = folder.path().to_owned();
        let resources = Arc::new(Mutex::new(Resources {
            folder: Some(folder),
            running: Vec::new(),
            is_released: false,
        }));
        let workspace = Self {
            resources,
            folder: path,
            addresses: BTreeMap::new(),
        };
        workspace.release_on_signal()?;
        let failed = |name: &str| format!("cannot copy `{name}` of {}", project.display());
        std::fs::copy(
            project.join("init.yaml"),
            workspace.folder.join("init.yaml"),
        )
        .with_context(|| failed("init.yaml"))?;
        std::fs::copy(
            project.join("demo-client/native.yaml"),
            workspace.folder.join("native.yaml"),
        )
        .with_context(|| failed("demo-client/native.yaml"))?;
        copy_folder(
            &project.join("services"),
            &workspace.folder.join("services"),
        )
        .with_context(|| failed("services"))?;
        Ok(workspace)
    }

    /// Returns the project folder.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Starts a server at its declared address, or on a free port if the declared one is taken.
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
        bail!("{name} did not start; the log:\n{}", self.log())
    }

    /// Returns the address on which a server listens.
    pub fn address(&self, server: &str) -> &str {
        &self.addresses[server]
    }

    /// Starts a part and does not wait for its end. Its log goes to a file in the folder.
    pub fn start(&self, part: &str, arguments: &[&str]) -> anyhow::Result<Part> {
        let log = std::fs::File::options()
            .create(true)
            .append(true)
            .open(self.folder.join("log"))?;
        let mut child = self.spawn(part, arguments, Stdio::piped(), log.into())?;
        let stdout = child
            .stdout
            .take()
            .with_context(|| format!("`{part}` has no stdout"))?;
        Ok(Part {
            child,
            lines: BufReader::new(stdout).lines(),
            resources: Arc::clone(&self.resources),
        })
    }

    /// Runs a part to its end. Returns its process id and its output.
    pub fn run(&self, part: &str, arguments: &[&str]) -> anyhow::Result<(u32, Output)> {
        let child = self.spawn(part, arguments, Stdio::null(), Stdio::piped())?;
        let pid = child.id();
        let output = child.wait_with_output()?;
        lock(&self.resources).forget(pid);
        Ok((pid, output))
    }

    fn spawn(
        &self,
        part: &str,
        arguments: &[&str],
        stdin: Stdio,
        stderr: Stdio,
    ) -> anyhow::Result<Child> {
        let program = std::env::current_exe().context("cannot find the demo's own program")?;
        let mut command = Command::new(program);
        command
            .arg(part)
            .args(arguments)
            .current_dir(&self.folder)
            .env_remove("RPC_CLIENT");
        // Servers keep their deploy keys here, and the initializer finds them here.
        command.env("XDG_RUNTIME_DIR", self.folder.join("run"));
        for (server, address) in &self.addresses {
            command.env(format!("RPC_SERVER_{}", server.to_uppercase()), address);
        }
        // In a process group of their own, parts do not get Ctrl-C from the terminal. The demo
        // handles it.
        command
            .process_group(0)
            .stdin(stdin)
            .stdout(Stdio::piped())
            .stderr(stderr);
        let mut resources = lock(&self.resources);
        ensure!(!resources.is_released, "the demo is ending");
        let child = command
            .spawn()
            .with_context(|| format!("cannot start `{part}`"))?;
        resources.running.extend(pid_of(child.id()));
        Ok(child)
    }

    /// Returns the log of the servers.
    pub fn log(&self) -> String {
        std::fs::read_to_string(self.folder.join("log")).unwrap_or_default()
    }

    /// Ends the demo at SIGINT and SIGTERM, after a clean-up.
    fn release_on_signal(&self) -> anyhow::Result<()> {
        let resources = Arc::clone(&self.resources);
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        std::thread::Builder::new()
            .name("signals".to_owned())
            .spawn(move || {
                runtime.block_on(async {
                    let Ok(mut interrupt) = signal(SignalKind::interrupt()) else {
                        return;
                    };
                    let Ok(mut terminate) = signal(SignalKind::terminate()) else {
                        return;
                    };
                    tokio::select! {
                        _ = interrupt.recv() => {}
                        _ = terminate.recv() => {}
                    }
                    // The lock is held until the process exits, so that the demo does not go on.
                    let mut resources = lock(&resources);
                    resources.release();
                    eprintln!("interrupted; all processes and files were removed");
                    std::process::exit(130);
                });
            })?;
        Ok(())
    }
}

impl Drop for Workspace {
    fn drop(&mut self) {
        lock(&self.resources).release();
    }
}

impl Resources {
    fn forget(&mut self, pid: u32) {
        self.running.retain(|running| Some(*running) != pid_of(pid));
    }

    /// Ends every process, the last one first, and removes the folder.
    fn release(&mut self) {
        self.is_released = true;
        for pid in self.running.drain(..).rev() {
            let Ok(pidfd) = pidfd_open(pid, PidfdFlags::empty()) else {
                continue;
            };
            // An error means that the process has ended by itself.
            let _ = kill_process(pid, Signal::TERM);
            let mut ended = [PollFd::new(&pidfd, PollFlags::IN)];
            if !matches!(poll(&mut ended, Some(&TERMINATION_TIMEOUT)), Ok(1)) {
                let _ = kill_process(pid, Signal::KILL);
            }
        }
        self.folder.take();
    }
}

impl Part {
    /// Returns the process id.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Returns the next line of output, or `None` at the end of the output.
    pub fn next_line(&mut self) -> anyhow::Result<Option<String>> {
        Ok(self.lines.next().transpose()?)
    }

    /// Sends SIGTERM, as an operator would.
    pub fn terminate(&self) -> anyhow::Result<()> {
        let pid = pid_of(self.pid()).context("invalid process id")?;
        Ok(kill_process(pid, Signal::TERM)?)
    }

    /// Closes the part's stdin.
    pub fn close_input(&mut self) {
        self.child.stdin.take();
    }

    /// Waits for the end of the process.
    pub fn wait(&mut self) -> anyhow::Result<std::process::ExitStatus> {
        let status = self.child.wait()?;
        lock(&self.resources).forget(self.child.id());
        Ok(status)
    }
}

fn copy_folder(from: &Path, to: &Path) -> anyhow::Result<()> {
    std::fs::create_dir_all(to)?;
    for entry in std::fs::read_dir(from)? {
        let entry = entry?;
        let target = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            copy_folder(&entry.path(), &target)?;
        } else {
            std::fs::copy(entry.path(), target)?;
        }
    }
    ensure!(to.is_dir(), "{} was not copied", from.display());
    Ok(())
}

fn pid_of(pid: u32) -> Option<Pid> {
    i32::try_from(pid).ok().and_then(Pid::from_raw)
}

fn lock(resources: &Mutex<Resources>) -> std::sync::MutexGuard<'_, Resources> {
    resources.lock().unwrap_or_else(PoisonError::into_inner)
}
