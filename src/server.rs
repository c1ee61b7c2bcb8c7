//! `rpc-server`: runs the services that the initializer deploys.

mod machine;

use std::ffi::OsString;
use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Parser, ValueEnum};
use deploy::key_file;
use rpc_runtime::NativeService;
use rpc_runtime::server::log::file::{LogFile, LogReopener, LogRotation};
use rpc_runtime::server::log::{self, LogFormat, LogGuard};
use rpc_runtime::server::{Limits, Server, ServerOptions};
use wire::keep_alive::{MAX_DEAD_PEER_TIMEOUT, MIN_DEAD_PEER_TIMEOUT};

use crate::args;
use crate::exit_status::ExitStatus;
use crate::report;
use crate::service_manager;
use crate::signals::{Arrived, SIGHUP, StopSignals, is_ignored};

const NAME: &str = "rpc-server";

const EXAMPLES: &str = "\
Examples:
  rpc-server --listen 127.0.0.1:7101 --data /var/lib/rpc/server1
      serve on loopback
  rpc-server --listen 127.0.0.1:0 --data data --log-level debug
      pick a free port and print `listening on IP:PORT`
  rpc-server --listen 10.0.0.5:7101 --data data --tls certs/servers/server1
      serve by TLS; only clients and deployers with a certificate of the network may call or deploy
  rpc-server --listen 10.0.0.5:7101 --data data --insecure --deploy-key key.txt
      serve a trusted network in plain TCP; only initializers that have the key may deploy

A server needs no other configuration: `initializer apply init.yaml` tells it which services it
provides and who may call them. The server stores this in the data folder and serves it again after
a restart.
An initializer must prove the deploy key before it may deploy. Without --deploy-key, the server
makes its own key, and an initializer of the same user on the same machine finds it by itself.
SIGTERM and SIGINT stop the server after the calls in flight; a second one stops it at once. SIGHUP
opens the log file again; without a log file it acts as SIGTERM.";

/// Runs the services that the initializer deploys; the program is the same on every node.
#[derive(Debug, Parser)]
#[command(name = NAME, version, after_help = EXAMPLES)]
struct CommandLine {
    /// Address to listen on; port 0 picks a free port
    #[arg(long, value_name = "IP:PORT", value_parser = args::address, required_unless_present = "completions")]
    listen: Option<SocketAddr>,
    /// Folder for what was deployed; the server makes it if it is missing
    #[arg(long, value_name = "DIR", required_unless_present = "completions")]
    data: Option<PathBuf>,
    /// Folder with the server's certificate, as `initializer cert` makes it: the server then speaks
    /// TLS alone, and certificates say who may call and who may deploy. It is read again when it
    /// changes
    #[arg(long, value_name = "DIR", conflicts_with_all = ["insecure", "deploy_key"])]
    tls: Option<PathBuf>,
    /// Listen beyond loopback in plain TCP: anyone on the network path can read and forge calls
    #[arg(long)]
    insecure: bool,
    /// File with the key that initializers must prove; without it, the server makes its own key in
    /// the data folder
    #[arg(long, value_name = "FILE")]
    deploy_key: Option<PathBuf>,
    /// Address at which initializers dial this server, if it differs from the address that the
    /// server listens on
    #[arg(long, value_name = "IP:PORT", value_parser = dialled_address)]
    advertise: Option<SocketAddr>,
    /// Python that runs procedures, 3.9 or newer; it is checked at the start. Without this flag,
    /// `python3` is used as soon as a procedure needs Python
    #[arg(long, value_name = "PATH")]
    python: Option<String>,
    #[command(flatten)]
    log: LogArguments,
    #[command(flatten)]
    limits: LimitArguments,
    /// Print the completions for a shell and exit
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
    /// Lowest level that is logged
    #[arg(long, value_enum, value_name = "LEVEL", default_value = "info")]
    log_level: LogLevel,
    /// Format of the lines
    #[arg(long, value_enum, value_name = "FORMAT", default_value = "text")]
    log_format: LogStyle,
    /// Append to this file instead of writing to stderr
    #[arg(long, value_name = "FILE")]
    log_file: Option<PathBuf>,
    /// Size at which the log file is renamed to FILE.1 and a new one begins
    #[arg(long, value_name = "SIZE", default_value = "64MiB", value_parser = args::bytes)]
    log_max: usize,
    /// Number of older log files to keep
    #[arg(long, value_name = "N", default_value = "5", value_parser = args::at_least_one)]
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
    /// Size of one message; at most 128MiB
    #[arg(long, value_name = "SIZE", default_value = "16MiB", value_parser = frame_bytes)]
    max_frame: usize,
    /// Size of one message from an address that belongs to no client
    #[arg(long, value_name = "SIZE", default_value = "64KiB", value_parser = args::bytes)]
    max_stranger_frame: usize,
    /// Total size of the incomplete messages of all connections; raised to four times
    /// `--max-frame` if it is less
    #[arg(long, value_name = "SIZE", default_value = "64MiB", value_parser = args::bytes)]
    max_unfinished: usize,
    /// Malformed messages on one connection before it is closed
    #[arg(long, value_name = "N", default_value = "100", value_parser = args::at_least_one)]
    max_malformed: usize,
    /// Refused and malformed messages per second from one address before its connections are
    /// slowed down
    #[arg(long, value_name = "N", default_value = "1000", value_parser = args::at_least_one)]
    max_refusals: usize,
    /// Number of connections at once
    #[arg(long, value_name = "N", default_value = "10000", value_parser = args::at_least_one)]
    max_connections: usize,
    /// Number of connections at once from one address, which is an IPv6 network of 64 bits; without
    /// this flag, half of `--max-connections`
    #[arg(long, value_name = "N", value_parser = args::at_least_one)]
    max_address_connections: Option<usize>,
    /// Connections per second from one address that end without a message, before seven of eight
    /// further ones are reset for the rest of the second
    #[arg(long, value_name = "N", default_value = "1000", value_parser = args::at_least_one)]
    max_empty_connections: usize,
    /// Calls in flight on one connection; further requests wait in the socket
    #[arg(long, value_name = "N", default_value = "256", value_parser = args::at_least_one)]
    max_session_calls: usize,
    /// Calls in flight on the server; further calls get `Unavailable`
    #[arg(long, value_name = "N", default_value = "10000", value_parser = args::at_least_one)]
    max_calls: usize,
    /// Total size of the arguments of calls in flight; raised to four times `--max-frame` if it is
    /// less
    #[arg(long, value_name = "SIZE", default_value = "512MiB", value_parser = args::bytes)]
    max_arguments: usize,
    /// Size of the unread answers of one connection; beyond that, its requests wait
    #[arg(long, value_name = "SIZE", default_value = "1MiB", value_parser = args::bytes)]
    max_queued: usize,
    /// Total size of unread answers, beyond `--max-queued` of each connection; raised to four times
    /// `--max-frame` if it is less
    #[arg(long, value_name = "SIZE", default_value = "512MiB", value_parser = args::bytes)]
    max_untaken: usize,
    /// Time for one message, from its first byte to its last; for the first message it starts with
    /// the connection
    #[arg(long, value_name = "TIME", default_value = "30s", value_parser = args::duration)]
    header_timeout: Duration,
    /// Bytes per second of a message that takes longer than `--header-timeout`: each byte adds its
    /// time at this rate
    #[arg(long, value_name = "SIZE", default_value = "64KiB", value_parser = args::bytes)]
    min_rate: usize,
    /// Unfinished TLS handshakes; beyond that, the oldest one ends
    #[arg(long, value_name = "N", default_value = "1000", value_parser = args::at_least_one)]
    max_handshakes: usize,
    /// Time for a TLS handshake
    #[arg(long, value_name = "TIME", default_value = "10s", value_parser = args::duration)]
    handshake_timeout: Duration,
    /// Time without any activity after which a connection is closed
    #[arg(long, value_name = "TIME", default_value = "5m", value_parser = args::duration)]
    idle_timeout: Duration,
    /// Time after which a peer that reads none of its answers is closed
    #[arg(long, value_name = "TIME", default_value = "30s", value_parser = args::duration)]
    write_timeout: Duration,
    /// Time after which the connection of a peer ends that is gone without a word: its kernel answers
    /// nothing; from 5s to 1h
    #[arg(long, value_name = "TIME", default_value = "40s", value_parser = dead_peer_timeout)]
    dead_peer_timeout: Duration,
    /// Time that a call may take if its procedure declares no deadline
    #[arg(long, value_name = "TIME", default_value = "30s", value_parser = args::duration)]
    deadline: Duration,
    /// Time to wait for calls in flight when the server stops
    #[arg(long, value_name = "TIME", default_value = "10s", value_parser = args::duration)]
    drain_timeout: Duration,
    /// Threads that serve connections; without this flag, one per core
    #[arg(long, value_name = "N", value_parser = args::at_least_one)]
    threads: Option<usize>,
    /// Threads for native procedures that compute for long or that block
    #[arg(long, value_name = "N", default_value = "64", value_parser = args::at_least_one)]
    native_threads: usize,
    /// Size of the signatures that one binary session may bind
    #[arg(long, value_name = "SIZE", default_value = "16MiB", value_parser = args::bytes)]
    max_bound: usize,
    /// Python workers of one service that declares no concurrency
    #[arg(long, value_name = "N", default_value = "16", value_parser = args::at_least_one)]
    workers: usize,
    /// Memory of one Python worker, at least 64MiB
    #[arg(long, value_name = "SIZE", default_value = "4GiB", value_parser = args::worker_memory)]
    max_worker_memory: usize,
    /// Time after which an idle worker ends
    #[arg(long, value_name = "TIME", default_value = "1m", value_parser = args::duration)]
    worker_idle: Duration,
    /// Time for loading the sources of a service
    #[arg(long, value_name = "TIME", default_value = "30s", value_parser = args::duration)]
    load_timeout: Duration,
    /// Generations to keep for a rollback, the live one included; the one before the live
    /// generation is always kept
    #[arg(long, value_name = "N", default_value = "10", value_parser = args::at_least_one)]
    history: usize,
    /// Size of the files that are kept only for the generations before the live one
    #[arg(long, value_name = "SIZE", default_value = "256MiB", value_parser = args::bytes)]
    history_bytes: usize,
}

/// Runs `rpc-server` with this command line.
pub fn run(arguments: impl IntoIterator<Item = OsString>) -> ExitStatus {
    run_with(Vec::new(), arguments)
}

/// Runs `rpc-server` with this command line and with native services. A provider that has
/// procedures in Rust calls this in its own binary.
pub fn run_with(
    native: Vec<NativeService>,
    arguments: impl IntoIterator<Item = OsString>,
) -> ExitStatus {
    args::run(NAME, arguments, |command_line: CommandLine| {
        if let Some(shell) = command_line.completions {
            return args::print_completions::<CommandLine>(shell, NAME);
        }
        serve(command_line, native).unwrap_or_else(|message| {
            report::error(message);
            ExitStatus::Failed
        })
    })
}

fn serve(command_line: CommandLine, native: Vec<NativeService>) -> Result<ExitStatus, String> {
    let CommandLine {
        listen: Some(listen),
        data: Some(data),
        tls,
        insecure,
        deploy_key,
        advertise,
        python,
        log,
        limits,
        ..
    } = command_line
    else {
        return Err("`--listen` and `--data` are required".to_owned());
    };
    let (limits, lowered) = machine::fit(limits);
    let limits = limits.into_limits();
    let deploy_key = deploy_key.map(|path| read_key(&path)).transpose()?;
    let (log, reopen) = start_log(&log)?;
    if let Some(lowered) = lowered {
        lowered.warn();
    }
    let mut options = ServerOptions::new(listen, data);
    options.tls = tls;
    options.insecure = insecure;
    options.deploy_key = deploy_key;
    options.advertise = advertise;
    options.python = python;
    options.native = native;
    options.limits = limits;
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
    reopen: Option<LogReopener>,
) -> Result<ExitStatus, String> {
    let handles_hang_up = reopen.is_some() || !is_ignored(SIGHUP);
    let first = Signals::listen(reopen.clone(), handles_hang_up)?;
    let second = Signals::listen(reopen, handles_hang_up)?;
    let server = Server::start(options)
        .await
        .map_err(|error| error.to_string())?;
    announce(&server)?;
    if report::results_are_lost() {
        return Ok(ExitStatus::Failed);
    }
    tell_service_manager("READY=1");
    let stop = async {
        first.received(1).await;
        tell_service_manager("STOPPING=1");
    };
    tokio::select! {
        cut_off = server.run(stop) => {
            if cut_off > 0 {
                let connections = match cut_off {
                    1 => "1 connection was".to_owned(),
                    _ => format!("{cut_off} connections were"),
                };
                report::error(format!("{connections} cut off when the drain timeout passed"));
            }
            Ok(ExitStatus::Done)
        }
        () = second.received(2) => Err("stopped at once by a second signal".to_owned()),
    }
}

/// Tells the service manager the state, if there is one. The server serves without it too.
fn tell_service_manager(state: &str) {
    if let Err(error) = service_manager::notify(state) {
        report::warning(format!(
            "cannot tell the service manager `{state}`: {error}"
        ));
    }
}

/// Prints the address that the server listens on.
fn announce(server: &Server) -> Result<(), String> {
    let address = server
        .local_addr()
        .map_err(|error| format!("cannot tell the address that the server listens on: {error}"))?;
    report::out(format_args!("listening on {address}"));
    Ok(())
}

/// The signals that a server handles. SIGTERM and SIGINT stop it. SIGHUP opens the log file again;
/// without a log file it stops the server too, because a closed terminal sends SIGHUP.
struct Signals {
    stop: StopSignals,
    reopen: Option<LogReopener>,
}

impl Signals {
    /// `handles_hang_up` is false if the process was started with SIGHUP ignored, as under `nohup`,
    /// and there is no log file.
    fn listen(reopen: Option<LogReopener>, handles_hang_up: bool) -> Result<Self, String> {
        Ok(Self {
            stop: StopSignals::listen_with(handles_hang_up)?,
            reopen,
        })
    }

    /// Waits until `count` signals have arrived that stop the server.
    async fn received(mut self, count: u32) {
        for _ in 0..count {
            self.next_stop().await;
        }
    }

    /// Waits for the next signal that stops the server.
    async fn next_stop(&mut self) {
        loop {
            let (Arrived::HangUp, Some(reopen)) = (self.stop.next_arrived().await, &self.reopen)
            else {
                return;
            };
            match reopen.reopen() {
                Ok(()) => tracing::info!(event = "log reopened"),
                Err(error) => {
                    let note = "the log continues in the old file; send SIGHUP again";
                    tracing::error!(event = "log not reopened", reason = %error, note);
                }
            }
        }
    }
}

fn start_log(arguments: &LogArguments) -> Result<(LogGuard, Option<LogReopener>), String> {
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

/// Reads the deploy key from a file that the user named. Warns if other users can read the file.
pub(crate) fn read_key(path: &std::path::Path) -> Result<Vec<u8>, String> {
    let (key, is_readable_by_others) = key_file::read(path).map_err(|error| error.to_string())?;
    if is_readable_by_others {
        report::warning(key_file::open_to_others(path));
    }
    Ok(key)
}

fn dialled_address(text: &str) -> Result<SocketAddr, String> {
    let address = args::address(text)?;
    if address.port() == 0 || address.ip().is_unspecified() {
        Err(format!(
            "nobody can dial `{text}`; name an IP address of this machine and a port above 0"
        ))
    } else {
        Ok(address)
    }
}

fn frame_bytes(text: &str) -> Result<usize, String> {
    let bytes = args::bytes(text)?;
    let limit = wire::frame::MAX_FRAME_LIMIT;
    if bytes > limit {
        Err(format!(
            "invalid size `{text}`; it must be at most {}MiB",
            limit >> 20
        ))
    } else {
        Ok(bytes)
    }
}

fn dead_peer_timeout(text: &str) -> Result<Duration, String> {
    let timeout = args::duration(text)?;
    if (MIN_DEAD_PEER_TIMEOUT..=MAX_DEAD_PEER_TIMEOUT).contains(&timeout) {
        Ok(timeout)
    } else {
        Err(format!(
            "invalid duration `{text}`; it must be at least 5s and at most 1h"
        ))
    }
}

impl LimitArguments {
    fn into_limits(self) -> Limits {
        let mut limits = Limits::default();
        limits.frame_bytes = self.max_frame;
        limits.stranger_frame_bytes = self.max_stranger_frame;
        limits.unfinished_bytes = self.max_unfinished;
        limits.malformed = self.max_malformed;
        limits.refusals = self.max_refusals as u64;
        limits.connections = self.max_connections;
        limits.address_connections = self
            .max_address_connections
            .unwrap_or(self.max_connections.div_ceil(2))
            .min(self.max_connections);
        limits.empty_connections = self.max_empty_connections as u64;
        limits.session_calls = self.max_session_calls;
        limits.calls = self.max_calls;
        limits.argument_bytes = self.max_arguments;
        limits.queued_bytes = self.max_queued;
        limits.untaken_bytes = self.max_untaken;
        limits.header_timeout = self.header_timeout;
        limits.min_rate = self.min_rate;
        limits.handshakes = self.max_handshakes;
        limits.handshake_timeout = self.handshake_timeout;
        limits.idle_timeout = self.idle_timeout;
        limits.write_timeout = self.write_timeout;
        limits.dead_peer_timeout = self.dead_peer_timeout;
        limits.deadline = self.deadline;
        limits.drain_timeout = self.drain_timeout;
        limits.threads = self.threads.unwrap_or(limits.threads);
        limits.native_threads = self.native_threads;
        limits.bound_bytes = self.max_bound;
        limits.workers = self.workers;
        limits.worker_bytes = self.max_worker_memory as u64;
        limits.worker_idle = self.worker_idle;
        limits.load_timeout = self.load_timeout;
        limits.history = self.history;
        limits.history_bytes = self.history_bytes as u64;
        limits
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn limits(flags: &[&str]) -> LimitArguments {
        let required = [NAME, "--listen", "127.0.0.1:0", "--data", "data"];
        let command_line = CommandLine::try_parse_from(required.iter().chain(flags));
        command_line.expect("a command line").limits
    }

    #[test]
    fn the_default_of_each_flag_is_that_of_the_library() {
        let limits = limits(&[]).into_limits();
        assert_eq!(format!("{limits:?}"), format!("{:?}", Limits::default()));
    }

    #[test]
    fn one_address_may_have_half_of_all_connections_unless_a_flag_says_otherwise() {
        for (flags, expected) in [
            (&["--max-connections=9"][..], 5),
            (&["--max-connections=1"], 1),
            (&["--max-connections=9", "--max-address-connections=9"], 9),
            (&["--max-connections=9", "--max-address-connections=10"], 9),
            (&["--max-address-connections=7"], 7),
        ] {
            let limits = limits(flags).into_limits();
            assert_eq!(limits.address_connections, expected, "{flags:?}");
        }
    }
}
