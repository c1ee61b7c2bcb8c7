//! [`Peers`]: what the server remembers of each address, so that no address uses more than its
//! share: connections, log lines, bytes of incomplete messages and unread answers, wrong proofs of
//! the deploy key.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tls::Identity;

use super::budget::AddressUse;
use super::proof_tries::ProofTries;
use super::room::Room;
use crate::log::meter::{Meter, PerSecond};

/// Maximum number of log lines per second about what one address sent: refusals, malformed
/// messages, exceptions.
const REFUSAL_LINES: u64 = 20;

/// Maximum number of log lines per second about the connections of one address.
const CONNECTION_LINES: u64 = 50;

/// Time between two handshakes of an address that wastes connections.
const HANDSHAKE_INTERVAL: Duration = Duration::from_millis(5);

/// Maximum number of addresses with an entry of their own. Further addresses share one entry.
const MAX_PEERS: usize = 4096;

/// The addresses that have a connection, or had one a moment ago.
#[derive(Debug)]
pub(crate) struct Peers {
    /// Number of bytes of the incomplete messages of one address.
    room_bytes: usize,
    by_address: Mutex<HashMap<IpAddr, Arc<Peer>>>,
    /// The shared entry of the addresses beyond [`MAX_PEERS`].
    others: Arc<Peer>,
}

/// The far end of a connection.
#[derive(Debug, Clone)]
pub(crate) struct Remote {
    pub(crate) address: SocketAddr,
    pub(crate) peer: Arc<Peer>,
    /// The identity in the peer's certificate; `None` in plain TCP.
    pub(crate) identity: Option<Arc<Identity>>,
}

impl Remote {
    /// Returns whether a line about what the peer sent is logged. Otherwise the line is counted.
    pub(crate) fn logs(&self) -> bool {
        self.peer.line_meter.admit(Instant::now())
    }

    /// Returns whether a line about the connections of the peer is logged. Otherwise the line is
    /// counted.
    pub(crate) fn logs_connection(&self) -> bool {
        self.peer.connection_meter.admit(Instant::now())
    }

    /// Counts a connection that ended without a complete message, or that was closed because the
    /// address has too many. `limit` is the maximum number of these in a second.
    pub(crate) fn count_empty_connection(&self, limit: u64) {
        if self.peer.empty_connections.count(Instant::now()) == limit {
            let note =
                "for the rest of this second, seven of eight are reset (--max-empty-connections)";
            tracing::warn!(event = "too many empty connections", peer = %self, limit, note);
        }
    }

    /// Returns whether the address had `limit` connections in this second that ended without a
    /// complete message.
    pub(crate) fn wastes_connections(&self, limit: u64) -> bool {
        self.peer.empty_connections.counted(Instant::now()) >= limit
    }

    /// Waits before a handshake, if the address wastes connections: a handshake takes far more time
    /// of the processor than a call, and than a connection without one. `limit` is that of empty
    /// connections.
    pub(crate) async fn wait_for_handshake(&self, limit: u64) {
        if self.wastes_connections(limit / 10) {
            let _pace = self.peer.handshake_pace.lock().await;
            tokio::time::sleep(HANDSHAKE_INTERVAL).await;
        }
    }
}

impl std::fmt::Display for Remote {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &self.identity {
            Some(identity) => write!(f, "{} ({} {})", self.address, identity.role, identity.name),
            None => self.address.fmt(f),
        }
    }
}

/// What all connections from one address share.
#[derive(Debug)]
pub(crate) struct Peer {
    /// Number of open connections.
    connections: AtomicUsize,
    /// Limits the log lines about what the address sent.
    pub(crate) line_meter: Arc<Meter>,
    /// Limits the log lines about the connections of the address.
    pub(crate) connection_meter: Meter,
    /// Counts refused messages.
    pub(crate) refusals: PerSecond,
    /// Counts connections that ended without a complete message.
    empty_connections: PerSecond,
    /// Held for [`HANDSHAKE_INTERVAL`] before each handshake, if the address wastes connections.
    handshake_pace: tokio::sync::Mutex<()>,
    /// The address's room for incomplete messages.
    pub(crate) room: Arc<Room>,
    /// Used bytes of the budget for unread answers.
    pub(crate) untaken: Arc<AddressUse>,
    /// Used bytes of the budget for arguments of calls.
    pub(crate) arguments: Arc<AddressUse>,
    /// Wrong proofs of the deploy key.
    pub(crate) proof_tries: ProofTries,
}

impl Peer {
    fn new(room_bytes: usize) -> Self {
        Self {
            connections: AtomicUsize::new(0),
            line_meter: Arc::new(Meter::with_limit(REFUSAL_LINES)),
            connection_meter: Meter::with_limit(CONNECTION_LINES),
            refusals: PerSecond::default(),
            empty_connections: PerSecond::default(),
            handshake_pace: tokio::sync::Mutex::default(),
            room: Room::new(room_bytes),
            untaken: Arc::default(),
            arguments: Arc::default(),
            proof_tries: ProofTries::default(),
        }
    }
}

/// A connection of an address. Dropping this says that it has ended.
#[derive(Debug)]
pub(crate) struct OpenConnection {
    peer: Arc<Peer>,
    /// Number of connections that the address had before.
    pub(crate) others: usize,
}

impl OpenConnection {
    /// Counts a connection of that address.
    pub(crate) fn of(peer: &Arc<Peer>) -> Self {
        Self {
            others: peer.connections.fetch_add(1, Ordering::Relaxed),
            peer: Arc::clone(peer),
        }
    }
}

impl Drop for OpenConnection {
    fn drop(&mut self) {
        self.peer.connections.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Peers {
    /// Remembers no address. The incomplete messages of each may have `room_bytes` bytes.
    pub(crate) fn new(room_bytes: usize) -> Self {
        Self {
            room_bytes,
            by_address: Mutex::default(),
            others: Arc::new(Peer::new(room_bytes)),
        }
    }

    /// Returns the far end of a connection from that address.
    pub(crate) fn remote(&self, address: SocketAddr) -> Remote {
        Remote {
            address,
            peer: self.peer(address.ip()),
            identity: None,
        }
    }

    /// Returns the entry of an address. Adds one if there is room.
    fn peer(&self, address: IpAddr) -> Arc<Peer> {
        let key = peer_key(address);
        let mut peers = self.lock();
        if let Some(peer) = peers.get(&key) {
            return Arc::clone(peer);
        }
        if peers.len() >= MAX_PEERS {
            return Arc::clone(&self.others);
        }
        let peer = peers
            .entry(key)
            .or_insert_with(|| Arc::new(Peer::new(self.room_bytes)));
        Arc::clone(peer)
    }

    /// Logs how many lines were left out since the last call, and forgets addresses without
    /// connections.
    pub(crate) fn tidy(&self, now: Instant) {
        let mut peers = self.lock();
        for (address, peer) in &*peers {
            peer.log_suppressed(address);
        }
        peers.retain(|_, peer| Arc::strong_count(peer) > 1 || peer.proof_tries.are_remembered(now));
        drop(peers);
        self.others.log_suppressed(&"others");
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<IpAddr, Arc<Peer>>> {
        self.by_address
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

impl Peer {
    fn log_suppressed(&self, peer: &dyn std::fmt::Display) {
        let refusals = self.line_meter.take_suppressed();
        let connections = self.connection_meter.take_suppressed();
        if refusals > 0 || connections > 0 {
            tracing::warn!(event = "suppressed", peer = %peer, refusals, connections);
        }
    }
}

/// Returns the key of an address: an IPv4 address, or the /64 network of an IPv6 address, because
/// one machine may use a whole /64 network.
fn peer_key(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) if !address.is_loopback() => {
            let [a, b, c, d, ..] = address.segments();
            IpAddr::V6(Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0))
        }
        address => address,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_have_their_own_entries_up_to_a_limit_and_are_forgotten() {
        let peers = Peers::new(1);
        let address = |number: usize| IpAddr::from((number as u32).to_be_bytes());
        let same = [peers.peer(address(7)), peers.peer(address(7))];
        assert!(Arc::ptr_eq(&same[0], &same[1]));
        let held: Vec<_> = (0..MAX_PEERS + 2)
            .map(|number| peers.peer(address(number)))
            .collect();
        assert!(!Arc::ptr_eq(&held[0], &held[1]));
        assert!(
            Arc::ptr_eq(&held[MAX_PEERS], &held[MAX_PEERS + 1]),
            "addresses beyond the limit share one entry"
        );
        drop((same, held));
        peers.tidy(Instant::now());
        assert!(peers.lock().is_empty());
    }

    #[test]
    fn the_connections_of_an_address_are_counted_while_they_are_open() {
        let peers = Peers::new(1);
        let open = |text: &str| {
            let peer = peers.peer(text.parse().expect("an address"));
            OpenConnection::of(&peer)
        };
        let first = open("2001:db8::1");
        let second = open("2001:db8::ffff:2");
        let elsewhere = open("2001:db8:0:1::1");
        assert_eq!([first.others, second.others, elsewhere.others], [0, 1, 0]);
        drop(first);
        assert_eq!(open("2001:db8::3").others, 1);
        assert_eq!([open("127.0.0.1").others, open("::1").others], [0, 0]);
    }

    #[test]
    fn all_addresses_of_an_ipv6_network_share_one_key() {
        let key = |text: &str| peer_key(text.parse().expect("an address")).to_string();
        assert_eq!(key("2001:db8:1:2:3:4:5:6"), "2001:db8:1:2::");
        assert_eq!([key("::1"), key("::ffff:10.0.0.1")], ["::1", "10.0.0.1"]);
    }

    #[tokio::test(start_paused = true)]
    async fn handshakes_of_an_address_that_wastes_connections_wait_for_each_other() {
        const LIMIT: u64 = 30;
        let peers = Peers::new(1);
        let remote = |text: &str| peers.remote(text.parse().expect("an address"));
        let [first, second] = [remote("127.0.0.1:1"), remote("127.0.0.1:2")];
        let time = async |remotes: &[&Remote]| {
            let began_at = tokio::time::Instant::now();
            let waits = remotes
                .iter()
                .map(|remote| remote.wait_for_handshake(LIMIT));
            futures_util::future::join_all(waits).await;
            began_at.elapsed()
        };
        assert!(time(&[&first, &second]).await.is_zero());
        // Within one second, or else the last ones are too few.
        while !first.wastes_connections(LIMIT / 10) {
            first.count_empty_connection(LIMIT);
        }
        let both = time(&[&first, &second]).await;
        assert!(both >= 2 * HANDSHAKE_INTERVAL, "{both:?}");
        assert!(time(&[&remote("127.0.0.2:1")]).await.is_zero());
    }
}
