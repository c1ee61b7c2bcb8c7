//! [`Peers`]: what the server remembers of each address that it hears from, so that no address
//! costs more than its part: lines in the log, bytes of unfinished messages and of untaken answers,
//! wrong proofs of the deploy key.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use super::budget::AddressUse;
use crate::deployment::ProofTries;
use crate::log::meter::{Meter, PerSecond};

/// Maximum number of log lines a second about what one address sent: refusals, malformed messages,
/// exceptions.
const REFUSAL_LINES: u64 = 20;

/// Maximum number of log lines a second about connections of one address.
const CONNECTION_LINES: u64 = 50;

/// Maximum number of addresses that are told apart. Further ones share one entry.
const MAX_PEERS: usize = 4096;

/// Every address that has a connection, or had one a moment ago.
#[derive(Debug, Default)]
pub(crate) struct Peers {
    by_address: Mutex<HashMap<IpAddr, Arc<Peer>>>,
    /// Stands for the addresses beyond [`MAX_PEERS`].
    others: Arc<Peer>,
}

/// The far end of a connection.
#[derive(Debug, Clone)]
pub(crate) struct Remote {
    pub(crate) address: SocketAddr,
    pub(crate) peer: Arc<Peer>,
}

impl Remote {
    /// Whether a line about what it sent is logged; if not, it is counted.
    pub(crate) fn logs(&self) -> bool {
        self.peer.lines.admit(Instant::now())
    }

    /// Whether a line about its connections is logged; if not, it is counted.
    pub(crate) fn logs_connection(&self) -> bool {
        self.peer.connections.admit(Instant::now())
    }
}

impl std::fmt::Display for Remote {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.address.fmt(f)
    }
}

/// What all connections from one address share.
#[derive(Debug)]
pub(crate) struct Peer {
    /// Of lines about what it sent.
    pub(crate) lines: Arc<Meter>,
    /// Of lines about its connections.
    pub(crate) connections: Meter,
    /// Of messages that are refused.
    pub(crate) refusals: PerSecond,
    /// Its part of the budget for unfinished messages.
    pub(crate) unfinished: Arc<AddressUse>,
    /// Its part of the budget for untaken answers.
    pub(crate) untaken: Arc<AddressUse>,
    /// Its wrong proofs of the deploy key.
    pub(crate) proofs: ProofTries,
}

impl Default for Peer {
    fn default() -> Self {
        Self {
            lines: Arc::new(Meter::with_limit(REFUSAL_LINES)),
            connections: Meter::with_limit(CONNECTION_LINES),
            refusals: PerSecond::default(),
            unfinished: Arc::default(),
            untaken: Arc::default(),
            proofs: ProofTries::default(),
        }
    }
}

impl Peers {
    /// The far end of a connection from that address.
    pub(crate) fn remote(&self, address: SocketAddr) -> Remote {
        Remote {
            address,
            peer: self.of(address.ip()),
        }
    }

    /// The entry of an address.
    fn of(&self, address: IpAddr) -> Arc<Peer> {
        let key = network_of(address);
        let mut peers = self.lock();
        if let Some(peer) = peers.get(&key) {
            return Arc::clone(peer);
        }
        if peers.len() >= MAX_PEERS {
            return Arc::clone(&self.others);
        }
        Arc::clone(peers.entry(key).or_default())
    }

    /// Logs how many lines were left out since this was done last, and forgets addresses that are
    /// gone.
    pub(crate) fn tidy(&self, now: Instant) {
        let mut peers = self.lock();
        for (address, peer) in &*peers {
            peer.log_suppressed(address);
        }
        peers.retain(|_, peer| Arc::strong_count(peer) > 1 || peer.proofs.are_remembered(now));
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
        let (refusals, connections) = (
            self.lines.take_suppressed(),
            self.connections.take_suppressed(),
        );
        if refusals > 0 || connections > 0 {
            tracing::warn!(event = "suppressed", peer = %peer, refusals, connections);
        }
    }
}

/// What is told apart: an IPv4 address, or the /64 of an IPv6 address, all of which one machine may
/// have.
fn network_of(address: IpAddr) -> IpAddr {
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
    fn addresses_are_told_apart_up_to_a_limit_and_forgotten() {
        let peers = Peers::default();
        let address = |number: usize| IpAddr::from((number as u32).to_be_bytes());
        let same = [peers.of(address(7)), peers.of(address(7))];
        assert!(Arc::ptr_eq(&same[0], &same[1]));
        let held: Vec<_> = (0..MAX_PEERS + 2)
            .map(|number| peers.of(address(number)))
            .collect();
        assert!(!Arc::ptr_eq(&held[0], &held[1]));
        assert!(
            Arc::ptr_eq(&held[MAX_PEERS], &held[MAX_PEERS + 1]),
            "these share one entry"
        );
        drop((same, held));
        peers.tidy(Instant::now());
        assert!(peers.lock().is_empty());
    }

    #[test]
    fn one_machine_has_a_whole_ipv6_network() {
        let network = |text: &str| network_of(text.parse().expect("an address")).to_string();
        assert_eq!(network("2001:db8:1:2:3:4:5:6"), "2001:db8:1:2::");
        assert_eq!(
            [network("::1"), network("::ffff:10.0.0.1")],
            ["::1", "10.0.0.1"]
        );
    }
}
