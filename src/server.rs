//! `rpc-server`: serves what the initializer brings.

use std::ffi::OsString;
use std::io::{self, Write as _};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Parser, ValueEnum};
use deploy::key_file;
use rpc_runtime::NativeService;
use rpc_runtime::server::log::file::{LogFile, LogReopen, LogRotation};
use rpc_runtime::server::log::{self, LogFormat, LogGuard};
use rpc_runtime::server::{Limits, Server, ServerOptions};
use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::args::{self, ExitStatus};
use crate::report;

const NAME: &str = "rpc-server";

const EXAMPLES: &str = "\
Examples:
  rpc-server --listen 127.0.0.1:7101 --data /var/lib/rpc/server1
      serve on loopback; the initializer then says what
  rpc-server --listen 127.0.0.1:0 --data data --log-level debug
      pick a free port and print it as `listening on IP:PORT`
  rpc-server --listen 10.0.0.5:7101 --data data --insecure --deploy-key key.txt
      serve a trusted network in plain TCP; only who has the key may deploy

A server needs no other configuration: which services it provides, and who may call them, comes with
`initializer apply init.yaml`. It is kept in the data folder and served again after a restart.
Only who proves the deploy key may deploy. Without --deploy-key the server makes its own, which an
initializer of the same user on the same machine finds by itself.
SIGTERM and SIGINT drain; a second one exits at once. SIGHUP opens the log file again; without one it drains too.";

/// Serves remote procedures: the same program on every node.
#[derive(Debug, Parser)]
#[command(name = NAME, version, after_help = EXAMPLES)]
struct Arguments {
    /// Where to listen; port 0 picks a free port
    #[arg(long, value_name = "IP:PORT", required_unless_present = "completions")]
    listen: Option<SocketAddr>,
    /// The folder that holds what was deployed; made where it is missing
    #[arg(long, value_name = "DIR", required_unless_present = "completions")]
    data: Option<PathBuf>,
    /// Listen beyond loopback in plain TCP, where anyone on the way can read and forge calls
    #[arg(long)]
    insecure: bool,
    /// A file with the key that proves who may deploy; without it, the server makes its own in the
    /// data folder
    #[arg(long, value_name = "FILE")]
    deploy_key: Option<PathBuf>,
    /// The address at which initializers dial this server, where that is another than the one it
    /// listens on
    #[arg(long, value_name = "IP:PORT", value_parser = dialled_address)]
    advertise: Option<SocketAddr>,
    /// The Python that runs procedures, 3.9 or newer, checked at the start; else `python3`, when a
    /// procedure needs it
    #[arg(long, value_name = "PATH")]
    python: Option<String>,
    #[command(flatten)]
    log: LogArguments,
    #[command(flatten)]
    limits: LimitArguments,
    /// Print completions for a shell and exit
    #[arg(long, value_name = "SHELL", help_heading = "Options")]
    completions: Option<clap_complete::Shell>,
}

#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Log")]
#[expect(
    clippy::struct_field_names,
    reason = "the fields are named as their flags"
)]
struct LogArguments {
    /// What is logged
    #[arg(long, value_enum, value_name = "LEVEL", default_value = "info")]
    log_level: LogLevel,
    /// How lines look
    #[arg(long, value_enum, value_name = "FORMAT", default_value = "text")]
    log_format: LogStyle,
    /// Append to this file instead of writing to stderr
    #[arg(long, value_name = "FILE")]
    log_file: Option<PathBuf>,
    /// Bytes of the log file; then it is renamed to FILE.1 and a new one is begun
    #[arg(long, value_name = "SIZE", default_value = "64MiB", value_parser = args::bytes)]
    log_max: usize,
    /// Older log files to keep
    #[arg(long, value_name = "N", default_value = "5", value_parser = at_least_one)]
    log_keep: usize,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum LogLevel {
    Error,
    Warn,
    Info,
    Debug,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum LogStyle {
    Text,
    Json,
}

#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Limits")]
struct LimitArguments {
    /// Bytes of one message, at most 128MiB
    #[arg(long, value_name = "SIZE", default_value = "16MiB", value_parser = frame_bytes)]
    max_frame: usize,
    /// Bytes of one message from an address that is no client's
    #[arg(long, value_name = "SIZE", default_value = "64KiB", value_parser = args::bytes)]
    max_stranger_frame: usize,
    /// Bytes of messages that have not come whole, of all connections; at least four of the largest
    /// messages
    #[arg(long, value_name = "SIZE", default_value = "256MiB", value_parser = args::bytes)]
    max_unfinished: usize,
    /// Malformed messages on one connection before it is closed
    #[arg(long, value_name = "N", default_value = "100", value_parser = at_least_one)]
    max_malformed: usize,
    /// Refused and malformed messages a second from one address before its connections are slowed
    /// down
    #[arg(long, value_name = "N", default_value = "1000", value_parser = at_least_one)]
    max_refusals: usize,
    /// Connections at once
    #[arg(long, value_name = "N", default_value = "10000", value_parser = at_least_one)]
    max_connections: usize,
    /// Calls in flight on one connection; more wait in the socket
    #[arg(long, value_name = "N", default_value = "256", value_parser = at_least_one)]
    max_session_calls: usize,
    /// Calls in flight on the server; more are Unavailable
    #[arg(long, value_name = "N", default_value = "10000", value_parser = at_least_one)]
    max_calls: usize,
    /// Bytes of answers that a connection may leave untaken before its requests wait
    #[arg(long, value_name = "SIZE", default_value = "1MiB", value_parser = args::bytes)]
    max_queued: usize,
    /// Bytes of answers that peers have not taken, beyond what each may queue; at least four of the
    /// largest answers
    #[arg(long, value_name = "SIZE", default_value = "512MiB", value_parser = args::bytes)]
    max_untaken: usize,
    /// From a message's first byte, or the connection's begin, to its last
    #[arg(long, value_name = "TIME", default_value = "30s", value_parser = args::duration)]
    header_timeout: Duration,
    /// A connection on which nothing happens for longer is closed
    #[arg(long, value_name = "TIME", default_value = "5m", value_parser = args::duration)]
    idle_timeout: Duration,
    /// A peer that takes none of its answers for longer is closed
    #[arg(long, value_name = "TIME", default_value = "30s", value_parser = args::duration)]
    write_timeout: Duration,
    /// How long a call may take where its procedure does not say
    #[arg(long, value_name = "TIME", default_value = "30s", value_parser = args::duration)]
    deadline: Duration,
    /// How long to wait for calls in flight when stopping
    #[arg(long, value_name = "TIME", default_value = "10s", value_parser = args::duration)]
    drain_timeout: Duration,
    /// Threads that serve connections; one for each core where it is not said
    #[arg(long, value_name = "N", value_parser = at_least_one)]
    threads: Option<usize>,
    /// Threads for native procedures that compute for long or block
    #[arg(long, value_name = "N", default_value = "64", value_parser = at_least_one)]
    native_threads: usize,
    /// Bytes of signatures that one binary session may bind
    #[arg(long, value_name = "SIZE", default_value = "16MiB", value_parser = args::bytes)]
    max_bound: usize,
    /// Python workers of one service, where it does not declare a concurrency
    #[arg(long, value_name = "N", default_value = "16", value_parser = at_least_one)]
    workers: usize,
    /// A worker idle for longer leaves
    #[arg(long, value_name = "TIME", default_value = "1m", value_parser = args::duration)]
    worker_idle: Duration,
    /// Loading the sources of a service takes no longer
    #[arg(long, value_name = "TIME", default_value = "30s", value_parser = args::duration)]
    load_timeout: Duration,
    /// Generations to keep for a rollback, with the live one; the one before it is always kept
    #[arg(long, value_name = "N", default_value = "10", value_parser = at_least_one)]
    history: usize,
    /// Bytes of files to keep for them alone
    #[arg(long, value_name = "SIZE", default_value = "256MiB", value_parser = args::bytes)]
    history_bytes: usize,
}

/// Runs `rpc-server` with this command line.
pub fn run(arguments: impl IntoIterator<Item = OsString>) -> ExitStatus {
    run_with(Vec::new(), arguments)
}

/// Runs a server with this command line and native services of one's own: what a provider's own
/// binary does.
pub fn run_with(
    native: Vec<NativeService>,
    arguments: impl IntoIterator<Item = OsString>,
) -> ExitStatus {
    args::run(NAME, arguments, |arguments: Arguments| {
        if let Some(shell) = arguments.completions {
            return args::print_completions::<Arguments>(shell, NAME);
        }
        serve(arguments, native).unwrap_or_else(|what| {
            report::error(what);
            ExitStatus::Failed
        })
    })
}

fn serve(arguments: Arguments, native: Vec<NativeService>) -> Result<ExitStatus, String> {
    let Arguments {
        listen: Some(listen),
        data: Some(data),
        insecure,
        deploy_key,
        advertise,
        python,
        log,
        limits,
        ..
    } = arguments
    else {
        return Err("--listen and --data are missing".to_owned());
    };
    let limits = within_open_files(limits.into_limits());
    let deploy_key = deploy_key.map(|path| read_key(&path)).transpose()?;
    let (log, reopen) = start_log(&log)?;
    let options = ServerOptions {
        insecure,
        deploy_key,
        advertise,
        python,
        native,
        limits,
        ..ServerOptions::new(listen, data)
    };
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .thread_name("server")
        .build()
        .map_err(|error| format!("cannot start threads: {error}"))?;
    let status = runtime.block_on(serve_until_signalled(options, reopen));
    runtime.shutdown_background();
    drop(log);
    status
}

async fn serve_until_signalled(
    options: ServerOptions,
    reopen: Option<LogReopen>,
) -> Result<ExitStatus, String> {
    let hears_hang_up = reopen.is_some() || !ignores_hang_up();
    let first = Signals::listen(reopen.clone(), hears_hang_up)?;
    let second = Signals::listen(reopen, hears_hang_up)?;
    let server = Server::start(options)
        .await
        .map_err(|error| error.to_string())?;
    announce(&server).map_err(|error| format!("cannot say where it listens: {error}"))?;
    tokio::select! {
        cut_off = server.run(first.received(1)) => {
            if cut_off > 0 {
                report::error(format!("{cut_off} connections were cut off when the drain timeout passed"));
            }
            Ok(ExitStatus::Done)
        }
        () = second.received(2) => Err("stopped at once by a second signal".to_owned()),
    }
}

/// Descriptors that are not for connections: workers, files, the log.
const RESERVED_FILES: u64 = 512;

/// Lets this process open as many files as it may, and fits the limit of connections into that.
fn within_open_files(mut limits: Limits) -> Limits {
    use rustix::process::{Resource, getrlimit, setrlimit};
    let mut files = getrlimit(Resource::Nofile);
    files.current = files.maximum;
    // Where it may not, the limit stays what it was.
    let _ = setrlimit(Resource::Nofile, files);
    if let Some(files) = getrlimit(Resource::Nofile).current {
        let room = usize::try_from(files.saturating_sub(RESERVED_FILES).max(files / 2))
            .unwrap_or(usize::MAX);
        limits.connections = limits.connections.min(room.max(1));
    }
    limits
}

fn announce(server: &Server) -> io::Result<()> {
    let mut stdout = io::stdout();
    writeln!(stdout, "listening on {}", server.local_addr()?)?;
    stdout.flush()
}

/// The signals that stop a server. SIGHUP has a log file opened again; without one it stops the
/// server too, as when a terminal is closed.
struct Signals {
    terminate: Signal,
    interrupt: Signal,
    /// `None` where it is ignored, as below `nohup`, and there is no log file.
    hang_up: Option<Signal>,
    reopen: Option<LogReopen>,
}

/// Whether this process was started with SIGHUP ignored.
fn ignores_hang_up() -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let ignored = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let mask = ignored
        .and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok())
        .unwrap_or_default();
    mask & 1 == 1
}

impl Signals {
    fn listen(reopen: Option<LogReopen>, hears_hang_up: bool) -> Result<Self, String> {
        let listen =
            |kind| signal(kind).map_err(|error| format!("cannot listen for signals: {error}"));
        Ok(Self {
            terminate: listen(SignalKind::terminate())?,
            interrupt: listen(SignalKind::interrupt())?,
            hang_up: if hears_hang_up {
                Some(listen(SignalKind::hangup())?)
            } else {
                None
            },
            reopen,
        })
    }

    /// Waits until as many have come that stop the server.
    async fn received(mut self, count: u32) {
        for _ in 0..count {
            self.next().await;
        }
    }

    async fn next(&mut self) {
        loop {
            tokio::select! {
                _ = self.terminate.recv() => return,
                _ = self.interrupt.recv() => return,
                () = hang_up(self.hang_up.as_mut()) => match &self.reopen {
                    Some(reopen) => match reopen.reopen() {
                        Ok(()) => tracing::info!(event = "log reopened"),
                        Err(error) => {
                            let note = "lines go on to the file before; send SIGHUP again";
                            tracing::error!(event = "log not reopened", reason = %error, note);
                        }
                    },
                    None => return,
                },
            }
        }
    }
}

/// Waits for a SIGHUP, if it is heard.
async fn hang_up(signal: Option<&mut Signal>) {
    match signal {
        Some(signal) => drop(signal.recv().await),
        None => std::future::pending().await,
    }
}

fn start_log(arguments: &LogArguments) -> Result<(LogGuard, Option<LogReopen>), String> {
    let mut reopen = None;
    let sink: Box<dyn io::Write + Send> = match &arguments.log_file {
        None => Box::new(io::stderr()),
        Some(path) => {
            let rotation = LogRotation {
                max_bytes: arguments.log_max as u64,
                keep: arguments.log_keep,
            };
            let file = LogFile::open(path, rotation)
                .map_err(|error| format!("cannot write the log {}: {error}", path.display()))?;
            reopen = Some(file.reopener());
            Box::new(file)
        }
    };
    let level = match arguments.log_level {
        LogLevel::Error => tracing::Level::ERROR,
        LogLevel::Warn => tracing::Level::WARN,
        LogLevel::Info => tracing::Level::INFO,
        LogLevel::Debug => tracing::Level::DEBUG,
    };
    let format = match arguments.log_format {
        LogStyle::Text => LogFormat::Text,
        LogStyle::Json => LogFormat::Json,
    };
    let log = log::start(level, format, sink)
        .map_err(|error| format!("cannot start the log: {error}"))?;
    Ok((log, reopen))
}

/// Reads a deploy key that the user named, and warns where others can read it too.
pub(crate) fn read_key(path: &std::path::Path) -> Result<Vec<u8>, String> {
    let (key, is_open) = key_file::read(path).map_err(|error| error.to_string())?;
    if is_open {
        report::warning(key_file::open_to_others(path));
    }
    Ok(key)
}

fn dialled_address(text: &str) -> Result<SocketAddr, String> {
    match text.parse::<SocketAddr>() {
        Ok(address) if address.port() == 0 || address.ip().is_unspecified() => {
            Err("nobody can dial it; give an IP address of a machine and a port".to_owned())
        }
        Ok(address) => Ok(address),
        Err(_) => Err("an address is written IP:PORT, such as 10.0.0.5:7101".to_owned()),
    }
}

fn at_least_one(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(0) => Err("at least 1".to_owned()),
        Ok(count) => Ok(count),
        Err(_) => Err(format!("`{text}` is not a whole number")),
    }
}

fn frame_bytes(text: &str) -> Result<usize, String> {
    let bytes = args::bytes(text)?;
    let limit = wire::frame::MAX_FRAME_LIMIT;
    if bytes > limit {
        Err(format!("at most {}MiB", limit >> 20))
    } else {
        Ok(bytes)
    }
}

impl LimitArguments {
    fn into_limits(self) -> Limits {
        Limits {
            frame_bytes: self.max_frame,
            stranger_frame_bytes: self.max_stranger_frame,
            unfinished_bytes: self.max_unfinished,
            malformed: self.max_malformed,
            refusals: self.max_refusals as u64,
            connections: self.max_connections,
            session_calls: self.max_session_calls,
            calls: self.max_calls,
            queued_bytes: self.max_queued,
            untaken_bytes: self.max_untaken,
            header_timeout: self.header_timeout,
            idle_timeout: self.idle_timeout,
            write_timeout: self.write_timeout,
            deadline: self.deadline,
            drain_timeout: self.drain_timeout,
            threads: self.threads.unwrap_or(Limits::default().threads),
            native_threads: self.native_threads,
            bound_bytes: self.max_bound,
            workers: self.workers,
            worker_idle: self.worker_idle,
            load_timeout: self.load_timeout,
            history: self.history,
            history_bytes: self.history_bytes as u64,
        }
    }
}
