//! [`open`]: the TLS handshake of a connection. It decides who the peer is before any message is
//! read.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tls::rustls::pki_types::CertificateDer;
use tls::rustls::{self, ServerConnection};
use tls::{HandshakeError, Identity, TlsStream};
use tokio::net::TcpStream;
use tokio::sync::oneshot;

use super::peers::Remote;
use crate::shared::Shared;
use crate::trust::LiveTls;

/// The handshakes that are under way, the oldest first.
///
/// A peer that begins handshakes and does not finish them holds up nobody: beyond the limit, the
/// oldest handshake ends. An honest peer needs milliseconds.
#[derive(Debug)]
pub(crate) struct Handshakes {
    limit: usize,
    open: Mutex<OpenHandshakes>,
}

#[derive(Debug, Default)]
struct OpenHandshakes {
    /// In the order of their numbers.
    queue: VecDeque<OpenHandshake>,
    /// The number of the next one.
    next: u64,
}

#[derive(Debug)]
struct OpenHandshake {
    /// Ends the handshake when it is dropped.
    _end: oneshot::Sender<()>,
    number: u64,
}

/// A handshake that is under way. It no longer counts when this is dropped.
struct Counted<'h> {
    handshakes: &'h Handshakes,
    number: u64,
    ended: oneshot::Receiver<()>,
}

/// A peer whose certificate was accepted.
pub(crate) struct TlsPeer {
    pub(crate) stream: TlsStream,
    pub(crate) identity: Identity,
    /// Its certificates, its own first.
    pub(crate) chain: Vec<CertificateDer<'static>>,
}

impl Handshakes {
    /// Returns a count of at most `limit` handshakes.
    pub(crate) fn new(limit: usize) -> Self {
        Self {
            limit,
            open: Mutex::default(),
        }
    }

    fn begin(&self) -> Counted<'_> {
        let (end, ended) = oneshot::channel();
        let mut open = self.lock();
        let number = open.next;
        open.next += 1;
        open.queue.push_back(OpenHandshake { _end: end, number });
        if open.queue.len() > self.limit {
            open.queue.pop_front();
        }
        Counted {
            handshakes: self,
            number,
            ended,
        }
    }

    fn lock(&self) -> MutexGuard<'_, OpenHandshakes> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Counted<'_> {
    fn drop(&mut self) {
        let mut open = self.handshakes.lock();
        let place = open
            .queue
            .binary_search_by_key(&self.number, |handshake| handshake.number);
        if let Ok(place) = place {
            open.queue.remove(place);
        }
    }
}

/// Shakes hands. Returns `None` if the peer was refused or did not finish; the log says why.
pub(crate) async fn open(
    socket: TcpStream,
    remote: &Remote,
    live: &LiveTls,
    shared: &Shared,
) -> Option<TlsPeer> {
    let refused = |reason: &dyn std::fmt::Display| {
        remote.peer.refusals.count(std::time::Instant::now());
        // Not among the lines about connections: a storm of these would hide why it ends.
        if remote.logs() {
            tracing::warn!(event = "handshake refused", peer = %remote, reason = %reason);
        }
        None
    };
    let accepting = match live.accept() {
        Ok(accepting) => accepting,
        Err(error) => return refused(&error),
    };
    let connection = match ServerConnection::new(Arc::clone(&accepting.config)) {
        Ok(connection) => connection,
        Err(error) => return refused(&error),
    };
    let timeout = shared.limits.handshake_timeout;
    let mut drain = shared.drain.clone();
    let pace = remote.wait_for_handshake(shared.limits.empty_connections);
    let mut counted = shared.handshakes.begin();
    let opened = tokio::select! {
        biased;
        opened = TlsStream::open_paced(socket, connection, pace) => opened,
        _ = &mut counted.ended => {
            let limit = shared.limits.handshakes;
            return refused(&format!("the limit of unfinished handshakes ({limit}, --max-handshakes)"));
        }
        _ = drain.wait_for(|drain| *drain) => return None,
        () = tokio::time::sleep(timeout) => {
            return refused(&format!("it did not finish within {timeout:?} (--handshake-timeout)"));
        }
    };
    drop(counted);
    let stream = match opened {
        Ok(stream) => stream,
        Err(error) => {
            return match accepting.refusal() {
                Some(refusal) => refused(refusal),
                None => refused(&describe(&error)),
            };
        }
    };
    let chain = stream.peer_certificates().unwrap_or_default().to_vec();
    match accepting.identity(Some(&chain)) {
        Ok(identity) => {
            if remote.logs_connection() {
                let resumed = stream.was_resumed();
                tracing::info!(event = "identified", peer = %remote, identity = %identity, resumed);
            }
            Some(TlsPeer {
                stream,
                identity,
                chain,
            })
        }
        Err(refusal) => refused(&refusal),
    }
}

fn describe(error: &HandshakeError) -> String {
    match error {
        HandshakeError::Io(error) if error.kind() == std::io::ErrorKind::UnexpectedEof => {
            "it closed the connection in the handshake".to_owned()
        }
        HandshakeError::Io(error) => error.to_string(),
        HandshakeError::Tls(rustls::Error::NoCertificatesPresented) => {
            "it showed no certificate; connect with --tls".to_owned()
        }
        HandshakeError::Tls(rustls::Error::InvalidMessage(_)) => {
            "it does not speak TLS; connect with --tls".to_owned()
        }
        HandshakeError::Tls(rustls::Error::AlertReceived(alert)) => {
            format!("it refused this server's certificate ({alert:?})")
        }
        HandshakeError::Tls(error) => error.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn beyond_the_limit_the_oldest_handshake_ends() {
        let handshakes = Handshakes::new(2);
        let mut first = handshakes.begin();
        let mut second = handshakes.begin();
        let mut third = handshakes.begin();
        assert!(first.ended.try_recv() == Err(oneshot::error::TryRecvError::Closed));
        assert!(second.ended.try_recv() == Err(oneshot::error::TryRecvError::Empty));
        drop(second);
        let mut fourth = handshakes.begin();
        assert!(third.ended.try_recv() == Err(oneshot::error::TryRecvError::Empty));
        assert!(fourth.ended.try_recv() == Err(oneshot::error::TryRecvError::Empty));
        drop((first, third, fourth));
        assert!(handshakes.lock().queue.is_empty());
    }
}
