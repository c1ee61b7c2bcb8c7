//! [`Network`]: the declared network as one process sees it, and calls through it.

use std::collections::{BTreeMap, HashMap};
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use rpc_schema::Type;

#[cfg(feature = "async")]
use crate::client::Sessions;
use crate::client::{Caller, Pool, text};
use crate::dynamic::{Answer, Argument};
use crate::error::Error;
use crate::private::Procedure;
use crate::topology::{Server, Service, Topology, server_variable};
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
    wire: Wire,
    servers: Vec<Reach>,
    /// The services, and where in `servers` their providers are.
    services: Vec<(&'static str, usize)>,
    /// Where in `services` each is.
    places: HashMap<&'static str, usize>,
}

/// A server as this process reaches it.
#[derive(Debug)]
struct Reach {
    name: &'static str,
    address: SocketAddr,
    pool: Pool,
    #[cfg(feature = "async")]
    multiplexed: Sessions,
    text: text::Pool,
}

/// What stubs speak.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Wire {
    Binary,
    /// To be read on its way, for debugging.
    Text,
}

/// Sets up a [`Network`]. What is said here wins over the environment (`RPC_CLIENT`, `RPC_SERVER_<NAME>`), and that
/// over what was generated. `RPC_WIRE=text` makes stubs speak the text protocol, which can be read on its way.
#[derive(Debug, Clone)]
#[must_use]
pub struct NetworkBuilder {
    topology: &'static Topology,
    client: Option<String>,
    servers: BTreeMap<String, String>,
    deadline: Option<Duration>,
    sessions: usize,
}

/// How many binary sessions to one server there are at most.
const DEFAULT_SESSIONS: usize = 8;

/// One server of a [`Network`], for calls that go to it whatever the file says of the service's provider.
#[derive(Debug, Clone)]
pub struct ServerHandle {
    network: Network,
    /// Its place among the network's servers.
    place: usize,
}

impl Network {
    /// Begins to set up a network of this topology.
    pub fn builder(topology: &'static Topology) -> NetworkBuilder {
        NetworkBuilder {
            topology,
            client: None,
            servers: BTreeMap::new(),
            deadline: None,
            sessions: DEFAULT_SESSIONS,
        }
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
        let place = self.inner.servers.iter().position(|server| server.name == name);
        let place = place.ok_or_else(|| no_server(name))?;
        Ok(ServerHandle { network: self.clone(), place })
    }

    /// Calls a procedure by name, with types and values known only at run time.
    ///
    /// # Errors
    /// What the server answers, or a failure on the way to it.
    pub fn call(&self, service: &str, rpc: &str, arguments: &[Argument]) -> Result<Answer, Error> {
        self.call_at(self.provider(service, &AtomicUsize::new(0))?, service, rpc, arguments)
    }

    fn call_at(
        &self,
        server: &Reach,
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

    pub(crate) fn call_typed<A: Value, R: Value>(
        &self,
        procedure: &'static Procedure,
        arguments: A,
    ) -> Result<R, Error> {
        let provider = self.provider(procedure.service, &procedure.hint)?;
        let deadline = self.deadline(procedure);
        if self.inner.wire == Wire::Text {
            let mut binary = Vec::new();
            arguments.encode(&mut binary);
            let answer = self.call_in_text(procedure, deadline, &binary)?;
            return decode_values(&answer, &procedure.types()?.returns);
        }
        let now = Instant::now();
        provider.pool.call(&self.inner.caller, procedure, arguments, (now, now + deadline))
    }

    /// As [`call_typed`](Self::call_typed), for tasks.
    #[cfg(feature = "async")]
    pub(crate) async fn call_async<A: Value, R: Value>(
        &self,
        procedure: &'static Procedure,
        arguments: A,
    ) -> Result<R, Error> {
        let deadline = self.deadline(procedure);
        if self.inner.wire == Wire::Text {
            let (network, mut binary) = (self.clone(), Vec::new());
            arguments.encode(&mut binary);
            let call = move || network.call_in_text(procedure, deadline, &binary);
            let broken = |error| Error::protocol(Executed::Unknown, format!("the call broke off: {error}"));
            let answer = tokio::task::spawn_blocking(call).await.map_err(broken)??;
            return decode_values(&answer, &procedure.types()?.returns);
        }
        let provider = self.provider(procedure.service, &procedure.hint)?;
        let now = Instant::now();
        provider.multiplexed.call(&self.inner.caller, procedure, arguments, (now, now + deadline)).await
    }

    fn deadline(&self, procedure: &Procedure) -> Duration {
        let declared = procedure.deadline_ms.map(Duration::from_millis);
        self.inner.deadline.or(declared).unwrap_or(DEFAULT_DEADLINE).min(MAX_DEADLINE)
    }

    fn call_in_text(
        &self,
        procedure: &'static Procedure,
        deadline: Duration,
        binary: &[u8],
    ) -> Result<Answer, Error> {
        let head = RequestHead {
            return_types: Some(procedure.returns),
            ..self.head(procedure.service, procedure.rpc, procedure.arguments, None, deadline)
        };
        let types = procedure.types()?;
        self.exchange(self.provider(procedure.service, &procedure.hint)?, &head, deadline, |out| {
            let mut reader = Reader::new(binary);
            json::list_from_binary(&types.arguments, &mut reader, out).map_err(|(index, error)| {
                let (place, ty) = (index + 1, &types.arguments[index]);
                Error::configuration(format!("argument {place} does not fit `{ty}`: {error}"))
            })
        })
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
        server: &Reach,
        head: &RequestHead<'_>,
        deadline: Duration,
        write_arguments: impl FnOnce(&mut Vec<u8>) -> Result<(), Error>,
    ) -> Result<Answer, Error> {
        let until = Instant::now() + deadline.min(MAX_DEADLINE);
        server.text.exchange(&self.inner.caller, until, |id, out| {
            message::write_request(&RequestHead { id: Some(id), ..*head }, out, write_arguments)
        })
    }

    /// Who provides a service. It was found at `hint` last, which may have been in another network.
    fn provider(&self, service: &str, hint: &AtomicUsize) -> Result<&Reach, Error> {
        let Inner { services, places, servers, .. } = &*self.inner;
        let (name, server) = match services.get(hint.load(Ordering::Relaxed)) {
            Some(found) if found.0 == service => *found,
            _ => {
                let place = places
                    .get(service)
                    .ok_or_else(|| Error::configuration(format!("no service `{service}` in this network")))?;
                hint.store(*place, Ordering::Relaxed);
                services[*place]
            }
        };
        debug_assert_eq!(name, service);
        Ok(&servers[server])
    }
}

fn no_server(name: &str) -> Error {
    Error::configuration(format!("no server `{name}` in this network"))
}

impl ServerHandle {
    /// The server's name.
    pub fn name(&self) -> &str {
        self.reach().name
    }

    fn reach(&self) -> &Reach {
        &self.network.inner.servers[self.place]
    }

    /// Where it is reached.
    pub fn address(&self) -> SocketAddr {
        self.reach().address
    }

    /// Calls a procedure at this server; see [`Network::call`].
    ///
    /// # Errors
    /// As [`Network::call`].
    pub fn call(&self, service: &str, rpc: &str, arguments: &[Argument]) -> Result<Answer, Error> {
        self.network.call_at(self.reach(), service, rpc, arguments)
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

    /// How many binary sessions to one server there may be at once, instead of 8: for all threads together, and for the
    /// tasks of each tokio runtime. More calls than sessions share them.
    ///
    /// # Panics
    /// Where it is 0.
    pub fn sessions(mut self, most: usize) -> Self {
        assert!(most > 0, "a client without sessions calls nobody");
        self.sessions = most;
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
        let wire = match environment("RPC_WIRE").as_deref() {
            None | Some("binary") => Wire::Binary,
            Some("text") => Wire::Text,
            Some(other) => {
                let message = format!("RPC_WIRE is `binary` or `text`, not `{other}`");
                return Err(Error::configuration(message));
            }
        };
        let caller = self.caller()?;
        let servers = self.servers()?;
        let Self { topology, deadline, .. } = self;
        let place = |name: &str| servers.iter().position(|server| server.name == name);
        let provider = |service: &Service| Some((service.name, place(service.provider)?));
        let services: Vec<_> = topology.services.iter().filter_map(provider).collect();
        let places = services.iter().enumerate().map(|(place, (name, _))| (*name, place)).collect();
        let inner = Inner { topology, caller, deadline, wire, servers, services, places };
        Ok(Network { inner: Arc::new(inner) })
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

    fn servers(&self) -> Result<Vec<Reach>, Error> {
        let declared = |name: &str| self.topology.servers.iter().any(|server| server.name == name);
        if let Some(unknown) = self.servers.keys().find(|name| !declared(name)) {
            return Err(no_server(unknown));
        }
        let reach = |server: &Server| {
            let name = server.name;
            let said = self.servers.get(name).cloned();
            let said = said.or_else(|| environment(&server_variable(name)));
            let address = match said {
                Some(text) => parse_address(name, &text)?,
                None => server.address,
            };
            let (pool, text) = (Pool::new(name, address, self.sessions), text::Pool::new(name, address));
            Ok(Reach {
                name,
                address,
                pool,
                #[cfg(feature = "async")]
                multiplexed: Sessions::new(name, address, self.sessions),
                text,
            })
        };
        self.topology.servers.iter().map(reach).collect()
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
