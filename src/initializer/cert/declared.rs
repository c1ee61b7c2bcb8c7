//! [`Declared`]: whom an `init.yaml` names.

use std::net::{IpAddr, SocketAddr};
use std::path::Path;

use rpc_runtime::initializer::InitializerError;
use rpc_schema::model::Schema;
use rpc_schema::{Document, Name};

use super::layout::{Holder, Kind};
use super::words::shown;
use crate::initializer::VerbError;

/// A checked file, whose network has a name.
#[derive(Debug)]
pub(super) struct Declared {
    document: Document,
    network: String,
    holders: Vec<Holder>,
}

impl Declared {
    /// Reads the file.
    pub(super) fn load(path: &Path) -> Result<Self, VerbError> {
        let document =
            rpc_schema::load(path).map_err(|report| InitializerError::File(Box::new(report)))?;
        let Some(network) = network_name(&document.schema) else {
            return Err(VerbError::Message(format!(
                "`{}` gives the network no name, which every certificate carries; add one, such as `name: shop`",
                shown(path)
            )));
        };
        let network = network.to_string();
        let holders = holders(&document.schema);
        Ok(Self {
            document,
            network,
            holders,
        })
    }

    /// Returns the path of the file.
    pub(super) fn path(&self) -> &Path {
        self.document.path()
    }

    /// Returns the name of the network.
    pub(super) fn network(&self) -> &str {
        &self.network
    }

    /// Returns everybody who gets a certificate, in the file's order.
    pub(super) fn holders(&self) -> &[Holder] {
        &self.holders
    }

    /// Returns whether the file names somebody.
    pub(super) fn names(&self, holder: &Holder) -> bool {
        self.holders.contains(holder)
    }

    /// Returns those of a kind, in the file's order.
    pub(super) fn of(&self, kind: Kind) -> impl Iterator<Item = &Holder> {
        self.holders
            .iter()
            .filter(move |holder| holder.kind == kind)
    }

    /// Returns whether the file names nobody of a kind.
    pub(super) fn lacks(&self, kind: Kind) -> bool {
        self.holders.iter().all(|holder| holder.kind != kind)
    }

    /// Returns the servers with their addresses.
    pub(super) fn servers(&self) -> impl Iterator<Item = (&str, SocketAddr)> {
        let servers = self.document.schema.network.servers.iter();
        servers.map(|server| (server.name.as_str(), server.address))
    }

    /// Returns the address that the certificate of a holder carries. Only servers have one.
    pub(super) fn address(&self, holder: &Holder) -> Option<IpAddr> {
        if holder.kind != Kind::Server {
            return None;
        }
        let server = self.document.schema.server(&holder.name)?;
        Some(server.address.ip())
    }
}

/// Returns the name of the network.
fn network_name(schema: &Schema) -> Option<&Name> {
    schema.name.as_ref()
}

fn holders(schema: &Schema) -> Vec<Holder> {
    let network = &schema.network;
    let holder = |kind| {
        move |name: &Name| Holder {
            kind,
            name: name.to_string(),
        }
    };
    let servers = network.servers.iter().map(|server| &server.name);
    let clients = network.clients.iter().map(|client| &client.name);
    let deployers = network.deployers.iter();
    servers
        .map(holder(Kind::Server))
        .chain(clients.map(holder(Kind::Client)))
        .chain(deployers.map(holder(Kind::Deployer)))
        .collect()
}
