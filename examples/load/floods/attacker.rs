//! The attacker: a process with one thread and several connections. And the sink that it can be
//! aimed at.

use std::ffi::OsString;
use std::io::{self, Read as _};
use std::net::{Ipv4Addr, SocketAddr};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use clap::ValueEnum as _;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, Interest};
use tokio::net::tcp::{ReadHalf, WriteHalf};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::oneshot;
use tokio::task::JoinSet;

use super::kinds::{Kind, Plan, Then};

/// An attacker ends by itself after so long.
const LONGEST: Duration = Duration::from_mins(10);

/// How long an attacker waits where it cannot connect.
const PAUSE: Duration = Duration::from_millis(1);

/// An attempt to connect that takes longer is given up for another. The kernel would wait for a
/// second where the server is slow to accept.
const CONNECT_PATIENCE: Duration = Duration::from_millis(20);

const BUFFER_BYTES: usize = 64 * 1024;

/// An attacker that runs. It is killed when this is dropped.
pub struct Attacker(Child);

/// What an attacker does at most, per second, once each of its connections has sent its payload.
#[derive(Debug, Clone, Copy)]
pub struct Pace {
    pub connections: f64,
    pub sent: f64,
}

impl Pace {
    pub const AS_FAST_AS_IT_GOES: Self = Self {
        connections: f64::INFINITY,
        sent: f64::INFINITY,
    };
}

/// What an attacker did, per second. `processor` is its part of one core.
#[derive(Debug, Clone, Copy)]
pub struct Done {
    pub connections: f64,
    pub sent: f64,
    pub read: f64,
    pub processor: f64,
}

impl Attacker {
    pub fn start(kind: Kind, target: SocketAddr, pace: Pace) -> io::Result<Self> {
        let mut command = Command::new(std::env::current_exe()?);
        command.args(["floods-attacker", &kind.name(), &target.to_string()]);
        command.args([pace.connections.to_string(), pace.sent.to_string()]);
        command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .map(Self)
    }

    /// Stops it and takes what it says.
    pub fn end(mut self) -> io::Result<Done> {
        drop(self.0.stdin.take());
        let mut said = String::new();
        let stdout = self
            .0
            .stdout
            .take()
            .ok_or_else(|| io::Error::other("no stdout"))?;
        io::BufReader::new(stdout).read_to_string(&mut said)?;
        let figures: Vec<f64> = said
            .split_whitespace()
            .filter_map(|word| word.parse().ok())
            .collect();
        match figures[..] {
            [connections, sent, read, processor] => Ok(Done {
                connections,
                sent,
                read,
                processor,
            }),
            _ => Err(io::Error::other("the attacker failed")),
        }
    }
}

impl Drop for Attacker {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// What the connections of an attacker share.
struct Attack {
    plan: Plan,
    target: SocketAddr,
    pace: Pace,
    begin: Instant,
    connections: AtomicU64,
    sent: AtomicU64,
    read: AtomicU64,
}

/// Runs an attacker with its kind, target and pace, until its stdin ends. It then prints what it
/// did.
pub fn attack(arguments: impl Iterator<Item = OsString>) -> io::Result<()> {
    let words: Vec<String> = arguments
        .filter_map(|word| word.into_string().ok())
        .collect();
    let attack = Arc::new(Attack::from_words(&words)?);
    let (stop, stopped) = oneshot::channel();
    std::thread::spawn(move || {
        // However it ends, the attack does too.
        let _ = io::stdin().read_to_end(&mut Vec::new());
        let _ = stop.send(());
    });
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?
        .block_on(async {
            let mut connections = JoinSet::new();
            for _ in 0..attack.plan.connections {
                connections.spawn(Arc::clone(&attack).go_on());
            }
            // Its answer does not matter: the attack is over.
            let _ = tokio::time::timeout(LONGEST, stopped).await;
        });
    attack.tell();
    Ok(())
}

impl Attack {
    fn from_words(words: &[String]) -> io::Result<Self> {
        let [kind, target, connections, sent] = words else {
            return Err(io::Error::other(
                "an attacker needs a kind, a target and a pace",
            ));
        };
        Ok(Self {
            plan: Kind::from_str(kind, false)
                .map_err(io::Error::other)?
                .plan(),
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

    /// One connection after the other, without an end.
    async fn go_on(self: Arc<Self>) {
        let connections = self.plan.connections;
        loop {
            self.keep_pace(&self.connections, connections, self.pace.connections)
                .await;
            let Ok(mut stream) = self.connect().await else {
                tokio::time::sleep(PAUSE).await;
                continue;
            };
            self.connections.fetch_add(1, Ordering::Relaxed);
            let (reader, writer) = stream.split();
            // An error is the end of this connection, as any other end is.
            let _ = tokio::select! {
                ended = self.read(reader) => ended,
                ended = self.send(writer) => ended,
            };
            drop(stream);
            tokio::task::yield_now().await;
        }
    }

    /// Waits while so many more than the first few are ahead of the pace.
    #[expect(clippy::cast_precision_loss, reason = "no flood sends 2^52 bytes")]
    async fn keep_pace(&self, count: &AtomicU64, free: usize, pace: f64) {
        let ahead = count.load(Ordering::Relaxed).saturating_sub(free as u64);
        if ahead == 0 || pace.is_infinite() {
            return;
        }
        // With a pace of zero that time never comes.
        let due = Duration::try_from_secs_f64(ahead as f64 / pace).unwrap_or(LONGEST);
        tokio::time::sleep_until((self.begin + due).into()).await;
    }

    async fn connect(&self) -> io::Result<TcpStream> {
        let socket = TcpSocket::new_v4()?;
        if self.plan.from != Ipv4Addr::LOCALHOST {
            socket.bind((self.plan.from, 0).into())?;
        }
        tokio::time::timeout(CONNECT_PATIENCE, socket.connect(self.target)).await?
    }

    async fn send(&self, mut writer: WriteHalf<'_>) -> io::Result<()> {
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
                Then::Stay | Then::Ignore => {}
            }
            return std::future::pending().await;
        }
    }

    /// Reads until the peer ends the connection.
    async fn read(&self, mut reader: ReadHalf<'_>) -> io::Result<()> {
        if self.plan.then == Then::Ignore {
            return reader.ready(Interest::ERROR).await.map(drop);
        }
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
    fn tell(&self) {
        let took = self.begin.elapsed().as_secs_f64();
        let rate = |count: &AtomicU64| count.load(Ordering::Relaxed) as f64 / took;
        let processor = processor_seconds().unwrap_or(f64::NAN) / took;
        println!(
            "{} {} {} {processor}",
            rate(&self.connections),
            rate(&self.sent),
            rate(&self.read)
        );
    }
}

/// How long this thread has run on a processor.
fn processor_seconds() -> Option<f64> {
    let statistics = std::fs::read_to_string("/proc/thread-self/schedstat").ok()?;
    let nanoseconds: f64 = statistics.split(' ').next()?.parse().ok()?;
    Some(nanoseconds / 1e9)
}

/// Reads and drops whatever comes over any connection.
pub fn serve_sink() -> io::Result<()> {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?
        .block_on(async {
            let listener = TcpListener::bind("127.0.0.1:0").await?;
            println!("listening on {}", listener.local_addr()?);
            loop {
                let (mut stream, _) = listener.accept().await?;
                tokio::spawn(async move {
                    let mut buffer = vec![0; BUFFER_BYTES];
                    while stream.read(&mut buffer).await.is_ok_and(|count| count > 0) {}
                });
            }
        })
}
