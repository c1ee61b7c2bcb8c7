//! [`InitializerError`], and why a server did not do what it was asked: [`Unreachable`],
//! [`RequestError`].

use std::net::SocketAddr;
use std::path::PathBuf;

use deploy::message::DeployError;

/// Why an operation of an initializer failed. No server has another generation because of it.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum InitializerError {
    /// There are findings in the file, or in a source that it names.
    #[error("{0}")]
    File(Box<rpc_schema::Report>),
    /// A file that the `init.yaml` names cannot be read or packed.
    #[error("{0}")]
    Source(String),
    /// An option names a server that the network does not have.
    #[error("no server `{0}` in this network")]
    UnknownServer(String),
    /// An environment variable (its name, its value) contains an invalid address of a server.
    #[error("invalid address `{1}` in {0}; expected IP:PORT, such as `127.0.0.1:7101`")]
    Address(String, String),
    /// These servers did not do what they were asked.
    #[error("{}", join_lines(.0))]
    Unreachable(Vec<Unreachable>),
    /// A saved plan cannot be written or read.
    #[error("the plan {}: {what}", path.display())]
    SavedPlan {
        /// The file of the plan.
        path: PathBuf,
        /// What is wrong.
        what: String,
    },
    /// These servers have changed since the plan was made.
    #[error("{}", .0.join("\n"))]
    Moved(Vec<String>),
    /// The certificate of `--tls` does not fit the file, for this reason.
    #[error("{0}")]
    Certificate(String),
    /// A lease cannot be broken, for this reason.
    #[error("{0}")]
    Lease(String),
    /// A rollback is not possible, for this reason.
    #[error("{0}")]
    Rollback(String),
}

fn join_lines(servers: &[Unreachable]) -> String {
    servers
        .iter()
        .map(ToString::to_string)
        .collect::<Vec<_>>()
        .join("\n")
}

/// Why a request to a server failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RequestError {
    /// The server refused the request.
    #[error("{0}")]
    Refused(DeployError),
    /// The server could not be reached, or its answer is missing or invalid.
    #[error("{0}")]
    Lost(String),
}

/// A server to which a request failed.
#[derive(Debug, thiserror::Error)]
#[error("server `{name}` at {address}: {error}")]
#[non_exhaustive]
pub struct Unreachable {
    /// The server's name.
    pub name: String,
    /// The address of the server.
    pub address: SocketAddr,
    /// Why the request failed.
    pub error: RequestError,
}

impl Unreachable {
    pub(crate) fn new(name: &str, address: SocketAddr, error: RequestError) -> Self {
        Self {
            name: name.to_owned(),
            address,
            error,
        }
    }
}
