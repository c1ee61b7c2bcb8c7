//! [`ServerProcess`]: a running `rpc-server`.

use std::collections::BTreeSet;
use std::io::{BufRead as _, BufReader, Read};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Condvar, Mutex, Once, OnceLock};
use std::time::Instant;

use tokio::signal::unix::{SignalKind, signal};

use super::{PATIENCE, eventually};

/// A running server. Dropping it kills the process.
pub struct ServerProcess {
    child: Child,
    address: SocketAddr,
    data: PathBuf,
    log: Arc<Log>,
}

/// The log lines of a server, which a thread reads from its stderr.
#[derive(Default)]
struct Log {
    state: Mutex<LogState>,
    changed: Condvar,
}

#[derive(Default)]
struct LogState {
    lines: Vec<String>,
    /// Whether the server has closed its stderr, which means that no line follows.
    ended: bool,
}

impl ServerProcess {
    /// Starts a server on a free port and waits until it listens.
    pub fn start(data: &Path, flags: &[&str]) -> Self {
        Self::try_start(data, flags)
            .unwrap_or_else(|log| panic!("the server did not start:\n{log}"))
    }

    /// Starts a server and waits until it listens. If it ends first, returns what it wrote to
    /// stderr.
    pub fn try_start(data: &Path, flags: &[&str]) -> Result<Self, String> {
        let mut command = Command::new(env!("CARGO_BIN_EXE_rpc-server"));
        if !flags.contains(&"--python") {
            command.args(["--python", python()]);
        }
        Self::launch(command, data, flags)
    }

    /// Starts a server with an empty `PATH`, so that it finds no Python.
    pub fn start_without_python(data: &Path) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_rpc-server"));
        command.env("PATH", "");
        Self::launch(command, data, &[])
            .unwrap_or_else(|log| panic!("the server did not start:\n{log}"))
    }

    /// Starts a server with this command and further flags. If it ends first, returns what it wrote to
    /// stderr.
    pub fn launch(mut command: Command, data: &Path, flags: &[&str]) -> Result<Self, String> {
        if !flags.contains(&"--listen") {
            command.args(["--listen", "127.0.0.1:0"]);
        }
        command
            .arg("--data")
            .arg(data)
            .args(flags)
            .env("NO_COLOR", "1");
        command.env(
            "XDG_RUNTIME_DIR",
            runtime_folder(data.parent().unwrap_or(data)),
        );
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("a server process");
        let log = Arc::new(Log::default());
        let stderr = child.stderr.take().expect("piped");
        let writer = Arc::clone(&log);
        std::thread::spawn(move || writer.read(stderr));
        let mut line = String::new();
        let mut stdout = BufReader::new(child.stdout.take().expect("piped"));
        wait_with_watchdog(child.id(), || stdout.read_line(&mut line)).expect("a line");
        if let Some(address) = line.trim().strip_prefix("listening on ") {
            let address = address.parse().expect("an address");
            return Ok(Self {
                child,
                address,
                data: data.to_owned(),
                log,
            });
        }
        child.wait().expect("its end");
        Err(log.wait_for_end())
    }

    /// Returns the address on which the server listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Returns the deploy key that the server generated.
    pub fn deploy_key(&self) -> Vec<u8> {
        std::fs::read(self.data.join("deploy.key"))
            .expect("a deploy key")
            .trim_ascii()
            .to_owned()
    }

    /// Returns the folder where the server keeps a copy of its deploy key.
    pub fn key_folder(&self) -> PathBuf {
        runtime_folder(self.data.parent().unwrap_or(&self.data)).join("rpc")
    }

    /// Returns the process id.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Waits for a log line that contains all the words, and returns it.
    #[track_caller]
    pub fn logged(&self, words: &[&str]) -> String {
        let end = Instant::now() + PATIENCE;
        let mut state = self.log.state.lock().expect("the log");
        loop {
            if let Some(line) = state
                .lines
                .iter()
                .find(|line| words.iter().all(|word| line.contains(word)))
            {
                return line.clone();
            }
            let left = end.saturating_duration_since(Instant::now());
            assert!(
                !left.is_zero() && !state.ended,
                "{words:?} was not logged:\n{}",
                state.lines.join("\n")
            );
            state = self
                .log
                .changed
                .wait_timeout(state, left)
                .expect("the log")
                .0;
        }
    }

    /// Returns all lines that the server has logged so far.
    pub fn log(&self) -> Vec<String> {
        self.log.state.lock().expect("the log").lines.clone()
    }

    /// Waits for the end of the log and returns all lines.
    pub fn log_to_end(&self) -> Vec<String> {
        self.log.wait_for_end().lines().map(str::to_owned).collect()
    }

    /// Kills the process as `kill -9` does, and waits for its end.
    pub fn kill(&mut self) {
        self.child.kill().expect("a kill");
        self.child.wait().expect("its end");
    }

    /// Sends a signal by name, such as `TERM`.
    pub fn signal(&self, name: &str) {
        send_signal(self.pid(), name);
    }

    /// Returns the worker processes of the server, which are its grandchildren. Zombies are
    /// included.
    pub fn workers(&self) -> BTreeSet<u32> {
        let processes = processes();
        let children = |parents: &BTreeSet<u32>| -> BTreeSet<u32> {
            processes
                .iter()
                .filter(|(_, parent)| parents.contains(parent))
                .map(|(pid, _)| *pid)
                .collect()
        };
        children(&children(&BTreeSet::from([self.pid()])))
    }

    /// Waits until the set of workers satisfies `wanted`, and returns the set.
    #[track_caller]
    pub fn wait_for_workers(
        &self,
        what: &str,
        wanted: impl Fn(&BTreeSet<u32>) -> bool,
    ) -> BTreeSet<u32> {
        eventually(what, || Some(self.workers()).filter(&wanted))
    }

    /// Waits for the end of the process.
    pub fn wait(&mut self) -> ExitStatus {
        wait_with_watchdog(self.pid(), || self.child.wait()).expect("its end")
    }
}

/// Returns the `XDG_RUNTIME_DIR` for the programs of a project.
pub fn runtime_folder(project: &Path) -> PathBuf {
    project.join("run")
}

/// Returns the path of the Python executable behind `python3`. Finding it behind a launcher takes
/// about as long as the whole start of a server, so the path is cached.
pub fn python() -> &'static str {
    static PYTHON: OnceLock<String> = OnceLock::new();
    PYTHON.get_or_init(|| {
        let answer = Command::new("python3")
            .args(["-c", "import sys; print(sys.executable)"])
            .output();
        String::from_utf8(answer.expect("python3").stdout)
            .expect("UTF-8")
            .trim()
            .to_owned()
    })
}

/// Stops a process and waits until it has stopped.
pub fn stop_process(pid: u32) {
    send_signal(pid, "STOP");
    eventually("the process is stopped", || {
        std::fs::read_to_string(format!("/proc/{pid}/status"))
            .is_ok_and(|status| status.contains("State:\tT"))
            .then_some(())
    });
}

/// Lets a stopped process continue.
pub fn continue_process(pid: u32) {
    send_signal(pid, "CONT");
}

pub fn send_signal(pid: u32, name: &str) {
    let status = Command::new("kill")
        .args([format!("-{name}"), pid.to_string()])
        .status();
    assert!(status.expect("kill").success());
}

/// Makes the programs that are started from now on take SIGHUP and SIGINT, also if this process was
/// started with them ignored, as under `nohup` or in the background of a script. Programs inherit
/// what is ignored, but not what is caught.
pub(super) fn catch_ignored_signals() {
    static CAUGHT: Once = Once::new();
    CAUGHT.call_once(|| {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_io()
            .build()
            .expect("a runtime");
        let _entered = runtime.enter();
        let status = std::fs::read_to_string("/proc/self/status").expect("the status");
        let ignored = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
        let mask = ignored.expect("a mask").trim();
        let mask = u64::from_str_radix(mask, 16).expect("hexadecimal digits");
        for kind in [SignalKind::hangup(), SignalKind::interrupt()] {
            if mask >> (kind.as_raw_value() - 1) & 1 == 1 {
                // The handler stays for as long as the process runs.
                drop(signal(kind).expect("a handler"));
            }
        }
    });
}

/// Runs `wait`, which waits for a process, and kills the process after [`PATIENCE`].
pub(super) fn wait_with_watchdog<T>(pid: u32, wait: impl FnOnce() -> T) -> T {
    let (sender, ended) = std::sync::mpsc::channel::<()>();
    let watchdog = std::thread::spawn(move || {
        if ended.recv_timeout(PATIENCE).is_err() {
            let _ = Command::new("kill").args(["-9", &pid.to_string()]).status();
        }
    });
    let waited = wait();
    let _ = sender.send(());
    watchdog.join().expect("the watchdog");
    waited
}

/// Returns the ids of every process and of its parent.
fn processes() -> Vec<(u32, u32)> {
    let folders = std::fs::read_dir("/proc").expect("/proc").flatten();
    let parent = |pid: u32| -> Option<u32> {
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
        // The name in parentheses may itself contain parentheses. The state and the parent follow
        // it.
        stat.rsplit_once(')')?
            .1
            .split_whitespace()
            .nth(1)?
            .parse()
            .ok()
    };
    let pids = folders.filter_map(|folder| folder.file_name().to_str()?.parse().ok());
    pids.filter_map(|pid| Some((pid, parent(pid)?))).collect()
}

impl Drop for ServerProcess {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Log {
    fn read(&self, stderr: impl Read) {
        for line in BufReader::new(stderr).lines().map_while(Result::ok) {
            self.state.lock().expect("the log").lines.push(line);
            self.changed.notify_all();
        }
        self.state.lock().expect("the log").ended = true;
        self.changed.notify_all();
    }

    fn wait_for_end(&self) -> String {
        let state = self.state.lock().expect("the log");
        let state = self
            .changed
            .wait_timeout_while(state, PATIENCE, |state| !state.ended)
            .expect("the log")
            .0;
        state.lines.join("\n")
    }
}
