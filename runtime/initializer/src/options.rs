//! [`InitializerOptions`].

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use deploy::key_file;
use tls::ClientFolder;

use crate::error::InitializerError;
use crate::progress::Progress;

/// Options of an initializer: how it reaches servers, and what it does with them.
/// [`default`](Self::default) makes options; their fields can then be set.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct InitializerOptions {
    /// Addresses of servers, by name. The address of any other server comes from the environment
    /// variable `RPC_SERVER_<NAME>`, or else from the file.
    pub servers: BTreeMap<String, SocketAddr>,
    /// The deploy key of all servers. If it is `None`, the key of each server is read from
    /// `key_folder`.
    pub deploy_key: Option<Vec<u8>>,
    /// The certificate of a deployer. With it, servers are reached by TLS, and no deploy key is
    /// needed.
    pub tls: Option<Arc<ClientFolder>>,
    /// The folder where servers of this user on this machine keep copies of their own keys; see
    /// [`key_file`].
    pub key_folder: Option<PathBuf>,
    /// How long a server may take to answer.
    pub timeout: Duration,
    /// How long to wait for servers that cannot be reached, and for another apply that is under
    /// way; `None` to fail at once.
    pub wait: Option<Duration>,
    /// The servers that may change; if it is empty, all servers may change.
    pub only: Vec<String>,
    /// Whether the services of servers that are no longer in the file are removed.
    pub retire: bool,
    /// The Python that checks sources before they are sent; `None` leaves the check to the servers.
    pub python: Option<PathBuf>,
    /// The id of the `initializer watch` that applies, as [`watch_id`](crate::watch_id) makes it;
    /// empty for an apply of its own.
    pub watch: String,
    /// Receives the events of an apply.
    pub progress: Progress,
}

/// Options for all servers. Each server has two minutes to answer, and checks its sources itself.
impl Default for InitializerOptions {
    fn default() -> Self {
        Self {
            servers: BTreeMap::new(),
            deploy_key: None,
            tls: None,
            key_folder: key_file::folder(),
            timeout: Duration::from_mins(2),
            wait: None,
            only: Vec::new(),
            retire: false,
            python: None,
            watch: String::new(),
            progress: Progress::default(),
        }
    }
}

impl InitializerOptions {
    /// Returns the address of a server: from these options, or else from its environment variable,
    /// or else from the file.
    pub(crate) fn address_of(
        &self,
        server: &str,
        declared: SocketAddr,
    ) -> Result<SocketAddr, InitializerError> {
        if let Some(address) = self.servers.get(server) {
            return Ok(*address);
        }
        let variable = rpc_schema::name::server_variable(server);
        match std::env::var(&variable) {
            Ok(text) if !text.is_empty() => text
                .parse()
                .map_err(|_| InitializerError::Address(variable, text)),
            _ => Ok(declared),
        }
    }

    /// Returns whether the server may change.
    pub(crate) fn is_selected(&self, server: &str) -> bool {
        self.only.is_empty() || self.only.iter().any(|name| name == server)
    }
}
