//! `rpc-server`: serves what the initializer brings.

use std::ffi::OsString;
use std::io::{self, Write as _};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Parser, ValueEnum};
use rpc_runtime::NativeService;
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
SIGTERM and SIGINT drain; a second one exits at once.";

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
    /// A file with the key that proves who may deploy; without it, whoever connects from loopback may
    #[arg(long, value_name = "FILE")]
    deploy_key: Option<PathBuf>,
    /// The Python that runs procedures, 3.9 or newer
    #[arg(long, value_name = "PATH", default_value = "python3")]
    python: String,
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
#[expect(clippy::struct_field_names, reason = "the fields are named as their flags")]
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

/// Runs a server with this command line and native services of one's own: what a provider's own binary does.
pub fn run_with(native: Vec<NativeService>, arguments: impl IntoIterator<Item = OsString>) -> ExitStatus {
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
        listen: Some(listen), data: Some(data), insecure, deploy_key, python, log, limits, ..
    } = arguments
    else {
        return Err("--listen and --data are missing".to_owned());
    };
    let limits = within_open_files(limits.into_limits());
    let deploy_key = deploy_key.map(|path| read_key(&path)).transpose()?;
    let log = start_log(&log)?;
    let options = ServerOptions { listen, data, insecure, deploy_key, python, native, limits };
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .thread_name("server")
        .build()
        .map_err(|error| format!("cannot start threads: {error}"))?;
    let status = runtime.block_on(serve_until_signalled(options));
    runtime.shutdown_background();
    drop(log);
    status
}

async fn serve_until_signalled(options: ServerOptions) -> Result<ExitStatus, String> {
    let (first, second) = (Signals::listen()?, Signals::listen()?);
    let server = Server::start(options).await.map_err(|error| error.to_string())?;
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
        let room = usize::try_from(files.saturating_sub(RESERVED_FILES).max(files / 2)).unwrap_or(usize::MAX);
        limits.connections = limits.connections.min(room.max(1));
    }
    limits
}

fn announce(server: &Server) -> io::Result<()> {
    let mut stdout = io::stdout();
    writeln!(stdout, "listening on {}", server.local_addr()?)?;
    stdout.flush()
}

/// The signals that stop a server.
struct Signals {
    terminate: Signal,
    interrupt: Signal,
}

impl Signals {
    fn listen() -> Result<Self, String> {
        let listen = |kind| signal(kind).map_err(|error| format!("cannot listen for signals: {error}"));
        Ok(Self { terminate: listen(SignalKind::terminate())?, interrupt: listen(SignalKind::interrupt())? })
    }

    /// Waits until as many have come.
    async fn received(mut self, count: u32) {
        for _ in 0..count {
            tokio::select! {
                _ = self.terminate.recv() => {}
                _ = self.interrupt.recv() => {}
            }
        }
    }
}

fn start_log(arguments: &LogArguments) -> Result<LogGuard, String> {
    let sink: Box<dyn io::Write + Send> = match &arguments.log_file {
        None => Box::new(io::stderr()),
        Some(path) => {
            let file = std::fs::File::options().create(true).append(true).open(path);
            Box::new(file.map_err(|error| format!("cannot write the log {}: {error}", path.display()))?)
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
    log::start(level, format, sink).map_err(|error| format!("cannot start the log: {error}"))
}

/// Reads a deploy key; white space around it does not count.
pub(crate) fn read_key(path: &std::path::Path) -> Result<Vec<u8>, String> {
    let bytes = std::fs::read(path)
        .map_err(|error| format!("cannot read the deploy key {}: {error}", path.display()))?;
    let key = bytes.trim_ascii();
    if key.len() < 16 {
        return Err(format!("the deploy key {} has fewer than 16 bytes", path.display()));
    }
    Ok(key.to_vec())
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
    let limit = rpc_runtime::wire::frame::MAX_FRAME_LIMIT;
    if bytes > limit { Err(format!("at most {}MiB", limit >> 20)) } else { Ok(bytes) }
}

impl LimitArguments {
    fn into_limits(self) -> Limits {
        Limits {
            frame_bytes: self.max_frame,
            connections: self.max_connections,
            session_calls: self.max_session_calls,
            calls: self.max_calls,
            queued_bytes: self.max_queued,
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
