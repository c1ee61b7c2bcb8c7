//! Accepts connections, does the chores of each second, and drains at the end.

use std::io;
use std::net::SocketAddr;
use std::os::fd::AsFd as _;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::FutureExt as _;
use rustix::io::Errno;
use rustix::net::{SocketFlags, acceptfrom_with, sockopt};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::{oneshot, watch};
use tokio::task::JoinSet;
use wire::keep_alive::KeepAlive;

use super::admission::{Admission, ConnectionLimit};
use super::keep_alive;
use super::lanes::{LanePlace, Lanes};
use super::peers::{OpenConnection, Remote};
use super::protocol;
use crate::blocking::panic_message;
use crate::log::meter::Meter;
use crate::shared::Shared;

/// Pause after accepting has failed because the machine lacks something, such as a free file
/// descriptor.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Maximum number of connections that are accepted before the sessions of the lane have their turn.
const ACCEPTED_PER_TURN: u32 = 2;

/// One of this many connections of an address that wastes them is served, and the others are reset: a
/// peer with the same address gets in after a few tries.
const SERVED_OF_WASTED: u32 = 8;

/// Maximum number of lines per second that say why connections were not accepted.
const FAILURE_LINES: u64 = 1;

/// Maximum number of connections that the kernel keeps until they are accepted.
const BACKLOG: u32 = 1024;

/// Time between two rounds of [`do_chores`].
const CHORE_INTERVAL: Duration = Duration::from_secs(1);

/// Returns a socket that listens on that address. Its connections end after the time of
/// `keep_alive` if their peers are gone.
pub(crate) fn bind(
    address: SocketAddr,
    keep_alive: KeepAlive,
) -> io::Result<std::net::TcpListener> {
    let socket = if address.is_ipv4() {
        TcpSocket::new_v4()
    } else {
        TcpSocket::new_v6()
    }?;
    socket.set_reuseaddr(true)?;
    keep_alive::set(&socket, keep_alive)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)?.into_std()
}

/// Serves until `shutdown` ends, then until all sessions have ended, but at most for the drain
/// timeout. Returns the number of sessions that were cut off. Also returns the lanes: the output of
/// workers is still read on their threads.
pub(crate) async fn serve(
    listener: std::net::TcpListener,
    lanes: Lanes,
    shared: Arc<Shared>,
    drain: watch::Sender<bool>,
    shutdown: impl Future<Output = ()>,
) -> (usize, Option<Lanes>) {
    let chores = tokio::spawn(do_chores(Arc::clone(&shared)));
    let (stop, stopped) = oneshot::channel();
    let first_lane = lanes.first().clone();
    let accepting = first_lane.spawn(accept(listener, lanes, Arc::clone(&shared), stopped));
    shutdown.await;
    // Ignore failures here: accepting may have failed and ended already.
    let _ = stop.send(());
    let Ok((mut sessions, lanes)) = accepting.await else {
        chores.abort();
        return (0, None);
    };
    let timeout = shared.limits.drain_timeout;
    tracing::info!(event = "draining", sessions = sessions.len(), timeout = ?timeout);
    // Cannot fail: `shared` holds a receiver.
    let _ = drain.send(true);
    let drained = async { while sessions.join_next().await.is_some() {} };
    if tokio::time::timeout(timeout, drained).await.is_err() {
        tracing::warn!(event = "drain timeout", sessions = sessions.len());
    }
    chores.abort();
    shared.registry.load().log_suppressed();
    shared.peers.tidy(Instant::now());
    (sessions.len(), Some(lanes))
}

/// Accepts connections until it is stopped. Returns the sessions that still run, and the lanes.
async fn accept(
    listener: std::net::TcpListener,
    lanes: Lanes,
    shared: Arc<Shared>,
    mut stopped: oneshot::Receiver<()>,
) -> (JoinSet<()>, Lanes) {
    let mut sessions = JoinSet::new();
    let listener = match TcpListener::from_std(listener) {
        Ok(listener) => listener,
        Err(error) => {
            tracing::error!(event = "accept failed", error = %error);
            return (sessions, lanes);
        }
    };
    let failures = Failures::default();
    let mut count = 0_u32;
    loop {
        tokio::select! {
            _ = &mut stopped => return (sessions, lanes),
            accepted = accept_one(&listener) => {
                match accepted {
                    Ok((socket, peer)) => {
                        let remote = shared.peers.remote(peer);
                        let is_wasted = remote.wastes_connections(shared.limits.empty_connections)
                            && !count.is_multiple_of(SERVED_OF_WASTED);
                        if is_wasted {
                            socket.reset(&remote);
                        } else {
                            begin_session(&mut sessions, &lanes, &shared, socket, remote);
                        }
                    }
                    Err(error) if is_about_one_connection(&error) => failures.log_lost(&error),
                    Err(error) => {
                        failures.log(&error);
                        tokio::time::sleep(ACCEPT_PAUSE).await;
                    }
                }
                count = count.wrapping_add(1);
                if count.is_multiple_of(ACCEPTED_PER_TURN) {
                    tokio::task::yield_now().await;
                }
            }
            Some(_) = sessions.join_next() => {}
        }
    }
}

/// A connection that was accepted.
enum Accepted {
    /// The lane that accepts waits for its events.
    Watched(TcpStream),
    /// No lane does. It costs less to drop.
    Unwatched(std::net::TcpStream),
}

/// Accepts a connection: without the scheduler if one waits already.
async fn accept_one(listener: &TcpListener) -> io::Result<(Accepted, SocketAddr)> {
    let flags = SocketFlags::NONBLOCK | SocketFlags::CLOEXEC;
    match acceptfrom_with(listener, flags) {
        Ok((socket, peer)) => {
            let peer = peer.and_then(|peer| SocketAddr::try_from(peer).ok());
            let peer = peer.ok_or_else(|| io::Error::from(Errno::NOPROTOOPT))?;
            Ok((Accepted::Unwatched(socket.into()), peer))
        }
        Err(Errno::WOULDBLOCK) => {
            let (stream, peer) = listener.accept().await?;
            Ok((Accepted::Watched(stream), peer))
        }
        Err(error) => Err(error.into()),
    }
}

impl Accepted {
    /// Ends the connection with a reset, so that neither side keeps anything of it.
    fn reset(self, remote: &Remote) {
        remote.peer.connection_meter.suppress(1);
        let socket = match &self {
            Self::Watched(stream) => stream.as_fd(),
            Self::Unwatched(socket) => socket.as_fd(),
        };
        // Ignore failures here: without this option, the connection ends as others do.
        let _ = sockopt::set_socket_linger(socket, Some(Duration::ZERO));
    }

    /// Ends the watch of the lane that accepts.
    fn unwatched(self) -> io::Result<Self> {
        match self {
            Self::Watched(stream) => stream.into_std().map(Self::Unwatched),
            Self::Unwatched(_) => Ok(self),
        }
    }

    /// Returns the stream, for the lane of the caller.
    fn watched(self) -> io::Result<TcpStream> {
        match self {
            Self::Watched(stream) => Ok(stream),
            Self::Unwatched(socket) => TcpStream::from_std(socket),
        }
    }
}

/// Returns whether accepting has failed because of the connection alone: it ended before it was
/// accepted, or the network has lost it. The next one is accepted at once. See `accept(2)`.
fn is_about_one_connection(error: &io::Error) -> bool {
    matches!(
        Errno::from_io_error(error),
        Some(
            Errno::CONNABORTED
                | Errno::CONNRESET
                | Errno::HOSTDOWN
                | Errno::HOSTUNREACH
                | Errno::INTR
                | Errno::NETDOWN
                | Errno::NETUNREACH
                | Errno::NONET
                | Errno::NOPROTOOPT
                | Errno::OPNOTSUPP
                | Errno::PERM
                | Errno::PROTO
                | Errno::TIMEDOUT
        )
    )
}

/// Logs why connections were not accepted, at most [`FAILURE_LINES`] lines per second for each kind
/// of failure.
#[derive(Debug)]
struct Failures {
    failed: Meter,
    lost: Meter,
}

impl Default for Failures {
    fn default() -> Self {
        Self {
            failed: Meter::with_limit(FAILURE_LINES),
            lost: Meter::with_limit(FAILURE_LINES),
        }
    }
}

impl Failures {
    /// Logs that no connection can be accepted for the moment.
    fn log(&self, error: &io::Error) {
        if self.failed.admit(Instant::now()) {
            let suppressed = self.failed.take_suppressed();
            tracing::error!(event = "accept failed", error = %error, suppressed);
        }
    }

    /// Logs that a connection ended before it was accepted.
    fn log_lost(&self, error: &io::Error) {
        if self.lost.admit(Instant::now()) {
            let suppressed = self.lost.take_suppressed();
            tracing::info!(event = "connection lost", error = %error, suppressed);
        }
    }
}

fn begin_session(
    sessions: &mut JoinSet<()>,
    lanes: &Lanes,
    shared: &Arc<Shared>,
    socket: Accepted,
    remote: Remote,
) {
    let peer = remote.address;
    let open = OpenConnection::of(&remote.peer);
    let admission = Admission::decide(sessions.len(), open.others, &shared.limits);
    if remote.logs_connection() {
        match admission.exceeded() {
            None => tracing::info!(event = "connected", peer = %peer),
            Some(limit) => {
                let reason = format!("the limit of connections ({})", limit.flag());
                tracing::warn!(event = "connection refused", peer = %peer, reason, limit = limit.value());
            }
        }
    }
    if let Admission::Closed(limit) = admission {
        if matches!(limit, ConnectionLimit::OfAddress(_)) {
            remote.count_empty_connection(shared.limits.empty_connections);
        }
        return;
    }
    let (lane, place) = lanes.take_place();
    let socket = if lane.id() == lanes.first().id() {
        Ok(socket)
    } else {
        socket.unwatched()
    };
    let shared = Arc::clone(shared);
    let place = Place {
        remote: remote.clone(),
        _on_lane: place,
        _of_address: open,
    };
    let session = async move {
        match socket.and_then(Accepted::watched) {
            Ok(stream) => {
                // Ignore failures here: without this option, answers only come later.
                let _ = stream.set_nodelay(true);
                protocol::serve(stream, remote, shared, admission).await;
            }
            Err(error) => {
                tracing::error!(event = "connection dropped", peer = %peer, error = %error);
            }
        }
    };
    sessions.spawn_on(serve_at_place(place, session), lane);
}

/// What a connection occupies until its session has ended.
#[derive(Debug)]
struct Place {
    remote: Remote,
    _on_lane: LanePlace,
    _of_address: OpenConnection,
}

/// Serves a session, then frees its place. A panic is a mistake of the server. It ends this
/// connection alone.
async fn serve_at_place(place: Place, session: impl Future<Output = ()>) {
    if let Err(panic) = AssertUnwindSafe(session).catch_unwind().await {
        let remote = &place.remote;
        if remote.logs() {
            let message = panic_message(&*panic);
            tracing::error!(event = "connection panicked", peer = %remote, message);
        }
    }
    drop(place);
}

/// Does the chores of each second: logs how many lines were left out, ends workers that were idle
/// for too long, and ends leases that ran out.
async fn do_chores(shared: Arc<Shared>) {
    let mut rounds = tokio::time::interval(CHORE_INTERVAL);
    loop {
        rounds.tick().await;
        let registry = shared.registry.load();
        registry.log_suppressed();
        let now = Instant::now();
        registry.drop_idle(now);
        drop(registry);
        shared.deployer.expire(now);
        shared.peers.tidy(now);
        if let Some(tls) = &shared.tls {
            tls.reload_if_changed();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;

    use super::super::peers::Peers;
    use super::*;

    fn loopback() -> SocketAddr {
        SocketAddr::from(([127, 0, 0, 1], 0))
    }

    #[test]
    fn a_connection_has_the_keep_alive_of_the_socket_that_listens() {
        for seconds in [5, 40, 3600] {
            let expected = KeepAlive::within(Duration::from_secs(seconds));
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_io()
                .build()
                .expect("a runtime");
            let listener = runtime.block_on(async { bind(loopback(), expected) });
            let listener = listener.expect("a free port");
            listener.set_nonblocking(false).expect("an option");
            let address = listener.local_addr().expect("its address");
            let _client = std::net::TcpStream::connect(address).expect("a connection");
            let (socket, _) = listener.accept().expect("a connection");
            assert_eq!(keep_alive::of(&socket), expected);
        }
    }

    #[test]
    fn only_errors_that_other_connections_would_meet_too_make_a_pause() {
        let about_one = [
            Errno::CONNABORTED,
            Errno::PROTO,
            Errno::NETDOWN,
            Errno::HOSTUNREACH,
            Errno::INTR,
            Errno::PERM,
        ];
        let about_all = [
            Errno::MFILE,
            Errno::NFILE,
            Errno::NOBUFS,
            Errno::NOMEM,
            Errno::NOSPC,
        ];
        for (errnos, expected) in [(&about_one[..], true), (&about_all[..], false)] {
            for errno in errnos {
                let error = io::Error::from(*errno);
                assert_eq!(is_about_one_connection(&error), expected, "{error}");
            }
        }
        assert!(!is_about_one_connection(&io::Error::other(
            "something else"
        )));
        assert!(ACCEPT_PAUSE < Duration::from_secs(1));
    }

    #[tokio::test]
    async fn a_panic_ends_its_own_connection_alone() {
        let lanes = Lanes::start(1).expect("a thread");
        let peers = Peers::new(1);
        let listener = TcpListener::bind(loopback()).await.expect("a free port");
        let address = listener.local_addr().expect("its address");
        let mut client = std::net::TcpStream::connect(address).expect("a connection");
        let (stream, peer) = listener.accept().await.expect("a connection");
        let remote = peers.remote(peer);
        let place = || Place {
            remote: remote.clone(),
            _on_lane: lanes.take_place().1,
            _of_address: OpenConnection::of(&remote.peer),
        };
        let mut sessions = JoinSet::new();
        sessions.spawn(serve_at_place(place(), async move {
            let _stream = stream;
            panic!("a mistake in a session");
        }));
        sessions.spawn(serve_at_place(place(), std::future::pending()));
        let ended = sessions.join_next().await.expect("a session");
        ended.expect("the panic was caught");
        let mut bytes = Vec::new();
        client.read_to_end(&mut bytes).expect("the end");
        assert!(bytes.is_empty());
        assert_eq!(sessions.len(), 1, "the other session runs on");
        assert_eq!(OpenConnection::of(&remote.peer).others, 1);
    }
}
