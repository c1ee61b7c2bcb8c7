//! The checked model of an `init.yaml`: the meaning of the file. A model is always valid.

use std::net::{IpAddr, SocketAddr};
use std::num::{NonZeroU32, NonZeroU64};
use std::time::Duration;

use crate::name::Name;
use crate::signature::Signature;
use crate::types::Type;

/// A whole checked `init.yaml`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Schema {
    /// The network's name, for people and for certificates.
    pub name: Option<Name>,
    /// What the network is for.
    pub doc: Option<String>,
    /// The servers, clients and deployers.
    pub network: Network,
    /// The records and enumerations, in the file's order.
    pub types: Vec<TypeDecl>,
    /// The services, in the file's order.
    pub services: Vec<Service>,
    /// The SHA-256 of the file's bytes, in lower-case hexadecimal digits.
    pub sha256: String,
}

/// The servers, clients and deployers of a network, each in the file's order.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Network {
    /// The servers, which provide services. Their names and addresses are unique.
    pub servers: Vec<Server>,
    /// The clients, which call services. Their names are unique; several may share an address.
    pub clients: Vec<Client>,
    /// The names that get a deployer's certificate.
    pub deployers: Vec<Name>,
}

/// One server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Server {
    /// Its name.
    pub name: Name,
    /// The address on which it listens.
    pub address: SocketAddr,
}

/// One client.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Client {
    /// Its name.
    pub name: Name,
    /// The address from which it calls; if it is `None`, only a certificate identifies the client.
    pub ip: Option<IpAddr>,
}

/// A type that the file declares by name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TypeDecl {
    /// Its name.
    pub name: Name,
    /// A description, for the stub's documentation.
    pub doc: Option<String>,
    /// A [`Type::Record`] or a [`Type::Enumeration`] with this name.
    pub ty: Type,
}

/// One service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Service {
    /// Its name.
    pub name: Name,
    /// The server that runs it; one of `network.servers`.
    pub provider: Name,
    /// The clients that may call it: each is one of `network.clients`, and none is listed twice.
    pub tenants: Vec<Name>,
    /// Python modules that are sent with the sources: paths like those of [`Code::Source`].
    pub modules: Vec<String>,
    /// Read-only files that are sent with the sources: paths like those of [`Code::Source`].
    pub data: Vec<String>,
    /// What its code may use on the server's machine.
    pub grants: Grants,
    /// Maximum number of calls that run at once; if it is `None`, the server decides.
    pub concurrency: Option<NonZeroU32>,
    /// Its procedures, in the file's order; no two have the same key.
    pub rpcs: Vec<Rpc>,
}

/// What the code of a service may use on the server's machine.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Grants {
    /// TCP ports to which it may connect.
    pub connect: Vec<u16>,
    /// Absolute paths that it may read.
    pub read: Vec<String>,
    /// Absolute paths that it may write.
    pub write: Vec<String>,
    /// Memory that it may use, in bytes; if it is `None`, the server decides.
    pub memory: Option<NonZeroU64>,
    /// Environment variables of the server that it may see.
    pub env: Vec<String>,
}

/// One procedure: one overload of a name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rpc {
    /// Its name.
    pub name: Name,
    /// A description, for the stub's documentation.
    pub doc: Option<String>,
    /// Its arguments, in order.
    pub parameters: Vec<Parameter>,
    /// The types of the returned values, in order; empty if it returns nothing.
    pub returns: Vec<Type>,
    /// Where its code is.
    pub code: Code,
    /// How long a call may take; if it is `None`, the server decides.
    pub deadline: Option<Duration>,
    /// Whether it is safe to run a call twice.
    pub idempotent: bool,
}

/// One argument.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Parameter {
    /// Its name; `None` if the file lists only the types.
    pub name: Option<Name>,
    /// Its type.
    pub ty: Type,
}

/// Where a procedure's code is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Code {
    /// The code is in the file at this path. The path is relative to the folder of `init.yaml`. Its
    /// parts are separated by `/`, and none is empty, `.` or `..`.
    Source(String),
    /// The code is compiled into the provider's own binary.
    Native,
}

impl Schema {
    /// Returns the service with this name.
    pub fn service(&self, name: &str) -> Option<&Service> {
        self.services.iter().find(|service| service.name == *name)
    }

    /// Returns the record or the enumeration with this name.
    pub fn type_named(&self, name: &str) -> Option<&TypeDecl> {
        self.types.iter().find(|declared| declared.name == *name)
    }

    /// Returns the server with this name.
    pub fn server(&self, name: &str) -> Option<&Server> {
        self.network
            .servers
            .iter()
            .find(|server| server.name == *name)
    }

    /// Returns the client with this name.
    pub fn client(&self, name: &str) -> Option<&Client> {
        self.network
            .clients
            .iter()
            .find(|client| client.name == *name)
    }
}

impl Service {
    /// Returns the signature of one of this service's procedures.
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

    /// Returns whether this client may call the service.
    pub fn has_tenant(&self, client: &str) -> bool {
        self.tenants.iter().any(|tenant| *tenant == *client)
    }
}
