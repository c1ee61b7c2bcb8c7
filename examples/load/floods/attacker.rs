//! The attacker: a process with one thread and several connections. And the sink, a target that
//! drops everything.

use std::ffi::OsString;
use std::io::{self, Read as _};
use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use clap::ValueEnum as _;
use tls::rustls::{ClientConfig, ServerConnection};
use tls::{HandshakeError, TlsStream};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _, Interest};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::oneshot;
use tokio::task::JoinSet;

use super::certs;
use super::kinds::{Kind, Plan, Then};

/// Maximum duration of an attack. Then the attacker ends by itself.
const MAX_DURATION: Duration = Duration::from_mins(10);

/// How long an attacker waits after a failed attempt to connect.
const PAUSE: Duration = Duration::from_millis(1);

/// Maximum time of an attempt to connect. Then the attacker tries again. The kernel would wait for
/// a second if the server is slow to accept.
const CONNECT_TIMEOUT: Duration = Duration::from_millis(20);

/// Time between two bytes of a slow sender.
const DRIP: Duration = Duration::from_secs(1);

const BUFFER_BYTES: usize = 64 * 1024;

/// A running attacker. Dropping this kills it.
pub struct Attacker(Child);

/// Maximum activity of an attacker per second: connections and sent bytes. It applies after each of
/// its connections has sent the payload once.
#[derive(Debug, Clone, Copy)]
pub struct Pace {
    pub connections: f64,
    pub sent: f64,
}

impl Pace {
    pub const UNLIMITED: Self = Self {
        connections: f64::INFINITY,
        sent: f64::INFINITY,
    };
}

/// What an attacker did per second: connections, sent bytes and read bytes. `cores` is its use of
/// the processors.
#[derive(Debug, Clone, Copy)]
pub struct Activity {
    pub connections: f64,
    pub sent: f64,
    pub read: f64,
    pub cores: f64,
}

impl Attacker {
    /// Starts an attacker. `certs` is the folder of certificates, if the target speaks TLS.
    pub fn start(
        kind: Kind,
        target: SocketAddr,
        pace: Pace,
        certs: Option<&Path>,
    ) -> io::Result<Self> {
        let mut command = Command::new(std::env::current_exe()?);
        command.args(["floods-attacker", &kind.name(), &target.to_string()]);
        command.args([pace.connections.to_string(), pace.sent.to_string()]);
        command.args(certs);
        command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .map(Self)
    }

    /// Stops the attacker and reads its figures.
    pub fn end(mut self) -> io::Result<Activity> {
        drop(self.0.stdin.take());
        let mut printed = String::new();
        let stdout = self
            .0
            .stdout
            .take()
            .ok_or_else(|| io::Error::other("no stdout"))?;
        io::BufReader::new(stdout).read_to_string(&mut printed)?;
        let figures: Vec<f64> = printed
            .split_whitespace()
            .filter_map(|word| word.parse().ok())
            .collect();
        match figures[..] {
            [connections, sent, read, cores] => Ok(Activity {
                connections,
                sent,
                read,
                cores,
            }),
            _ => Err(io::Error::other("the attacker failed")),
        }
    }
}

impl Drop for Attacker {
    fn drop(&mut self) {
        // An error means that it has ended by itself.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// State that the connections of an attacker share.
struct Attack {
    plan: Plan,
    target: SocketAddr,
    tls: Option<Arc<ClientConfig>>,
    pace: Pace,
    begin: Instant,
    connections: AtomicU64,
    sent: AtomicU64,
    read: AtomicU64,
}

/// Runs an attacker with a kind, a target and a pace, until its stdin ends. Then it prints its
/// [`Activity`].
pub fn attack(arguments: impl Iterator<Item = OsString>) -> io::Result<()> {
    let words: Vec<String> = arguments
        .filter_map(|word| word.into_string().ok())
        .collect();
    let attack = Arc::new(Attack::from_words(&words)?);
    let (stop, stopped) = oneshot::channel();
    std::thread::spawn(move || {
        // An error ends the attack, too.
        let _ = io::stdin().read_to_end(&mut Vec::new());
        let _ = stop.send(());
    });
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?
        .block_on(async {
            let mut connections = JoinSet::new();
            for _ in 0..attack.plan.connections {
                connections.spawn(Arc::clone(&attack).keep_connecting());
            }
            // The result does not matter: in either case the attack is over.
            let _ = tokio::time::timeout(MAX_DURATION, stopped).await;
        });
    attack.print_activity();
    Ok(())
}

impl Attack {
    fn from_words(words: &[String]) -> io::Result<Self> {
        let [kind, target, connections, sent, certs @ ..] = words else {
            return Err(io::Error::other(
                "an attacker needs a kind, a target and a pace",
            ));
        };
        let plan = Kind::from_str(kind, false)
            .map_err(io::Error::other)?
            .plan();
        let tls = match certs {
            [folder] if !plan.is_raw => Some(certs::client(Path::new(folder), plan.holder())?),
            _ => None,
        };
        Ok(Self {
            plan,
            tls,
            target: target.parse().map_err(io::Error::other)?,
            pace: Pace {
                connections: connections.parse().map_err(io::Error::other)?,
                sent: sent.parse().map_err(io::Error::other)?,
            },
            begin: Instant::now(),
            connections: AtomicU64::new(0),
            sent: AtomicU64::new(0),
            read: AtomicU64::new(0),
        })
    }

    /// Opens one connection after the other, without end.
    async fn keep_connecting(self: Arc<Self>) {
        let connections = self.plan.connections;
        loop {
            self.keep_pace(&self.connections, connections, self.pace.connections)
                .await;
            let Ok(stream) = self.connect().await else {
                tokio::time::sleep(PAUSE).await;
                continue;
            };
            self.connections.fetch_add(1, Ordering::Relaxed);
            // An error ends this connection, as its regular end does.
            let _ = match &self.tls {
                None => self.use_plain(stream).await,
                Some(config) => self.use_tls(stream, config).await,
            };
            tokio::task::yield_now().await;
        }
    }

    /// Waits while `count` is ahead of the pace. The first `free` are not counted.
    #[expect(clippy::cast_precision_loss, reason = "no flood sends 2^52 bytes")]
    async fn keep_pace(&self, count: &AtomicU64, free: usize, pace: f64) {
        let ahead = count.load(Ordering::Relaxed).saturating_sub(free as u64);
        if ahead == 0 || pace.is_infinite() {
            return;
        }
        // With a pace of zero, this waits until the end of the attack.
        let due = Duration::try_from_secs_f64(ahead as f64 / pace).unwrap_or(MAX_DURATION);
        tokio::time::sleep_until((self.begin + due).into()).await;
    }

    async fn connect(&self) -> io::Result<TcpStream> {
        let socket = TcpSocket::new_v4()?;
        if self.plan.from != Ipv4Addr::LOCALHOST {
            socket.bind((self.plan.from, 0).into())?;
        }
        tokio::time::timeout(CONNECT_TIMEOUT, socket.connect(self.target)).await?
    }

    async fn use_plain(&self, mut stream: TcpStream) -> io::Result<()> {
        let (reader, writer) = stream.split();
        let reading = async {
            if self.plan.then == Then::Ignore {
                reader.ready(Interest::ERROR).await.map(drop)
            } else {
                self.read(reader).await
            }
        };
        tokio::select! {
            ended = reading => ended,
            ended = self.send(writer) => ended,
        }
    }

    async fn use_tls(&self, stream: TcpStream, config: &Arc<ClientConfig>) -> io::Result<()> {
        stream.set_nodelay(true)?;
        let connection = certs::connect(config, self.target)?;
        let opened = TlsStream::open(stream, connection).await;
        let stream = opened.map_err(|error| match error {
            HandshakeError::Io(error) => error,
            HandshakeError::Tls(error) => io::Error::other(error),
        })?;
        let (reader, writer) = tokio::io::split(stream);
        tokio::select! {
            ended = self.read(reader), if self.plan.then != Then::Ignore => ended,
            ended = self.send(writer) => ended,
        }
    }

    async fn send(&self, mut writer: impl AsyncWrite + Unpin) -> io::Result<()> {
        if self.plan.then == Then::Drip {
            for byte in self.plan.payload.chunks(1) {
                writer.write_all(byte).await?;
                self.sent.fetch_add(1, Ordering::Relaxed);
                tokio::time::sleep(DRIP).await;
            }
            return std::future::pending().await;
        }
        let free = self.plan.connections * self.plan.payload.len();
        loop {
            self.keep_pace(&self.sent, free, self.pace.sent).await;
            let mut rest = &self.plan.payload[..];
            while !rest.is_empty() {
                let count = writer.write(rest).await?;
                self.sent.fetch_add(count as u64, Ordering::Relaxed);
                rest = &rest[count..];
            }
            match self.plan.then {
                Then::Repeat => continue,
                Then::Close => return Ok(()),
                Then::EndSending => writer.shutdown().await?,
                Then::Stay | Then::Ignore | Then::Drip => {}
            }
            return std::future::pending().await;
        }
    }

    /// Reads until the peer ends the connection.
    async fn read(&self, mut reader: impl AsyncRead + Unpin) -> io::Result<()> {
        let mut buffer = vec![0; BUFFER_BYTES];
        loop {
            let count = reader.read(&mut buffer).await?;
            if count == 0 {
                return Ok(());
            }
            self.read.fetch_add(count as u64, Ordering::Relaxed);
        }
    }

    #[expect(clippy::cast_precision_loss, reason = "no flood sends 2^52 bytes")]
    fn print_activity(&self) {
        let took = self.begin.elapsed().as_secs_f64();
        let rate = |count: &AtomicU64| count.load(Ordering::Relaxed) as f64 / took;
        let cores = processor_seconds().unwrap_or(f64::NAN) / took;
        println!(
            "{} {} {} {cores}",
            rate(&self.connections),
            rate(&self.sent),
            rate(&self.read)
        );
    }
}

/// Returns the processor time of this thread in seconds.
fn processor_seconds() -> Option<f64> {
    let statistics = std::fs::read_to_string("/proc/thread-self/schedstat").ok()?;
    let nanoseconds: f64 = statistics.split(' ').next()?.parse().ok()?;
    Some(nanoseconds / 1e9)
}

/// Accepts connections, and reads and drops everything. The argument is the folder of certificates,
/// if the sink speaks TLS.
pub fn serve_sink(mut arguments: impl Iterator<Item = OsString>) -> io::Result<()> {
    let folder = arguments.next();
    let tls = folder
        .map(|folder| certs::server(Path::new(&folder)))
        .transpose()?
        .map(Arc::new);
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?
        .block_on(async {
            let listener = TcpListener::bind("127.0.0.1:0").await?;
            println!("listening on {}", listener.local_addr()?);
            loop {
                let (stream, _) = listener.accept().await?;
                let tls = tls.clone();
                tokio::spawn(async move {
                    match tls {
                        None => drop_all(stream).await,
                        Some(tls) => {
                            let accepting = tls.accept().map_err(io::Error::other)?;
                            let connection = ServerConnection::new(accepting.config)
                                .map_err(io::Error::other)?;
                            if let Ok(stream) = TlsStream::open(stream, connection).await {
                                drop_all(stream).await;
                            }
                        }
                    }
                    io::Result::Ok(())
                });
            }
        })
}

async fn drop_all(mut stream: impl AsyncRead + Unpin) {
    let mut buffer = vec![0; BUFFER_BYTES];
    while stream.read(&mut buffer).await.is_ok_and(|count| count > 0) {}
}
