//! [`Network`]: the declared network as one process sees it, and calls through it.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use crate::error::Error;
use crate::private::Procedure;
use crate::topology::Topology;
use crate::wire::value::Value;

/// The declared network as this process sees it: who it is, where the servers are.
#[derive(Debug, Clone)]
pub struct Network {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {}

/// Sets up a [`Network`].
#[derive(Debug)]
pub struct NetworkBuilder {
    topology: &'static Topology,
}

/// One server of a [`Network`].
#[derive(Debug, Clone)]
pub struct ServerHandle {}

impl Network {
    /// Begins to set up a network of this topology.
    pub fn builder(topology: &'static Topology) -> NetworkBuilder {
        NetworkBuilder { topology }
    }

    pub(crate) fn call_typed<R: Value>(
        &self,
        _procedure: &'static Procedure,
        _encode: impl FnOnce(&mut Vec<u8>),
    ) -> Result<R, Error> {
        Err(Error::configuration("sketch"))
    }
}

impl NetworkBuilder {
    /// The network.
    pub fn build(self) -> Result<Network, Error> {
        let _ = self.topology;
        Ok(Network { inner: Arc::new(Inner {}) })
    }
}
