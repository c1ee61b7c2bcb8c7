//! [`PythonEngine`]: the zygote process, and the workers that it forks.

use std::collections::HashMap;
use std::convert::Infallible;
use std::io::{self, Write as _};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::fs::OpenOptionsExt as _;
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
use crate::blocking::blocking;

/// The modules of the Python side. The first one is the program of the zygote.
const SHIM: [(&str, &str); 9] = [
    ("rpc_zygote.py", include_str!("shim/rpc_zygote.py")),
    ("rpc_worker.py", include_str!("shim/rpc_worker.py")),
    ("rpc_conformance.py", rpc_conformance::CONFORMANCE_PY),
    ("rpc_signature.py", rpc_conformance::SIGNATURE_PY),
    ("rpc_codec.py", include_str!("shim/rpc_codec.py")),
    ("rpc_records.py", include_str!("shim/rpc_records.py")),
    ("rpc_names.py", include_str!("shim/rpc_names.py")),
    ("rpc_modules.py", include_str!("shim/rpc_modules.py")),
    ("rpc_process.py", include_str!("shim/rpc_process.py")),
];

/// Mode of the files in [`SHIM`]: only the server's user may read and write them.
const SHIM_MODE: u32 = 0o600;

/// Maximum time to wait for the end of the zygote, and then for the end of the workers' output.
const STOP_TIMEOUT: Duration = Duration::from_secs(2);

/// Maximum time for the zygote to fork a worker.
const FORK_TIMEOUT: Duration = Duration::from_secs(10);

/// Maximum time to wait for the end of a worker that has closed its pipes.
const END_TIMEOUT: Duration = Duration::from_secs(1);

/// Maximum number of bytes of a message of the zygote. `rpc_zygote.py` writes shorter ones.
const MAX_MESSAGE_BYTES: usize = 4096;

/// Makes workers. The zygote is started with the first worker, and again after it has ended.
#[derive(Debug)]
pub struct PythonEngine {
    /// The path or name of the program, as the options give it.
    python: String,
    /// What that program says about itself. Empty until a worker is needed.
    interpreter: OnceCell<Interpreter>,
    /// Holds the files in [`SHIM`].
    folder: PathBuf,
    zygote: Mutex<Option<RunningZygote>>,
    outputs: WorkerOutputs,
    /// Number of calls that run in workers.
    running_calls: AtomicUsize,
}

/// Counts a call that runs in a worker. Dropping this ends the count.
#[derive(Debug)]
pub(super) struct CountedCall<'a> {
    running_calls: &'a AtomicUsize,
    /// Number of calls that ran when this one began.
    others: usize,
}

impl CountedCall<'_> {
    /// Returns whether no other call ran when this one began.
    pub(super) fn is_alone(&self) -> bool {
        self.others == 0
    }
}

impl Drop for CountedCall<'_> {
    fn drop(&mut self) {
        self.running_calls.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Tells when the output of every worker has been read to its end.
#[derive(Debug)]
struct WorkerOutputs {
    /// Cloned for each output that is being read; the clone is dropped at the end of the output.
    /// `None` after the engine has begun to stop.
    guard: Mutex<Option<mpsc::Sender<Infallible>>>,
    /// Closes when all guards are dropped.
    all_read: tokio::sync::Mutex<mpsc::Receiver<Infallible>>,
}

/// A zygote, and the thread that listens to it until it ends.
#[derive(Debug)]
struct RunningZygote {
    zygote: Arc<Zygote>,
    listener: JoinHandle<()>,
}

/// The server's side of a zygote process.
#[derive(Debug)]
struct Zygote {
    control: OwnedFd,
    next_worker: AtomicU32,
    workers: Mutex<WorkerWaiters>,
}

/// The senders for those who wait for the fork or the end of a worker, by the worker's number. When
/// the zygote ends, all senders are dropped, which tells the receivers.
#[derive(Debug, Default)]
struct WorkerWaiters {
    forking: HashMap<u32, oneshot::Sender<io::Result<ForkedProcess>>>,
    running: HashMap<u32, oneshot::Sender<i32>>,
    /// Whether the zygote has ended. Then no more senders may be added.
    ended: bool,
}

#[derive(Debug)]
struct ForkedProcess {
    pid: u32,
    exit: oneshot::Receiver<i32>,
}

/// A worker that was just forked, and the server's ends of its pipes.
#[derive(Debug)]
pub(super) struct ForkedWorker {
    pub(super) process: WorkerProcess,
    pub(super) requests: pipe::Sender,
    pub(super) answers: pipe::Receiver,
    pub(super) output: pipe::Receiver,
}

/// The process of a worker. Dropping this kills it.
#[derive(Debug)]
pub(super) struct WorkerProcess {
    pub(super) pid: u32,
    pidfd: OwnedFd,
    exit: ProcessExit,
}

/// The end of a process.
#[derive(Debug)]
enum ProcessExit {
    Awaited(oneshot::Receiver<i32>),
    /// The exit status, or the negative number of the signal that killed the process; `None` if the
    /// zygote has ended, so that the status is not known.
    Known(Option<i32>),
}

/// A message of the zygote about a worker that was forked, could not be forked, or has ended.
#[derive(Deserialize)]
struct ZygoteMessage {
    worker: u32,
    pid: Option<u32>,
    exit: Option<i32>,
    error: Option<String>,
}

impl PythonEngine {
    /// Returns an engine that runs this Python. Writes its own Python sources into `folder`.
    ///
    /// # Errors
    /// Returns an error if the sources cannot be written.
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
        let (guard, all_read) = mpsc::channel(1);
        Ok(Self {
            python,
            interpreter: OnceCell::new(),
            folder,
            zygote: Mutex::default(),
            outputs: WorkerOutputs {
                guard: Mutex::new(Some(guard)),
                all_read: tokio::sync::Mutex::new(all_read),
            },
            running_calls: AtomicUsize::new(0),
        })
    }

    /// Returns the folder with the engine's own Python sources.
    pub(super) fn folder(&self) -> &Path {
        &self.folder
    }

    /// Counts a call that begins to run in a worker.
    pub(super) fn count_running(&self) -> CountedCall<'_> {
        let others = self.running_calls.fetch_add(1, Ordering::Relaxed);
        CountedCall {
            running_calls: &self.running_calls,
            others,
        }
    }

    /// Returns the Python that runs procedures. The first call asks it about itself.
    ///
    /// # Errors
    /// Returns the reason why this Python cannot be used.
    pub(crate) async fn interpreter(&self) -> Result<&Interpreter, String> {
        let python = self.python.clone();
        self.interpreter
            .get_or_try_init(|| blocking(move || Interpreter::resolve(&python)))
            .await
    }

    /// Returns the version of that Python, or an empty text before Python was needed.
    pub(crate) fn version(&self) -> String {
        self.interpreter
            .get()
            .map_or_else(String::new, Interpreter::version)
    }

    /// Forks a worker.
    pub(super) async fn fork(&self) -> io::Result<ForkedWorker> {
        let (request_read, request_write) = rustix::pipe::pipe_with(PipeFlags::CLOEXEC)?;
        let (answer_read, answer_write) = rustix::pipe::pipe_with(PipeFlags::CLOEXEC)?;
        let (output_read, output_write) = rustix::pipe::pipe_with(PipeFlags::CLOEXEC)?;
        let forked = self.zygote().await?.fork([
            request_read.as_fd(),
            answer_write.as_fd(),
            output_write.as_fd(),
        ])?;
        drop((request_read, answer_write, output_write));
        let zygote_ended = || io::Error::other("the zygote ended");
        let too_late = |_| {
            let what = format!("the zygote did not start a worker within {FORK_TIMEOUT:?}");
            io::Error::new(io::ErrorKind::TimedOut, what)
        };
        let forked = tokio::time::timeout(FORK_TIMEOUT, forked)
            .await
            .map_err(too_late)?
            .map_err(|_| zygote_ended())??;
        let pid = i32::try_from(forked.pid)
            .ok()
            .and_then(Pid::from_raw)
            .ok_or_else(zygote_ended)?;
        let pidfd = rustix::process::pidfd_open(pid, PidfdFlags::empty())?;
        Ok(ForkedWorker {
            process: WorkerProcess {
                pid: forked.pid,
                pidfd,
                exit: ProcessExit::Awaited(forked.exit),
            },
            requests: pipe::Sender::from_owned_fd(request_write)?,
            answers: pipe::Receiver::from_owned_fd(answer_read)?,
            output: pipe::Receiver::from_owned_fd(output_read)?,
        })
    }

    /// Returns the zygote. Starts one if none runs.
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

    /// Returns a guard for a task that reads the output of a worker. The task drops it at the end of
    /// the output.
    pub(super) fn output_guard(&self) -> Option<mpsc::Sender<Infallible>> {
        lock(&self.outputs.guard).clone()
    }

    /// Ends the zygote and all workers. Waits until they have ended and their output is logged.
    pub(crate) async fn stop(&self) {
        lock(&self.outputs.guard).take();
        let running = lock(&self.zygote).take();
        if let Some(RunningZygote { zygote, listener }) = running {
            // Ignore failures here: the zygote may have ended by itself.
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
    fn start(interpreter: &Interpreter, program: &Path) -> io::Result<RunningZygote> {
        let (ours, theirs) = rustix::net::socketpair(
            AddressFamily::UNIX,
            SocketType::SEQPACKET,
            SocketFlags::CLOEXEC,
            None,
        )?;
        let child = Command::new(&interpreter.executable)
            .args(interpreter.zygote_flags())
            .arg(program)
            .stdin(Stdio::from(theirs))
            .stdout(Stdio::null())
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
        let listening_zygote = Arc::clone(&zygote);
        let listener = std::thread::Builder::new()
            .name("zygote".to_owned())
            .spawn(move || listening_zygote.listen(child))?;
        Ok(RunningZygote { zygote, listener })
    }

    /// Asks the zygote to fork a worker with these ends of pipes.
    fn fork(
        &self,
        fds: [BorrowedFd<'_>; 3],
    ) -> io::Result<oneshot::Receiver<io::Result<ForkedProcess>>> {
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

    /// Handles the messages of the zygote until it ends. Runs on a thread of its own.
    fn listen(&self, mut child: Child) {
        let mut buffer = [0; MAX_MESSAGE_BYTES];
        loop {
            match rustix::net::recv(&self.control, &mut buffer[..], RecvFlags::empty()) {
                Ok((0, _)) => break,
                Ok((length, _)) => self.handle_message(&buffer[..length]),
                Err(rustix::io::Errno::INTR) => {}
                Err(_) => break,
            }
        }
        let mut workers = lock(&self.workers);
        *workers = WorkerWaiters {
            ended: true,
            ..WorkerWaiters::default()
        };
        drop(workers);
        let status = child
            .wait()
            .map_or_else(|error| error.to_string(), |status| status.to_string());
        tracing::info!(event = "zygote ended", status);
    }

    fn handle_message(&self, datagram: &[u8]) {
        let Ok(message) = serde_json::from_slice::<ZygoteMessage>(datagram) else {
            return;
        };
        let mut workers = lock(&self.workers);
        if let Some(pid) = message.pid
            && let Some(forking) = workers.forking.remove(&message.worker)
        {
            let (sender, exit) = oneshot::channel();
            workers.running.insert(message.worker, sender);
            // Ignore failures here: if the receiver has given up, the worker sees its pipes close
            // and ends.
            let _ = forking.send(Ok(ForkedProcess { pid, exit }));
        }
        if let Some(error) = message.error
            && let Some(forking) = workers.forking.remove(&message.worker)
        {
            let _ = forking.send(Err(io::Error::other(error)));
        }
        if let Some(status) = message.exit
            && let Some(running) = workers.running.remove(&message.worker)
        {
            let _ = running.send(status);
        }
    }
}

impl WorkerProcess {
    pub(super) fn kill(&self) {
        // Ignore failures here: the process may have ended by itself.
        let _ = rustix::process::pidfd_send_signal(&self.pidfd, Signal::KILL);
    }

    /// Waits for the end of the process. Waits for ever if the zygote has ended, since the exit
    /// status is then unknown. The future may be dropped, and the method called again.
    pub(super) async fn wait_for_end(&mut self) {
        if let ProcessExit::Awaited(status) = &mut self.exit {
            self.exit = ProcessExit::Known(status.await.ok());
        }
        if let ProcessExit::Known(None) = self.exit {
            std::future::pending::<()>().await;
        }
    }

    /// Returns whether the process and its zygote still run.
    pub(super) fn is_alive(&mut self) -> bool {
        const AT_ONCE: Timespec = Timespec {
            tv_sec: 0,
            tv_nsec: 0,
        };
        let is_end_known = match &mut self.exit {
            ProcessExit::Awaited(status) => {
                !matches!(status.try_recv(), Err(oneshot::error::TryRecvError::Empty))
            }
            ProcessExit::Known(_) => true,
        };
        // Ask the kernel too: the message about the end may not have come yet.
        !is_end_known
            && matches!(
                poll(
                    &mut [PollFd::new(&self.pidfd, PollFlags::IN)],
                    Some(&AT_ONCE)
                ),
                Ok(0)
            )
    }

    /// Waits a moment for the end of the process, and describes how it ended.
    pub(super) async fn describe_end(&mut self) -> String {
        // A process that has closed its pipes may still run.
        let _ = tokio::time::timeout(END_TIMEOUT, self.wait_for_end()).await;
        match self.exit {
            ProcessExit::Known(Some(status)) if status < 0 => {
                format!("killed by signal {}", -status)
            }
            ProcessExit::Known(Some(status)) => format!("exit status {status}"),
            ProcessExit::Known(None) => "its zygote ended".to_owned(),
            ProcessExit::Awaited(_) => "it closed its pipes".to_owned(),
        }
    }
}

impl Drop for WorkerProcess {
    fn drop(&mut self) {
        self.kill();
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
