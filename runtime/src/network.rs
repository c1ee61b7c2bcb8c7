//! [`Network`]: the declared network as one process sees it, and calls through it.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, Instant};

use rpc_schema::Type;

use crate::client::{Caller, Pool};
use crate::dynamic::{Answer, Argument};
use crate::error::Error;
use crate::private::Procedure;
use crate::topology::{Service, Topology, server_variable};
use crate::wire::exception::Executed;
use crate::wire::message::RequestHead;
use crate::wire::value::{self, Reader, Value};
use crate::wire::{json, message};

/// How long a call may take where neither the procedure nor the builder says.
const DEFAULT_DEADLINE: Duration = Duration::from_secs(30);

/// No call takes longer, whatever deadline is asked for.
const MAX_DEADLINE: Duration = Duration::from_hours(24 * 366);

/// The declared network as this process sees it: who it is and where the servers are. Cheap to clone; any number of
/// threads may call through it at once.
#[derive(Debug, Clone)]
pub struct Network {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    topology: &'static Topology,
    caller: Caller,
    deadline: Option<Duration>,
    pools: BTreeMap<String, Pool>,
}

/// Sets up a [`Network`]. What is said here wins over the environment (`RPC_CLIENT`, `RPC_SERVER_<NAME>`), and that
/// over what was generated.
#[derive(Debug, Clone)]
#[must_use]
pub struct NetworkBuilder {
    topology: &'static Topology,
    client: Option<String>,
    servers: BTreeMap<String, String>,
    deadline: Option<Duration>,
}

/// One server of a [`Network`], for calls that go to it whatever the file says of the service's provider.
#[derive(Debug, Clone)]
pub struct ServerHandle {
    network: Network,
    name: String,
}

impl Network {
    /// Begins to set up a network of this topology.
    pub fn builder(topology: &'static Topology) -> NetworkBuilder {
        NetworkBuilder { topology, client: None, servers: BTreeMap::new(), deadline: None }
    }

    /// Makes the free functions of the stubs that this network's topology belongs to call through it.
    pub fn install(self) {
        self.inner.topology.install(self.clone());
    }

    /// Who this process is in the network.
    pub fn client(&self) -> &str {
        &self.inner.caller.name
    }

    /// The server of that name.
    ///
    /// # Errors
    /// Of the kind [`Configuration`](crate::ErrorKind::Configuration) where there is none.
    pub fn server(&self, name: &str) -> Result<ServerHandle, Error> {
        self.pool(name)?;
        Ok(ServerHandle { network: self.clone(), name: name.to_owned() })
    }

    /// Calls a procedure by name, with types and values known only at run time.
    ///
    /// # Errors
    /// What the server answers, or a failure on the way to it.
    pub fn call(&self, service: &str, rpc: &str, arguments: &[Argument]) -> Result<Answer, Error> {
        let provider = self.service(service)?.provider;
        self.call_at(provider, service, rpc, arguments)
    }

    fn call_at(
        &self,
        server: &str,
        service: &str,
        rpc: &str,
        arguments: &[Argument],
    ) -> Result<Answer, Error> {
        let types: Vec<&str> = arguments.iter().map(Argument::type_text).collect();
        let deadline = self.inner.deadline.unwrap_or(DEFAULT_DEADLINE);
        let head = self.head(service, rpc, &types, None, deadline);
        self.exchange(server, &head, deadline, |out| {
            for (index, argument) in arguments.iter().enumerate() {
                if index > 0 {
                    out.push(b',');
                }
                out.extend_from_slice(argument.json_text().as_bytes());
            }
            Ok(())
        })
    }

    pub(crate) fn call_typed<R: Value>(
        &self,
        procedure: &'static Procedure,
        encode: impl FnOnce(&mut Vec<u8>),
    ) -> Result<R, Error> {
        let provider = self.service(procedure.service)?.provider;
        let declared = procedure.deadline_ms.map(Duration::from_millis);
        let deadline = self.inner.deadline.or(declared).unwrap_or(DEFAULT_DEADLINE);
        let head = RequestHead {
            return_types: Some(procedure.returns),
            ..self.head(procedure.service, procedure.rpc, procedure.arguments, None, deadline)
        };
        let types = procedure.types()?;
        let mut binary = Vec::new();
        encode(&mut binary);
        let answer = self.exchange(provider, &head, deadline, |out| {
            let mut reader = Reader::new(&binary);
            json::list_from_binary(&types.arguments, &mut reader, out).map_err(|(index, error)| {
                let (place, ty) = (index + 1, &types.arguments[index]);
                Error::configuration(format!("argument {place} does not fit `{ty}`: {error}"))
            })
        })?;
        decode_values(&answer, &types.returns)
    }

    fn head<'a>(
        &'a self,
        service: &'a str,
        rpc: &'a str,
        argument_types: &'a [&'a str],
        return_types: Option<&'a [&'a str]>,
        deadline: Duration,
    ) -> RequestHead<'a> {
        RequestHead {
            service,
            rpc,
            argument_types,
            return_types,
            client: Some(&self.inner.caller.name),
            id: None,
            deadline_ms: Some(u64::try_from(deadline.as_millis()).unwrap_or(u64::MAX)),
        }
    }

    /// Sends one request to a server and waits for its answer.
    fn exchange(
        &self,
        server: &str,
        head: &RequestHead<'_>,
        deadline: Duration,
        write_arguments: impl FnOnce(&mut Vec<u8>) -> Result<(), Error>,
    ) -> Result<Answer, Error> {
        let pool = self.pool(server)?;
        let until = Instant::now() + deadline.min(MAX_DEADLINE);
        pool.exchange(&self.inner.caller, until, |id, out| {
            message::write_request(&RequestHead { id: Some(id), ..*head }, out, write_arguments)
        })
    }

    fn service(&self, name: &str) -> Result<&'static Service, Error> {
        self.inner
            .topology
            .service(name)
            .ok_or_else(|| Error::configuration(format!("no service `{name}` in this network")))
    }

    fn pool(&self, server: &str) -> Result<&Pool, Error> {
        self.inner
            .pools
            .get(server)
            .ok_or_else(|| Error::configuration(format!("no server `{server}` in this network")))
    }
}

impl ServerHandle {
    /// The server's name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Where it is reached.
    pub fn address(&self) -> SocketAddr {
        self.network.inner.pools[&self.name].address()
    }

    /// Calls a procedure at this server; see [`Network::call`].
    ///
    /// # Errors
    /// As [`Network::call`].
    pub fn call(&self, service: &str, rpc: &str, arguments: &[Argument]) -> Result<Answer, Error> {
        self.network.call_at(&self.name, service, rpc, arguments)
    }
}

impl NetworkBuilder {
    /// Who this process is; one of the file's clients.
    pub fn client(mut self, name: impl Into<String>) -> Self {
        self.client = Some(name.into());
        self
    }

    /// Where a server is reached, as `IP:PORT`, instead of where the file says.
    pub fn server(mut self, name: impl Into<String>, address: impl Into<String>) -> Self {
        self.servers.insert(name.into(), address.into());
        self
    }

    /// The longest any call may take, instead of what each procedure says (else 30 seconds).
    pub fn deadline(mut self, deadline: Duration) -> Self {
        self.deadline = Some(deadline);
        self
    }

    /// Who this process would be: `explicit`, else what [`build`](Self::build) would decide.
    ///
    /// # Errors
    /// As [`build`](Self::build).
    pub fn client_or_default(mut self, explicit: Option<&str>) -> Result<String, Error> {
        self.client = explicit.map(str::to_owned).or(self.client);
        self.caller().map(|caller| caller.name)
    }

    /// The network.
    ///
    /// # Errors
    /// Of the kind [`Configuration`](crate::ErrorKind::Configuration): an undecided or unknown identity, an unknown
    /// server, an address that is none.
    pub fn build(self) -> Result<Network, Error> {
        if std::env::var_os("RPC_TLS").is_some_and(|value| !value.is_empty()) {
            return Err(Error::configuration(
                "RPC_TLS is set, and this version speaks plain TCP only: unset it",
            ));
        }
        let caller = self.caller()?;
        let pools = self.pools()?;
        let Self { topology, deadline, .. } = self;
        Ok(Network { inner: Arc::new(Inner { topology, caller, deadline, pools }) })
    }

    fn caller(&self) -> Result<Caller, Error> {
        let clients = self.topology.clients;
        let from_environment = || environment("RPC_CLIENT");
        let only = || (clients.len() == 1).then(|| clients[0].name.to_owned());
        let name = self
            .client
            .clone()
            .or_else(from_environment)
            .or_else(|| self.topology.tenant.map(str::to_owned))
            .or_else(only);
        let listed = || {
            let names: Vec<_> = clients.iter().map(|client| format!("`{}`", client.name)).collect();
            if names.is_empty() { "no clients".to_owned() } else { names.join(", ") }
        };
        let Some(name) = name else {
            return Err(Error::configuration(format!(
                "who is calling is undecided: name a client (`.client(...)` in Rust, `--as` on a command line) or set \
                 RPC_CLIENT; the network has {}",
                listed()
            )));
        };
        let ip: IpAddr =
            clients.iter().find(|client| client.name == name).map(|client| client.ip).ok_or_else(|| {
                Error::configuration(format!("no client `{name}` in this network; it has {}", listed()))
            })?;
        Ok(Caller { name, ip })
    }

    fn pools(&self) -> Result<BTreeMap<String, Pool>, Error> {
        let declared = |name: &str| self.topology.servers.iter().any(|server| server.name == name);
        if let Some(unknown) = self.servers.keys().find(|name| !declared(name)) {
            return Err(Error::configuration(format!("no server `{unknown}` in this network")));
        }
        self.topology
            .servers
            .iter()
            .map(|server| {
                let said = self.servers.get(server.name).cloned();
                let said = said.or_else(|| environment(&server_variable(server.name)));
                let address = match said {
                    Some(text) => parse_address(server.name, &text)?,
                    None => server.address,
                };
                Ok((server.name.to_owned(), Pool::new(server.name, address)))
            })
            .collect()
    }
}

fn environment(variable: &str) -> Option<String> {
    std::env::var(variable).ok().filter(|value| !value.is_empty())
}

fn parse_address(server: &str, text: &str) -> Result<SocketAddr, Error> {
    text.parse().map_err(|_| {
        Error::configuration(format!("the address of server `{server}` is no IP:PORT: `{text}`"))
    })
}

fn decode_values<R: Value>(answer: &Answer, types: &[Type]) -> Result<R, Error> {
    let broken = |what: String| Error::protocol(Executed::Yes, format!("the answer does not decode: {what}"));
    if answer.return_values.len() != types.len() {
        return Err(broken(format!("{} values, {} declared", answer.return_values.len(), types.len())));
    }
    let mut binary = Vec::new();
    for (ty, text) in types.iter().zip(&answer.return_values) {
        json::to_binary(ty, text.get(), &mut binary).map_err(broken)?;
    }
    value::decode(&binary).map_err(|error| broken(error.to_string()))
}
