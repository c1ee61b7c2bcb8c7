//! Accepts connections, does the chores of each second, and drains at the end.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::{oneshot, watch};
use tokio::task::JoinSet;

use super::admission::Admission;
use super::lanes::{LanePlace, Lanes};
use super::peers::OpenConnection;
use super::protocol;
use crate::shared::Shared;

/// Pause after accepting has failed, for example because too many files are open.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Maximum number of connections that are accepted before the sessions of the lane have their turn.
const ACCEPTED_PER_TURN: u32 = 4;

/// Maximum number of connections that the kernel keeps until they are accepted.
const BACKLOG: u32 = 1024;

/// Time between two rounds of [`do_chores`].
const CHORE_INTERVAL: Duration = Duration::from_secs(1);

/// Returns a socket that listens on that address.
pub(crate) fn bind(address: SocketAddr) -> io::Result<std::net::TcpListener> {
    let socket = if address.is_ipv4() {
        TcpSocket::new_v4()
    } else {
        TcpSocket::new_v6()
    }?;
    socket.set_reuseaddr(true)?;
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
    let mut count = 0_u32;
    loop {
        tokio::select! {
            _ = &mut stopped => return (sessions, lanes),
            accepted = listener.accept() => match accepted {
                Ok((stream, peer)) => {
                    begin_session(&mut sessions, &lanes, &shared, stream, peer);
                    count = count.wrapping_add(1);
                    if count.is_multiple_of(ACCEPTED_PER_TURN) {
                        tokio::task::yield_now().await;
                    }
                }
                Err(error) => {
                    tracing::error!(event = "accept failed", error = %error);
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                }
            },
            Some(_) = sessions.join_next() => {}
        }
    }
}

fn begin_session(
    sessions: &mut JoinSet<()>,
    lanes: &Lanes,
    shared: &Arc<Shared>,
    stream: TcpStream,
    peer: SocketAddr,
) {
    let remote = shared.peers.remote(peer);
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
    if matches!(admission, Admission::Closed(_)) {
        return;
    }
    // Ignore failures here: without this option, answers only come later.
    let _ = stream.set_nodelay(true);
    let (lane, place) = lanes.take_place();
    let shared = Arc::clone(shared);
    if lane.id() == lanes.first().id() {
        let session = protocol::serve(stream, remote, shared, admission);
        sessions.spawn(serve_at_place((place, open), session));
    } else if let Ok(stream) = stream.into_std() {
        let session = async move {
            if let Ok(stream) = TcpStream::from_std(stream) {
                protocol::serve(stream, remote, shared, admission).await;
            }
        };
        sessions.spawn_on(serve_at_place((place, open), session), lane);
    }
}

/// Serves a session, then frees its place on the lane and among the connections of its address.
async fn serve_at_place(place: (LanePlace, OpenConnection), session: impl Future<Output = ()>) {
    session.await;
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
