//! The checked model of an `init.yaml`: what the file means. It cannot be invalid.

use std::net::{IpAddr, SocketAddr};
use std::num::{NonZeroU32, NonZeroU64};
use std::time::Duration;

use crate::name::Name;
use crate::signature::Signature;
use crate::types::Type;

/// A whole checked `init.yaml`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Schema {
    /// Who is in the network.
    pub network: Network,
    /// Its records and enumerations, in the file's order.
    pub types: Vec<TypeDecl>,
    /// What is provided in it, in the file's order.
    pub services: Vec<Service>,
    /// SHA-256 of the file's bytes, as lower-case hexadecimal.
    pub sha256: String,
}

/// The machines and names of a network, each in the file's order.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Network {
    /// Who provides services; names and addresses are unique.
    pub servers: Vec<Server>,
    /// Who calls them; names are unique, addresses need not be.
    pub clients: Vec<Client>,
    /// Names that get a deployer's certificate.
    pub deployers: Vec<Name>,
}

/// One server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Server {
    /// Its name.
    pub name: Name,
    /// Where it listens.
    pub address: SocketAddr,
}

/// One client.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Client {
    /// Its name.
    pub name: Name,
    /// Where it calls from.
    pub ip: IpAddr,
}

/// A type that the file declares by name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TypeDecl {
    /// Its name.
    pub name: Name,
    /// What it is, for the stub's documentation.
    pub doc: Option<String>,
    /// [`Type::Record`] or [`Type::Enumeration`], of this name.
    pub ty: Type,
}

/// One service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Service {
    /// Its name.
    pub name: Name,
    /// The server that runs it; one of `network.servers`.
    pub provider: Name,
    /// The clients that may call it; each one of `network.clients`, none twice.
    pub tenants: Vec<Name>,
    /// Helper modules that travel with the sources: paths like those of [`Code::Source`].
    pub modules: Vec<String>,
    /// Read-only files that travel with the sources: paths like those of [`Code::Source`].
    pub data: Vec<String>,
    /// What its code may touch.
    pub grants: Grants,
    /// Calls at once; `None` leaves it to the server.
    pub concurrency: Option<NonZeroU32>,
    /// Its procedures, in the file's order; no two have the same key.
    pub rpcs: Vec<Rpc>,
}

/// What the code of a service may touch beyond computing.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Grants {
    /// Ports it may connect to.
    pub connect: Vec<u16>,
    /// Absolute paths it may read.
    pub read: Vec<String>,
    /// Absolute paths it may write.
    pub write: Vec<String>,
    /// Memory in bytes.
    pub memory: Option<NonZeroU64>,
    /// Environment variables it sees.
    pub env: Vec<String>,
}

/// One procedure: one overload of a name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rpc {
    /// Its name.
    pub name: Name,
    /// What it does, for the stub's documentation.
    pub doc: Option<String>,
    /// Its arguments, in order.
    pub parameters: Vec<Parameter>,
    /// The types it returns; empty for none.
    pub returns: Vec<Type>,
    /// Where its code is.
    pub code: Code,
    /// The longest a call may take.
    pub deadline: Option<Duration>,
    /// Safe to run twice.
    pub idempotent: bool,
}

/// One argument.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Parameter {
    /// Its name; `None` where the file lists types alone.
    pub name: Option<Name>,
    /// Its type.
    pub ty: Type,
}

/// Where a procedure's code is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Code {
    /// In a file, relative to `init.yaml`, with `/` between its parts, none of them empty, `.` or
    /// `..`.
    Source(String),
    /// Compiled into the provider's own binary.
    Native,
}

impl Schema {
    /// The service of that name.
    pub fn service(&self, name: &str) -> Option<&Service> {
        self.services.iter().find(|service| service.name == *name)
    }

    /// The record or the enumeration of that name.
    pub fn type_named(&self, name: &str) -> Option<&TypeDecl> {
        self.types.iter().find(|declared| declared.name == *name)
    }

    /// The server of that name.
    pub fn server(&self, name: &str) -> Option<&Server> {
        self.network
            .servers
            .iter()
            .find(|server| server.name == *name)
    }

    /// The client of that name.
    pub fn client(&self, name: &str) -> Option<&Client> {
        self.network
            .clients
            .iter()
            .find(|client| client.name == *name)
    }
}

impl Service {
    /// The signature of one of this service's procedures.
    pub fn signature(&self, rpc: &Rpc) -> Signature {
        Signature {
            service: self.name.to_string(),
            rpc: rpc.name.to_string(),
            arguments: rpc
                .parameters
                .iter()
                .map(|parameter| parameter.ty.clone())
                .collect(),
            returns: rpc.returns.clone(),
        }
    }

    /// Whether that client may call this service.
    pub fn has_tenant(&self, client: &str) -> bool {
        self.tenants.iter().any(|tenant| *tenant == *client)
    }
}
