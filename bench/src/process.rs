//! Servers and clients as processes of their own, pinned to a core. They never outlive this
//! process.

use std::ffi::OsString;
use std::io::{BufRead as _, BufReader, Read as _};
use std::net::SocketAddr;
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::time::Duration;
use std::{env, thread};

use anyhow::{Context as _, Result, anyhow, bail};
use rustix::process::{Resource, getrlimit, setrlimit};
use tempfile::TempDir;

use crate::placement;

/// The hidden command that pins its process to a core and then executes another program.
pub const PINNED: &str = "pinned";

/// Maximum time until a server listens.
const START_TIMEOUT: Duration = Duration::from_secs(30);

/// The text that a server prints in front of its address.
pub const LISTENING: &str = "listening on ";

/// A program and its arguments.
pub type CommandLine = Vec<OsString>;

/// Returns a command line for this program with other arguments.
pub fn this_program(arguments: &[&str]) -> Result<CommandLine> {
    let program = env::current_exe().context("cannot find this program")?;
    Ok([program.into_os_string()]
        .into_iter()
        .chain(arguments.iter().map(OsString::from))
        .collect())
}

/// A process that is killed when this value is dropped.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        // An error means that it has ended by itself.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Starts a program on a core. Its temporary files go to `scratch`.
fn start(core: usize, command: &CommandLine, scratch: Option<&Path>) -> Result<Running> {
    let child = Command::new(env::current_exe()?)
        .envs(scratch.map(|scratch| ("TMPDIR", scratch)))
        .args([OsString::from(PINNED), core.to_string().into()])
        .args(command)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn();
    child
        .map(Running)
        .with_context(|| format!("cannot start {}", command[0].display()))
}

/// Pins this process, makes it end with its parent, and executes another program. Returns only on
/// failure.
pub fn become_pinned(core: usize, command: &[OsString]) -> Result<()> {
    rustix::process::set_parent_process_death_signal(Some(rustix::process::Signal::KILL))?;
    placement::pin(core).with_context(|| format!("cannot pin to core {core}"))?;
    allow_open_files();
    let (program, arguments) = command.split_first().context("no program")?;
    Err(Command::new(program).args(arguments).exec().into())
}

/// Raises the limit of open files to the maximum: ten thousand sessions need as many files.
fn allow_open_files() {
    let mut files = getrlimit(Resource::Nofile);
    files.current = files.maximum;
    // If this fails, the limit stays the same.
    let _ = setrlimit(Resource::Nofile, files);
}

/// A listening server.
pub struct Server {
    /// Dropped before `scratch`, so that the process ends before its folder is removed.
    process: Running,
    scratch: TempDir,
    /// The address on which the server listens.
    pub address: SocketAddr,
}

impl Server {
    /// Starts a server and waits until it listens.
    pub fn start(core: usize, command: &CommandLine) -> Result<Self> {
        let scratch = TempDir::with_prefix("rpc-bench-")?;
        let mut process = start(core, command, Some(scratch.path()))?;
        let errors = collect_errors(&mut process.0)?;
        let output = process.0.stdout.take().context("no output")?;
        let (sender, first_line) = mpsc::channel();
        thread::spawn(move || {
            let mut output = BufReader::new(output);
            let mut line = String::new();
            let _ = output.read_line(&mut line);
            let _ = sender.send(line);
            // Read further output, so that it does not block the server.
            let _ = std::io::copy(&mut output, &mut std::io::sink());
        });
        let line = first_line.recv_timeout(START_TIMEOUT).unwrap_or_default();
        let Some(address) = line.trim_end().strip_prefix(LISTENING) else {
            drop(process);
            bail!("the server did not start: {}", error_output(&errors));
        };
        Ok(Self {
            address: address
                .parse()
                .context("the server printed an invalid address")?,
            process,
            scratch,
        })
    }

    /// Returns the folder of its temporary files.
    pub fn scratch(&self) -> &Path {
        self.scratch.path()
    }

    /// Returns the process id.
    pub fn id(&self) -> u32 {
        self.process.0.id()
    }
}

/// Runs a program to its end and returns its output.
pub fn output_within(limit: Duration, core: usize, command: &CommandLine) -> Result<String> {
    let mut process = start(core, command, None)?;
    let errors = collect_errors(&mut process.0)?;
    let mut output = process.0.stdout.take().context("no output")?;
    let (sender, printed) = mpsc::channel();
    thread::spawn(move || {
        let mut text = String::new();
        let read = output.read_to_string(&mut text);
        let _ = sender.send(read.map(|_| text));
    });
    let text = printed
        .recv_timeout(limit)
        .map_err(|_| anyhow!("the client did not end within {limit:?}"))??;
    let status = process.0.wait()?;
    if status.success() {
        return Ok(text);
    }
    bail!("the client failed ({status}): {}", error_output(&errors))
}

/// Collects the last lines that a process writes to stderr. They arrive when stderr is closed.
fn collect_errors(child: &mut Child) -> Result<Receiver<String>> {
    const KEPT_LINES: usize = 8;
    let errors = BufReader::new(child.stderr.take().context("no stderr")?);
    let (sender, collected) = mpsc::channel();
    thread::spawn(move || {
        let mut kept = std::collections::VecDeque::new();
        for line in errors.lines().map_while(Result::ok) {
            kept.push_back(line);
            if kept.len() > KEPT_LINES {
                kept.pop_front();
            }
        }
        let _ = sender.send(Vec::from(kept).join("\n"));
    });
    Ok(collected)
}

fn error_output(errors: &Receiver<String>) -> String {
    errors
        .recv_timeout(Duration::from_secs(1))
        .unwrap_or_else(|_| "its stderr is not available".to_owned())
}
