//! [`PythonEngine`]: the zygote process, and the forks it makes.

use std::collections::HashMap;
use std::convert::Infallible;
use std::io::{self, Write as _};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::fs::OpenOptionsExt as _;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::net::{
    AddressFamily, RecvFlags, SendAncillaryBuffer, SendAncillaryMessage, SendFlags, Shutdown,
    SocketFlags, SocketType,
};
use rustix::pipe::PipeFlags;
use rustix::process::{Pid, PidfdFlags, Signal};
use serde::Deserialize;
use tokio::net::unix::pipe;
use tokio::sync::{OnceCell, mpsc, oneshot};

use super::interpreter::Interpreter;
use crate::server::blocking;

/// The Python side, module by module; the first is the zygote's program.
const SHIM: [(&str, &str); 6] = [
    ("rpc_zygote.py", include_str!("shim/rpc_zygote.py")),
    ("rpc_worker.py", include_str!("shim/rpc_worker.py")),
    ("rpc_conformance.py", rpc_conformance::CONFORMANCE_PY),
    ("rpc_signature.py", rpc_conformance::SIGNATURE_PY),
    ("rpc_codec.py", include_str!("shim/rpc_codec.py")),
    ("rpc_records.py", include_str!("shim/rpc_records.py")),
];

/// Only the server's user reads the shim.
const SHIM_MODE: u32 = 0o600;

/// The zygote's end, and the end of the workers' output, are not waited for longer.
const STOP_TIMEOUT: Duration = Duration::from_secs(2);

/// A zygote that has not forked after this long is given up.
const FORK_TIMEOUT: Duration = Duration::from_secs(10);

/// Makes workers. The zygote is started with the first one, and again should it ever end.
#[derive(Debug)]
pub struct PythonEngine {
    /// The program that was asked for.
    python: String,
    /// What that program says of itself, once a worker was needed.
    interpreter: OnceCell<Interpreter>,
    /// Holds the shim.
    folder: PathBuf,
    zygote: Mutex<Option<Running>>,
    outputs: Outputs,
    /// Calls that workers are at work on.
    running_calls: AtomicUsize,
}

/// Counts a call that a worker is at work on, for as long as this is there.
#[derive(Debug)]
pub(super) struct RunningCall<'a> {
    running_calls: &'a AtomicUsize,
    before: usize,
}

impl RunningCall<'_> {
    /// Whether no other call ran when this one began.
    pub(super) fn is_alone(&self) -> bool {
        self.before == 0
    }
}

impl Drop for RunningCall<'_> {
    fn drop(&mut self) {
        self.running_calls.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Knows when the output of every worker has been read to its end.
#[derive(Debug)]
struct Outputs {
    /// Cloned for each output that is being read, and dropped at its end; `None` once the engine
    /// stops.
    reading: Mutex<Option<mpsc::Sender<Infallible>>>,
    /// Closes when all of those are dropped.
    all_read: tokio::sync::Mutex<mpsc::Receiver<Infallible>>,
}

/// A zygote, and the thread that hears from it until it ends.
#[derive(Debug)]
struct Running {
    zygote: Arc<Zygote>,
    listener: JoinHandle<()>,
}

/// The server's side of a zygote process.
#[derive(Debug)]
struct Zygote {
    control: OwnedFd,
    next_worker: AtomicU32,
    workers: Mutex<Workers>,
}

/// Who waits for which news. Every sender is dropped when the zygote ends, which tells its
/// receiver.
#[derive(Debug, Default)]
struct Workers {
    forking: HashMap<u32, oneshot::Sender<io::Result<Born>>>,
    living: HashMap<u32, oneshot::Sender<i32>>,
    /// The zygote has ended; nobody may begin to wait.
    ended: bool,
}

#[derive(Debug)]
struct Born {
    pid: u32,
    exit: oneshot::Receiver<i32>,
}

/// A process that was just forked, and this side of its pipes.
#[derive(Debug)]
pub(super) struct Forked {
    pub(super) process: Process,
    pub(super) requests: pipe::Sender,
    pub(super) answers: pipe::Receiver,
    pub(super) output: pipe::Receiver,
}

/// A worker's process. It is killed when this is dropped.
#[derive(Debug)]
pub(super) struct Process {
    pub(super) pid: u32,
    pidfd: OwnedFd,
    exit: Exit,
}

/// The news of a process's end.
#[derive(Debug)]
enum Exit {
    Awaited(oneshot::Receiver<i32>),
    /// Its exit status, or the negative number of the signal that killed it; `None` where its
    /// zygote ended too.
    Known(Option<i32>),
}

#[derive(Deserialize)]
struct News {
    worker: u32,
    pid: Option<u32>,
    exit: Option<i32>,
    error: Option<String>,
}

impl PythonEngine {
    /// An engine that runs this Python; its own Python sources are written into `folder`.
    ///
    /// # Errors
    /// Where they cannot be written.
    pub fn new(python: String, folder: PathBuf) -> io::Result<Self> {
        for (name, text) in SHIM {
            let mut file = std::fs::File::options();
            let file = file
                .write(true)
                .create(true)
                .truncate(true)
                .mode(SHIM_MODE)
                .open(folder.join(name));
            file?.write_all(text.as_bytes())?;
        }
        let (reading, all_read) = mpsc::channel(1);
        let outputs = Outputs {
            reading: Mutex::new(Some(reading)),
            all_read: tokio::sync::Mutex::new(all_read),
        };
        let running_calls = AtomicUsize::new(0);
        let interpreter = OnceCell::new();
        Ok(Self {
            python,
            interpreter,
            folder,
            zygote: Mutex::default(),
            outputs,
            running_calls,
        })
    }

    /// Counts a call that a worker begins with.
    pub(super) fn count_running(&self) -> RunningCall<'_> {
        let before = self.running_calls.fetch_add(1, Ordering::Relaxed);
        RunningCall {
            running_calls: &self.running_calls,
            before,
        }
    }

    /// Returns the Python that runs procedures. Asks it about itself at the first time.
    ///
    /// # Errors
    /// Why it cannot be used.
    pub(crate) async fn interpreter(&self) -> Result<&Interpreter, String> {
        let python = self.python.clone();
        self.interpreter
            .get_or_try_init(|| blocking(move || Interpreter::resolve(&python)))
            .await
    }

    /// Returns the version of that Python. Empty before it was needed.
    pub(crate) fn version(&self) -> String {
        self.interpreter
            .get()
            .map_or_else(String::new, Interpreter::version)
    }

    /// Forks a worker.
    pub(super) async fn fork(&self) -> io::Result<Forked> {
        let (request_read, request_write) = rustix::pipe::pipe_with(PipeFlags::CLOEXEC)?;
        let (answer_read, answer_write) = rustix::pipe::pipe_with(PipeFlags::CLOEXEC)?;
        let (output_read, output_write) = rustix::pipe::pipe_with(PipeFlags::CLOEXEC)?;
        let born = self.zygote().await?.fork([
            request_read.as_fd(),
            answer_write.as_fd(),
            output_write.as_fd(),
        ])?;
        drop((request_read, answer_write, output_write));
        let gone = || io::Error::other("the zygote ended");
        let born = tokio::time::timeout(FORK_TIMEOUT, born)
            .await?
            .map_err(|_| gone())??;
        let pid = i32::try_from(born.pid)
            .ok()
            .and_then(Pid::from_raw)
            .ok_or_else(gone)?;
        let pidfd = rustix::process::pidfd_open(pid, PidfdFlags::empty())?;
        Ok(Forked {
            process: Process {
                pid: born.pid,
                pidfd,
                exit: Exit::Awaited(born.exit),
            },
            requests: pipe::Sender::from_owned_fd(request_write)?,
            answers: pipe::Receiver::from_owned_fd(answer_read)?,
            output: pipe::Receiver::from_owned_fd(output_read)?,
        })
    }

    async fn zygote(&self) -> io::Result<Arc<Zygote>> {
        let interpreter = self.interpreter().await.map_err(io::Error::other)?;
        let mut slot = lock(&self.zygote);
        if let Some(running) = slot
            .as_ref()
            .filter(|running| !lock(&running.zygote.workers).ended)
        {
            return Ok(Arc::clone(&running.zygote));
        }
        let running = Zygote::start(interpreter, &self.folder.join(SHIM[0].0))?;
        let zygote = Arc::clone(&running.zygote);
        *slot = Some(running);
        Ok(zygote)
    }

    /// Kept by whoever reads a worker's output, until its end.
    pub(super) fn reading_output(&self) -> Option<mpsc::Sender<Infallible>> {
        lock(&self.outputs.reading).clone()
    }

    /// Ends the zygote and every worker, and waits until they are gone and what they printed is
    /// logged.
    pub(crate) async fn stop(&self) {
        lock(&self.outputs.reading).take();
        let running = lock(&self.zygote).take();
        if let Some(Running { zygote, listener }) = running {
            // It may have ended by itself.
            let _ = rustix::net::shutdown(&zygote.control, Shutdown::Both);
            let joined = tokio::task::spawn_blocking(move || listener.join());
            let _ = tokio::time::timeout(STOP_TIMEOUT, joined).await;
        }
        let _ = tokio::time::timeout(STOP_TIMEOUT, async {
            self.outputs.all_read.lock().await.recv().await
        })
        .await;
    }
}

impl Zygote {
    fn start(interpreter: &Interpreter, program: &Path) -> io::Result<Running> {
        let (ours, theirs) = rustix::net::socketpair(
            AddressFamily::UNIX,
            SocketType::SEQPACKET,
            SocketFlags::CLOEXEC,
            None,
        )?;
        let child = Command::new(&interpreter.executable)
            .args(["-I", "-S", "-B"])
            .arg(program)
            .stdin(Stdio::from(theirs))
            .stdout(Stdio::null())
            // Ctrl-C at a terminal is the server's to handle.
            .process_group(0)
            .spawn()?;
        tracing::info!(
            event = "zygote started",
            pid = child.id(),
            python = interpreter.version()
        );
        let zygote = Arc::new(Self {
            control: ours,
            next_worker: AtomicU32::new(1),
            workers: Mutex::default(),
        });
        let listening = Arc::clone(&zygote);
        let listener = std::thread::Builder::new()
            .name("zygote".to_owned())
            .spawn(move || listening.listen(child))?;
        Ok(Running { zygote, listener })
    }

    fn fork(&self, fds: [BorrowedFd<'_>; 3]) -> io::Result<oneshot::Receiver<io::Result<Born>>> {
        let worker = self.next_worker.fetch_add(1, Ordering::Relaxed);
        let (sender, receiver) = oneshot::channel();
        {
            let mut workers = lock(&self.workers);
            if workers.ended {
                return Err(io::Error::other("the zygote ended"));
            }
            workers.forking.insert(worker, sender);
        }
        let mut space = [std::mem::MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(3))];
        let mut ancillary = SendAncillaryBuffer::new(&mut space);
        ancillary.push(SendAncillaryMessage::ScmRights(&fds));
        let message = worker.to_le_bytes();
        rustix::net::sendmsg(
            &self.control,
            &[io::IoSlice::new(&message)],
            &mut ancillary,
            SendFlags::NOSIGNAL,
        )
        .inspect_err(|_| drop(lock(&self.workers).forking.remove(&worker)))?;
        Ok(receiver)
    }

    /// Hears of births and deaths until the zygote ends. Runs on a thread of its own.
    fn listen(&self, mut child: Child) {
        let mut buffer = [0; 4096];
        loop {
            match rustix::net::recv(&self.control, &mut buffer[..], RecvFlags::empty()) {
                Ok((0, _)) => break,
                Ok((length, _)) => self.hear(&buffer[..length]),
                Err(rustix::io::Errno::INTR) => {}
                Err(_) => break,
            }
        }
        let mut workers = lock(&self.workers);
        *workers = Workers {
            ended: true,
            ..Workers::default()
        };
        drop(workers);
        let status = child
            .wait()
            .map_or_else(|error| error.to_string(), |status| status.to_string());
        tracing::info!(event = "zygote ended", status);
    }

    fn hear(&self, datagram: &[u8]) {
        let Ok(news) = serde_json::from_slice::<News>(datagram) else {
            return;
        };
        let mut workers = lock(&self.workers);
        if let Some(pid) = news.pid
            && let Some(forking) = workers.forking.remove(&news.worker)
        {
            let (sender, exit) = oneshot::channel();
            workers.living.insert(news.worker, sender);
            // Whoever asked may have given up; the worker then sees its pipes close and leaves.
            let _ = forking.send(Ok(Born { pid, exit }));
        }
        if let Some(error) = news.error
            && let Some(forking) = workers.forking.remove(&news.worker)
        {
            let _ = forking.send(Err(io::Error::other(error)));
        }
        if let Some(status) = news.exit
            && let Some(living) = workers.living.remove(&news.worker)
        {
            let _ = living.send(status);
        }
    }
}

impl Process {
    pub(super) fn kill(&self) {
        // It may have ended by itself.
        let _ = rustix::process::pidfd_send_signal(&self.pidfd, Signal::KILL);
    }

    /// Waits for the process's end; for ever, where nobody is left to tell. May be dropped and
    /// asked again.
    pub(super) async fn ends(&mut self) {
        if let Exit::Awaited(news) = &mut self.exit {
            self.exit = Exit::Known(news.await.ok());
        }
        if let Exit::Known(None) = self.exit {
            std::future::pending::<()>().await;
        }
    }

    /// Whether it has not ended, and its end would be told.
    pub(super) fn lives(&mut self) -> bool {
        const AT_ONCE: Timespec = Timespec {
            tv_sec: 0,
            tv_nsec: 0,
        };
        let told = match &mut self.exit {
            Exit::Awaited(news) => {
                !matches!(news.try_recv(), Err(oneshot::error::TryRecvError::Empty))
            }
            Exit::Known(_) => true,
        };
        // The news of its end may be on the way.
        !told
            && matches!(
                poll(
                    &mut [PollFd::new(&self.pidfd, PollFlags::IN)],
                    Some(&AT_ONCE)
                ),
                Ok(0)
            )
    }

    /// How the process ended, in words.
    pub(super) async fn ended(&mut self) -> String {
        // One that closed its pipes may live on.
        let _ = tokio::time::timeout(Duration::from_secs(1), self.ends()).await;
        match self.exit {
            Exit::Known(Some(status)) if status < 0 => format!("killed by signal {}", -status),
            Exit::Known(Some(status)) => format!("exit status {status}"),
            Exit::Known(None) => "its zygote ended".to_owned(),
            Exit::Awaited(_) => "it closed its pipes".to_owned(),
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill();
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
