//! [`installed`]: the [`Network`] that the free functions of stubs call through.

use std::sync::{PoisonError, RwLock};

use crate::error::Error;
use crate::network::Network;
use crate::topology::StaticTopology;

/// The installed networks, one for each set of stubs in this process, so that two sets do not
/// disturb each other.
static INSTALLED: RwLock<Vec<(&'static StaticTopology, Network)>> = RwLock::new(Vec::new());

impl Network {
    /// Makes the free functions of the stubs call through this network. The stubs are those that
    /// its topology belongs to. Without effect if the topology was made at run time.
    pub fn install(self) {
        if let Some(origin) = self.inner.resolver.topology().origin {
            install(origin, self);
        }
    }
}

/// Makes the free functions of the stubs with this topology call through `network`.
fn install(topology: &'static StaticTopology, network: Network) {
    let mut installed = INSTALLED.write().unwrap_or_else(PoisonError::into_inner);
    match installed
        .iter_mut()
        .find(|(known, _)| std::ptr::eq(*known, topology))
    {
        Some(entry) => entry.1 = network,
        None => installed.push((topology, network)),
    }
}

/// Returns the network that free functions call through. If none was installed, a network is built
/// from the environment and the file.
///
/// # Errors
/// As [`NetworkBuilder::build`](crate::NetworkBuilder::build).
pub fn installed(topology: &'static StaticTopology) -> Result<Network, Error> {
    if let Some(network) = find(topology) {
        return Ok(network);
    }
    let network = Network::builder(topology).build()?;
    let mut installed = INSTALLED.write().unwrap_or_else(PoisonError::into_inner);
    // Another thread may have been first.
    if let Some((_, first)) = installed
        .iter()
        .find(|(known, _)| std::ptr::eq(*known, topology))
    {
        return Ok(first.clone());
    }
    installed.push((topology, network.clone()));
    Ok(network)
}

fn find(topology: &'static StaticTopology) -> Option<Network> {
    let installed = INSTALLED.read().unwrap_or_else(PoisonError::into_inner);
    installed
        .iter()
        .find(|(known, _)| std::ptr::eq(*known, topology))
        .map(|(_, network)| network.clone())
}
