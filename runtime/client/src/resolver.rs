//! [`Resolver`]: which server provides a service, and where it is reached.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::binary_pool::BinaryPool;
use crate::endpoint::Endpoint;
use crate::error::Error;
#[cfg(feature = "async")]
use crate::multiplexed_pool::MultiplexedPool;
use crate::text::TextPool;
use crate::topology::Topology;

/// Finds the server of a service.
#[derive(Debug)]
pub(crate) struct Resolver {
    topology: Arc<Topology>,
    /// In the order of the topology.
    servers: Vec<ServerEntry>,
    /// For each service of the topology: the place of its provider among `servers`.
    providers: Vec<Option<usize>>,
    /// The place of each service in the topology.
    services: HashMap<String, usize>,
}

/// A server, and the sessions to it.
#[derive(Debug)]
pub(crate) struct ServerEntry {
    pub(crate) endpoint: Endpoint,
    pub(crate) binary: BinaryPool,
    #[cfg(feature = "async")]
    pub(crate) multiplexed: MultiplexedPool,
    pub(crate) text: TextPool,
}

impl ServerEntry {
    /// Returns a server that is reached at `address`, with at most `max_sessions` binary sessions
    /// at once.
    fn new(server: &str, address: SocketAddr, max_sessions: usize) -> Self {
        let endpoint = Endpoint {
            server: server.to_owned(),
            address,
        };
        Self {
            binary: BinaryPool::new(endpoint.clone(), max_sessions),
            #[cfg(feature = "async")]
            multiplexed: MultiplexedPool::new(endpoint.clone(), max_sessions),
            text: TextPool::new(endpoint.clone()),
            endpoint,
        }
    }
}

impl Resolver {
    /// Returns a resolver for this topology. `addresses` says where each server is reached, in the
    /// topology's order.
    pub(crate) fn new(
        topology: Arc<Topology>,
        addresses: &[SocketAddr],
        max_sessions: usize,
    ) -> Self {
        let place = |name: &str| {
            topology
                .servers
                .iter()
                .position(|server| server.name == name)
        };
        let providers = topology
            .services
            .iter()
            .map(|service| place(&service.provider))
            .collect();
        let names = topology.services.iter().map(|service| service.name.clone());
        let services = names
            .enumerate()
            .map(|(place, name)| (name, place))
            .collect();
        let servers = topology.servers.iter().zip(addresses);
        let servers = servers
            .map(|(server, address)| ServerEntry::new(&server.name, *address, max_sessions))
            .collect();
        Self {
            topology,
            servers,
            providers,
            services,
        }
    }

    /// Returns the provider of a service. `hint` is where the service was found last, perhaps in
    /// another network.
    ///
    /// # Errors
    /// An unknown service.
    pub(crate) fn provider(
        &self,
        service: &str,
        hint: &AtomicUsize,
    ) -> Result<&ServerEntry, Error> {
        let unknown = || Error::configuration(format!("no service `{service}` in this network"));
        let hinted = hint.load(Ordering::Relaxed);
        let place = match self.topology.services.get(hinted) {
            Some(found) if found.name == service => hinted,
            _ => {
                let place = *self.services.get(service).ok_or_else(unknown)?;
                hint.store(place, Ordering::Relaxed);
                place
            }
        };
        self.providers[place]
            .map(|server| &self.servers[server])
            .ok_or_else(unknown)
    }

    /// Returns the place of a server.
    ///
    /// # Errors
    /// An unknown server.
    pub(crate) fn find_server(&self, name: &str) -> Result<usize, Error> {
        let place = self
            .servers
            .iter()
            .position(|server| server.endpoint.server == name);
        place.ok_or_else(|| no_server(name))
    }

    /// Returns the server at a place that [`find_server`](Self::find_server) returned.
    pub(crate) fn server(&self, place: usize) -> &ServerEntry {
        &self.servers[place]
    }

    /// Returns the topology.
    pub(crate) fn topology(&self) -> &Topology {
        &self.topology
    }
}

pub(crate) fn no_server(name: &str) -> Error {
    Error::configuration(format!("no server `{name}` in this network"))
}
