//! Accepting connections, the once-a-second chores, and the drain at the end.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;

use super::{Shared, session};

/// How long accepting rests after an error such as too many open files.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Connections that the kernel keeps until they are accepted.
const BACKLOG: u32 = 1024;

pub(super) fn bind(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)
}

/// Serves until `shutdown` ends and everything in flight has, within the drain timeout. The answer: how many sessions
/// were cut off.
pub(super) async fn serve(
    listener: TcpListener,
    shared: Arc<Shared>,
    drain: watch::Sender<bool>,
    shutdown: impl Future<Output = ()>,
) -> usize {
    let mut sessions = JoinSet::new();
    let chores = tokio::spawn(chores(Arc::clone(&shared)));
    tokio::pin!(shutdown);
    loop {
        tokio::select! {
            () = &mut shutdown => break,
            accepted = listener.accept() => match accepted {
                Ok((stream, peer)) => begin_session(&mut sessions, &shared, stream, peer),
                Err(error) => {
                    tracing::error!(event = "accept failed", error = %error);
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                }
            },
            Some(_) = sessions.join_next() => {}
        }
    }
    drop(listener);
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
    sessions.len()
}

fn begin_session(sessions: &mut JoinSet<()>, shared: &Arc<Shared>, stream: TcpStream, peer: SocketAddr) {
    let (open, limit) = (sessions.len(), shared.limits.connections);
    let overloaded = open >= limit;
    if overloaded {
        tracing::warn!(event = "connection refused", peer = %peer, reason = "the limit of connections", limit);
    } else {
        tracing::info!(event = "connected", peer = %peer);
    }
    // A few beyond the limit are told so; the rest are closed at once.
    if open < limit.saturating_add(limit / 10 + 1) {
        sessions.spawn(session::serve(stream, peer, Arc::clone(shared), overloaded));
    }
}

/// What is due once a second: summaries of calls that got no log line, workers idle for too long, leases that ran out.
async fn chores(shared: Arc<Shared>) {
    let mut second = tokio::time::interval(Duration::from_secs(1));
    loop {
        second.tick().await;
        let registry = shared.registry.load();
        registry.log_suppressed();
        let now = Instant::now();
        registry.pools().for_each(|pool| pool.drop_idle(now));
        drop(registry);
        shared.deployer.expire(now);
    }
}
