//! [`Topology`]: the servers, clients and services of an `init.yaml`.
//!
//! Generated code contains it as static data ([`StaticTopology`]). A program that reads `init.yaml`
//! at run time makes a [`Topology`] itself.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;

/// The network that stubs were generated for, as static data.
#[derive(Debug)]
pub struct StaticTopology {
    servers: &'static [StaticServer],
    clients: &'static [StaticClient],
    services: &'static [StaticService],
    tenant: Option<&'static str>,
    sha256: &'static str,
}

/// A server of a [`StaticTopology`].
#[derive(Debug, Clone, Copy)]
pub struct StaticServer {
    name: &'static str,
    address: SocketAddr,
}

/// A client of a [`StaticTopology`].
#[derive(Debug, Clone, Copy)]
pub struct StaticClient {
    name: &'static str,
    ip: Option<IpAddr>,
}

/// A service of a [`StaticTopology`].
#[derive(Debug, Clone, Copy)]
pub struct StaticService {
    name: &'static str,
    provider: &'static str,
}

/// The servers, clients and services of a network.
#[derive(Debug, Clone, Default)]
#[must_use]
pub struct Topology {
    pub(crate) servers: Vec<Server>,
    pub(crate) clients: Vec<Client>,
    pub(crate) services: Vec<Service>,
    pub(crate) tenant: Option<String>,
    /// The static data that this was made from.
    pub(crate) origin: Option<&'static StaticTopology>,
}

#[derive(Debug, Clone)]
pub(crate) struct Server {
    pub(crate) name: String,
    pub(crate) address: SocketAddr,
}

#[derive(Debug, Clone)]
pub(crate) struct Client {
    pub(crate) name: String,
    pub(crate) ip: Option<IpAddr>,
}

#[derive(Debug, Clone)]
pub(crate) struct Service {
    pub(crate) name: String,
    pub(crate) provider: String,
}

impl Topology {
    /// Returns a topology without servers, clients and services.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a server and where it listens.
    pub fn server(mut self, name: impl Into<String>, address: SocketAddr) -> Self {
        self.servers.push(Server {
            name: name.into(),
            address,
        });
        self
    }

    /// Adds a client and the address that it calls from.
    pub fn client(self, name: impl Into<String>, ip: IpAddr) -> Self {
        self.add_client(name.into(), Some(ip))
    }

    /// Adds a client without an address. Only a certificate identifies it.
    pub fn client_without_ip(self, name: impl Into<String>) -> Self {
        self.add_client(name.into(), None)
    }

    /// Adds a service and the name of the server that provides it.
    pub fn service(mut self, name: impl Into<String>, provider: impl Into<String>) -> Self {
        self.services.push(Service {
            name: name.into(),
            provider: provider.into(),
        });
        self
    }

    fn add_client(mut self, name: String, ip: Option<IpAddr>) -> Self {
        self.clients.push(Client { name, ip });
        self
    }
}

impl StaticTopology {
    /// Returns a topology. `rpcgen` writes calls of this function. `tenant` is the only client that
    /// the stubs are for, if there is one. `sha256` is the hash of the `init.yaml`.
    pub const fn new(
        servers: &'static [StaticServer],
        clients: &'static [StaticClient],
        services: &'static [StaticService],
        tenant: Option<&'static str>,
        sha256: &'static str,
    ) -> Self {
        Self {
            servers,
            clients,
            services,
            tenant,
            sha256,
        }
    }

    /// Returns the servers, in the file's order.
    pub fn servers(&self) -> &'static [StaticServer] {
        self.servers
    }

    /// Returns the clients, in the file's order.
    pub fn clients(&self) -> &'static [StaticClient] {
        self.clients
    }

    /// Returns the services that the stubs can call, in the file's order.
    pub fn services(&self) -> &'static [StaticService] {
        self.services
    }

    /// Returns the SHA-256 of the `init.yaml`, in hexadecimal digits.
    pub fn sha256(&self) -> &'static str {
        self.sha256
    }
}

impl From<&'static StaticTopology> for Arc<Topology> {
    fn from(origin: &'static StaticTopology) -> Self {
        let mut topology = Topology {
            origin: Some(origin),
            ..Topology::new()
        };
        for server in origin.servers {
            topology = topology.server(server.name, server.address);
        }
        for client in origin.clients {
            topology = topology.add_client(client.name.to_owned(), client.ip);
        }
        for service in origin.services {
            topology = topology.service(service.name, service.provider);
        }
        topology.tenant = origin.tenant.map(str::to_owned);
        Self::new(topology)
    }
}

impl StaticServer {
    /// Returns a server at an IPv4 address.
    pub const fn v4(name: &'static str, ip: [u8; 4], port: u16) -> Self {
        Self {
            name,
            address: SocketAddr::new(ipv4(ip), port),
        }
    }

    /// Returns a server at an IPv6 address.
    pub const fn v6(name: &'static str, ip: [u16; 8], port: u16) -> Self {
        Self {
            name,
            address: SocketAddr::new(ipv6(ip), port),
        }
    }

    /// Returns its name.
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// Returns where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }
}

impl StaticClient {
    /// Returns a client at an IPv4 address.
    pub const fn v4(name: &'static str, ip: [u8; 4]) -> Self {
        let ip = Some(ipv4(ip));
        Self { name, ip }
    }

    /// Returns a client at an IPv6 address.
    pub const fn v6(name: &'static str, ip: [u16; 8]) -> Self {
        let ip = Some(ipv6(ip));
        Self { name, ip }
    }

    /// Returns a client without an address. Only a certificate identifies it.
    pub const fn without_ip(name: &'static str) -> Self {
        Self { name, ip: None }
    }

    /// Returns its name.
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// Returns the address that it calls from. If it is `None`, only a certificate identifies the client.
    pub fn ip(&self) -> Option<IpAddr> {
        self.ip
    }
}

impl StaticService {
    /// Returns a service with the name of the server that provides it.
    pub const fn new(name: &'static str, provider: &'static str) -> Self {
        Self { name, provider }
    }

    /// Returns its name.
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// Returns the name of the server that provides it.
    pub fn provider(&self) -> &'static str {
        self.provider
    }
}

const fn ipv4(ip: [u8; 4]) -> IpAddr {
    IpAddr::V4(Ipv4Addr::new(ip[0], ip[1], ip[2], ip[3]))
}

const fn ipv6(ip: [u16; 8]) -> IpAddr {
    IpAddr::V6(Ipv6Addr::new(
        ip[0], ip[1], ip[2], ip[3], ip[4], ip[5], ip[6], ip[7],
    ))
}
