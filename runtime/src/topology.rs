//! [`Topology`]: the network of an `init.yaml` as static data, written by `rpcgen`.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::RwLock;

use crate::error::Error;
use crate::network::Network;

/// The network that stubs were generated for.
///
/// It also holds the [`Network`] that the free functions of its stubs call through: one per generated root, so that
/// two sets of stubs in one process do not disturb each other.
#[derive(Debug)]
pub struct Topology {
    /// Who provides services.
    pub servers: &'static [Server],
    /// Who calls them.
    pub clients: &'static [Client],
    /// The services that these stubs can call.
    pub services: &'static [Service],
    /// The only client these stubs were generated for, if they were.
    pub tenant: Option<&'static str>,
    /// SHA-256 of the `init.yaml`.
    pub sha256: &'static str,
    installed: RwLock<Option<Network>>,
}

/// A server of the network.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Server {
    /// Its name.
    pub name: &'static str,
    /// Where it listens.
    pub address: SocketAddr,
}

/// A client of the network.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Client {
    /// Its name.
    pub name: &'static str,
    /// Where it calls from.
    pub ip: IpAddr,
}

/// A service of the network.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Service {
    /// Its name.
    pub name: &'static str,
    /// The server that runs it.
    pub provider: &'static str,
    /// The clients that may call it.
    pub tenants: &'static [&'static str],
}

impl Server {
    /// A server at an IPv4 address.
    pub const fn v4(name: &'static str, ip: [u8; 4], port: u16) -> Self {
        Self { name, address: SocketAddr::new(ipv4(ip), port) }
    }

    /// A server at an IPv6 address.
    pub const fn v6(name: &'static str, ip: [u16; 8], port: u16) -> Self {
        Self { name, address: SocketAddr::new(ipv6(ip), port) }
    }
}

impl Client {
    /// A client at an IPv4 address.
    pub const fn v4(name: &'static str, ip: [u8; 4]) -> Self {
        Self { name, ip: ipv4(ip) }
    }

    /// A client at an IPv6 address.
    pub const fn v6(name: &'static str, ip: [u16; 8]) -> Self {
        Self { name, ip: ipv6(ip) }
    }
}

const fn ipv4(ip: [u8; 4]) -> IpAddr {
    IpAddr::V4(Ipv4Addr::new(ip[0], ip[1], ip[2], ip[3]))
}

const fn ipv6(ip: [u16; 8]) -> IpAddr {
    IpAddr::V6(Ipv6Addr::new(ip[0], ip[1], ip[2], ip[3], ip[4], ip[5], ip[6], ip[7]))
}

impl Topology {
    /// A topology; `rpcgen` writes this call.
    pub const fn new(
        servers: &'static [Server],
        clients: &'static [Client],
        services: &'static [Service],
        tenant: Option<&'static str>,
        sha256: &'static str,
    ) -> Self {
        Self { servers, clients, services, tenant, sha256, installed: RwLock::new(None) }
    }

    /// A network with nobody in it, to be filled by hand.
    pub const fn empty() -> Self {
        Self::new(&[], &[], &[], None, "")
    }

    /// The service of that name.
    pub fn service(&self, name: &str) -> Option<&'static Service> {
        self.services.iter().find(|service| service.name == name)
    }

    /// Makes the free functions of these stubs call through `network` from here on.
    pub(crate) fn install(&self, network: Network) {
        *self.installed.write().unwrap_or_else(std::sync::PoisonError::into_inner) = Some(network);
    }

    /// The installed network; where none is, one that follows the environment and the file.
    pub(crate) fn installed(&'static self) -> Result<Network, Error> {
        if let Some(network) = &*self.installed.read().unwrap_or_else(std::sync::PoisonError::into_inner) {
            return Ok(network.clone());
        }
        let network = Network::builder(self).build()?;
        let mut slot = self.installed.write().unwrap_or_else(std::sync::PoisonError::into_inner);
        Ok(slot.get_or_insert(network).clone())
    }
}

/// The environment variable that says where a server is reached: `RPC_SERVER_` and its name in capitals.
pub fn server_variable(name: &str) -> String {
    format!("RPC_SERVER_{}", name.to_ascii_uppercase())
}
