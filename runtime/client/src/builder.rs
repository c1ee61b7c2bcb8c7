//! [`NetworkBuilder`]: how a [`Network`] is set up.

use std::collections::BTreeMap;
use std::net::SocketAddr;
#[cfg(feature = "tls")]
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use rpc_schema::name::server_variable;
use wire::keep_alive::{DEAD_PEER_TIMEOUT, KeepAlive};

use crate::endpoint::Caller;
use crate::error::Error;
use crate::hooks::{CallHooks, Hooks};
use crate::network::{Network, NetworkInner, StubProtocol};
use crate::resolver::{Resolver, no_server};
use crate::topology::{Server, Topology};

/// Maximum number of binary sessions to one server if nothing else is set.
const DEFAULT_SESSIONS: usize = 8;

/// Sets up a [`Network`]. What is set here wins over the environment (`RPC_CLIENT`,
/// `RPC_TLS`, `RPC_SERVER_<NAME>`), and the environment wins over `init.yaml`. With `RPC_WIRE=text` stubs
/// speak the text protocol, which a person can read.
#[derive(Debug, Clone)]
#[must_use]
pub struct NetworkBuilder {
    topology: Arc<Topology>,
    client: Option<String>,
    servers: BTreeMap<String, String>,
    deadline: Option<Duration>,
    sessions: usize,
    dead_peer_timeout: Duration,
    hooks: Hooks,
    #[cfg(feature = "tls")]
    tls: Option<PathBuf>,
    #[cfg(feature = "tls")]
    tls_shared: Option<Arc<tls::ClientFolder>>,
}

impl Network {
    /// Begins to set up a network of this topology: the `TOPOLOGY` of generated stubs, or a
    /// [`Topology`] that was made at run time.
    pub fn builder(topology: impl Into<Arc<Topology>>) -> NetworkBuilder {
        NetworkBuilder::new(topology.into())
    }
}

impl NetworkBuilder {
    pub(crate) fn new(topology: Arc<Topology>) -> Self {
        Self {
            topology,
            client: None,
            servers: BTreeMap::new(),
            deadline: None,
            sessions: DEFAULT_SESSIONS,
            dead_peer_timeout: DEAD_PEER_TIMEOUT,
            hooks: Hooks::default(),
            #[cfg(feature = "tls")]
            tls: None,
            #[cfg(feature = "tls")]
            tls_shared: None,
        }
    }

    /// Sets which of the file's clients this process is.
    pub fn client(mut self, name: impl Into<String>) -> Self {
        self.client = Some(name.into());
        self
    }

    /// Sets where a server is reached, as `IP:PORT`. The default is the address in the file.
    pub fn server(mut self, name: impl Into<String>, address: impl Into<String>) -> Self {
        self.servers.insert(name.into(), address.into());
        self
    }

    /// Sets the maximum duration of every call. The default is what each procedure declares, or 30
    /// seconds.
    pub fn deadline(mut self, deadline: Duration) -> Self {
        self.deadline = Some(deadline);
        self
    }

    /// Sets the maximum number of binary sessions to one server. The default is 8. The limit holds
    /// for all threads together, and for the tasks of each tokio runtime. If there are more calls
    /// than sessions, calls share sessions.
    ///
    /// # Panics
    /// If it is 0.
    pub fn sessions(mut self, max: usize) -> Self {
        assert!(max > 0, "`sessions` must be at least 1");
        self.sessions = max;
        self
    }

    /// Sets after which time a server that is gone without a word counts as dead. Its session ends,
    /// and the calls on it fail. The default is 40 seconds. A time below 5 seconds or above an hour is
    /// replaced by these. The kernel asks the kernel of the server, so a server that is only busy
    /// is not dead. One that takes no bytes for this time is.
    pub fn dead_peer_timeout(mut self, timeout: Duration) -> Self {
        self.dead_peer_timeout = timeout;
        self
    }

    /// Sets the folder with the certificate of this client: `ca.pem`, `cert.pem` and `key.pem`, as
    /// `initializer cert` makes it. All servers are then reached by TLS. The variable `RPC_TLS`
    /// names it too. The files are read again when they change.
    #[cfg(feature = "tls")]
    pub fn tls(mut self, folder: impl Into<PathBuf>) -> Self {
        self.tls = Some(folder.into());
        self
    }

    /// Sets the certificate of this client, as [`tls`](Self::tls) does, for several networks of one
    /// process: they read the files once, and resume each other's sessions.
    #[cfg(feature = "tls")]
    pub fn tls_shared(mut self, folder: Arc<tls::ClientFolder>) -> Self {
        self.tls_shared = Some(folder);
        self
    }

    /// Sets what observes each call. It replaces hooks that were set before.
    pub fn hooks(mut self, hooks: impl CallHooks + 'static) -> Self {
        self.hooks = Hooks(Some(Arc::new(hooks)));
        self
    }

    /// Returns the name of the client that this process would be: `explicit`, or else the client
    /// that [`build`](Self::build) would take.
    ///
    /// # Errors
    /// As [`build`](Self::build).
    pub fn client_or_default(mut self, explicit: Option<&str>) -> Result<String, Error> {
        self.client = explicit.map(str::to_owned).or(self.client);
        self.caller().map(|caller| caller.name)
    }

    /// Returns the network.
    ///
    /// # Errors
    /// An error of the kind [`Configuration`](crate::ErrorKind::Configuration): no client or an
    /// unknown one, a client without an `ip`, an unknown server, an invalid address.
    pub fn build(self) -> Result<Network, Error> {
        #[cfg(not(feature = "tls"))]
        if environment("RPC_TLS").is_some() {
            return Err(Error::configuration(
                "RPC_TLS is set, and this program was built without TLS: add the feature `tls` of `rpc-runtime`, or \
                 unset it",
            ));
        }
        let protocol = match environment("RPC_WIRE").as_deref() {
            None | Some("binary") => StubProtocol::Binary,
            Some("text") => StubProtocol::Text,
            Some(other) => {
                let message = format!("RPC_WIRE must be `binary` or `text`, not `{other}`");
                return Err(Error::configuration(message));
            }
        };
        let caller = self.caller()?;
        check_has_address(&caller)?;
        let addresses = self.addresses()?;
        let resolver = Resolver::new(self.topology, &addresses, self.sessions);
        Ok(Network::new(NetworkInner {
            resolver,
            caller,
            deadline: self.deadline,
            protocol,
            hooks: self.hooks,
        }))
    }

    fn caller(&self) -> Result<Caller, Error> {
        let clients = &self.topology.clients;
        let only = || (clients.len() == 1).then(|| clients[0].name.clone());
        let set = self.client.clone().or_else(|| environment("RPC_CLIENT"));
        #[cfg(feature = "tls")]
        let tls = self.open_tls()?;
        #[cfg(feature = "tls")]
        let set = match &tls {
            Some(tls) => Some(certified_name(&tls.identity(), set)?),
            None => set,
        };
        let name = set.or_else(|| self.topology.tenant.clone()).or_else(only);
        let listed = || {
            let names: Vec<_> = clients
                .iter()
                .map(|client| format!("`{}`", client.name))
                .collect();
            if names.is_empty() {
                "no clients".to_owned()
            } else {
                names.join(", ")
            }
        };
        let Some(name) = name else {
            return Err(Error::configuration(format!(
                "no client is selected; name one with `.client(\"...\")` in Rust, `--as` on a command line, or \
                 RPC_CLIENT; the network has {}",
                listed()
            )));
        };
        let ip = clients
            .iter()
            .find(|client| client.name == name)
            .map(|client| client.ip)
            .ok_or_else(|| {
                Error::configuration(format!(
                    "no client `{name}` in this network; it has {}",
                    listed()
                ))
            })?;
        Ok(Caller {
            name,
            keep_alive: KeepAlive::within(self.dead_peer_timeout),
            ip,
            #[cfg(feature = "tls")]
            tls,
        })
    }

    /// Reads the folder with the certificate, if one is set.
    #[cfg(feature = "tls")]
    fn open_tls(&self) -> Result<Option<Arc<tls::ClientFolder>>, Error> {
        if let Some(shared) = &self.tls_shared {
            return Ok(Some(Arc::clone(shared)));
        }
        let folder = self
            .tls
            .clone()
            .or_else(|| environment("RPC_TLS").map(PathBuf::from));
        let Some(folder) = folder else {
            return Ok(None);
        };
        let opened = tls::ClientFolder::open(&folder);
        opened
            .map(|tls| Some(Arc::new(tls)))
            .map_err(|error| Error::configuration(error.to_string()).caused_by(None))
    }

    /// Returns where each server is reached, in the topology's order.
    fn addresses(&self) -> Result<Vec<SocketAddr>, Error> {
        let is_declared = |name: &str| {
            self.topology
                .servers
                .iter()
                .any(|server| server.name == name)
        };
        if let Some(unknown) = self.servers.keys().find(|name| !is_declared(name)) {
            return Err(no_server(unknown));
        }
        let address = |server: &Server| {
            let set = self.servers.get(&server.name).cloned();
            match set.or_else(|| environment(&server_variable(&server.name))) {
                Some(text) => parse_address(&server.name, &text),
                None => Ok(server.address),
            }
        };
        self.topology.servers.iter().map(address).collect()
    }
}

/// Returns the name of the client in a certificate, if it is the one that was set.
#[cfg(feature = "tls")]
fn certified_name(identity: &tls::Identity, set: Option<String>) -> Result<String, Error> {
    let certified = &identity.name;
    if !identity.role.calls() {
        let role = identity.role;
        return Err(Error::configuration(format!(
            "the certificate is that of `{identity}`, and a {role} may not call: give the folder of a client"
        )));
    }
    match set {
        Some(set) if set != *certified => Err(Error::configuration(format!(
            "this process is to be the client `{set}`, and the certificate is that of `{identity}`"
        ))),
        _ => Ok(certified.clone()),
    }
}

/// Refuses a client without an address. Over plain TCP, servers recognize a client by its address
/// alone.
fn check_has_address(caller: &Caller) -> Result<(), Error> {
    if caller.ip.is_some() || caller.has_certificate() {
        return Ok(());
    }
    let name = &caller.name;
    Err(Error::configuration(format!(
        "client `{name}` has no `ip`, so it can call only with a certificate: give one with RPC_TLS or `--tls`, or \
         give it an `ip` in init.yaml"
    )))
}

fn environment(variable: &str) -> Option<String> {
    std::env::var(variable)
        .ok()
        .filter(|value| !value.is_empty())
}

fn parse_address(server: &str, text: &str) -> Result<SocketAddr, Error> {
    text.parse().map_err(|_| {
        Error::configuration(format!(
            "invalid address `{text}` for server `{server}`; expected IP:PORT, such as `127.0.0.1:7101`"
        ))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::ErrorKind;

    #[test]
    fn a_client_without_an_ip_does_not_call_over_plain_tcp() {
        let topology = Topology::new()
            .client("home", [127, 0, 0, 1].into())
            .client_without_ip("ci");
        let builder = |client| Network::builder(topology.clone()).client(client);
        builder("home").build().expect("it has an address");
        let error = builder("ci").build().expect_err("it has no address");
        assert_eq!(error.kind(), ErrorKind::Configuration);
        assert_eq!(
            error.message(),
            "client `ci` has no `ip`, so it can call only with a certificate: give one with RPC_TLS or `--tls`, or \
             give it an `ip` in init.yaml"
        );
        let name = builder("home").client_or_default(Some("ci"));
        assert_eq!(name.expect("a client of the network"), "ci");
    }
}
