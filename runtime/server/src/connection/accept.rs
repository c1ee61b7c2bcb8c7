//! Accepting connections, the once-a-second chores, and the drain at the end.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::{oneshot, watch};
use tokio::task::JoinSet;

use super::admission::Admission;
use super::lanes::{Lanes, Place};
use super::stream::Stream;
use crate::server::Shared;

/// How long accepting rests after an error such as too many open files.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Connections that are accepted before the sessions of the lane have their turn.
const ACCEPTED_PER_TURN: u32 = 4;

/// Connections that the kernel keeps until they are accepted.
const BACKLOG: u32 = 1024;

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

/// Serves until `shutdown` ends and everything in flight has, within the drain timeout. The answer:
/// how many sessions were cut off, and the threads, on which what workers print is still read.
pub(crate) async fn serve(
    listener: std::net::TcpListener,
    lanes: Lanes,
    shared: Arc<Shared>,
    drain: watch::Sender<bool>,
    shutdown: impl Future<Output = ()>,
) -> (usize, Option<Lanes>) {
    let chores = tokio::spawn(chores(Arc::clone(&shared)));
    let (stop, stopped) = oneshot::channel();
    let first = lanes.first().clone();
    let accepting = first.spawn(accept(listener, lanes, Arc::clone(&shared), stopped));
    shutdown.await;
    // Where nobody accepts any more, there is nothing to stop.
    let _ = stop.send(());
    let Ok((mut sessions, lanes)) = accepting.await else {
        chores.abort();
        return (0, None);
    };
    let timeout = shared.limits.drain_timeout;
    tracing::info!(event = "draining", sessions = sessions.len(), timeout = ?timeout);
    // Every session holds a receiver.
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

/// Takes on connections until it is stopped; the answer is what is left to do.
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
    let mut in_a_row = 0_u32;
    loop {
        tokio::select! {
            _ = &mut stopped => return (sessions, lanes),
            accepted = listener.accept() => match accepted {
                Ok((stream, peer)) => {
                    begin_session(&mut sessions, &lanes, &shared, stream, peer);
                    in_a_row = in_a_row.wrapping_add(1);
                    if in_a_row.is_multiple_of(ACCEPTED_PER_TURN) {
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
    let limit = shared.limits.connections;
    let admission = Admission::decide(sessions.len(), limit);
    let remote = shared.peers.remote(peer);
    if remote.logs_connection() {
        if admission == Admission::Admitted {
            tracing::info!(event = "connected", peer = %peer);
        } else {
            let reason = "the limit of connections";
            tracing::warn!(event = "connection refused", peer = %peer, reason, limit);
        }
    }
    if admission == Admission::Closed {
        return;
    }
    // Without it, answers only come later.
    let _ = stream.set_nodelay(true);
    let (lane, place) = lanes.emptiest();
    let shared = Arc::clone(shared);
    if lane.id() == lanes.first().id() {
        let stream = Stream::Plain(stream);
        sessions.spawn(hold(place, super::serve(stream, remote, shared, admission)));
    } else if let Ok(stream) = stream.into_std() {
        let connection = async move {
            if let Ok(stream) = TcpStream::from_std(stream) {
                super::serve(Stream::Plain(stream), remote, shared, admission).await;
            }
        };
        sessions.spawn_on(hold(place, connection), lane);
    }
}

async fn hold(place: Place, session: impl Future<Output = ()>) {
    session.await;
    drop(place);
}

/// What is due once a second: summaries of calls that got no log line, workers idle for too long,
/// leases that ran out.
async fn chores(shared: Arc<Shared>) {
    let mut second = tokio::time::interval(Duration::from_secs(1));
    loop {
        second.tick().await;
        let registry = shared.registry.load();
        registry.log_suppressed();
        let now = Instant::now();
        registry.drop_idle(now);
        drop(registry);
        shared.deployer.expire(now);
        shared.peers.tidy(now);
    }
}
