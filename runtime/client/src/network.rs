//! [`Network`]: the declared network as one process sees it, and calls through it.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::time::{Duration, Instant};

use rpc_schema::Type;
use wire::LONGEST_CALL;
use wire::calls::client_session::CallTime;
use wire::exception::Executed;
use wire::json;
use wire::message::{self, RequestHead};
use wire::procedure::Procedure;
use wire::value::{self, Reader, Value};

use crate::dynamic::{Answer, Argument};
use crate::endpoint::Caller;
use crate::error::Error;
use crate::hooks::{CallStart, Hooks};
use crate::options::CallOptions;
use crate::resolver::{Resolver, ServerEntry};

/// Maximum duration of a call if nothing else is set.
const DEFAULT_DEADLINE: Duration = Duration::from_secs(30);

/// The declared network as this process sees it: which client this process is and where the servers
/// are.
///
/// A clone is cheap and shares the sessions. Any number of threads may call through one network at
/// once.
#[derive(Debug, Clone)]
pub struct Network {
    pub(crate) inner: Arc<NetworkInner>,
    options: CallOptions,
}

#[derive(Debug)]
pub(crate) struct NetworkInner {
    pub(crate) resolver: Resolver,
    pub(crate) caller: Caller,
    pub(crate) deadline: Option<Duration>,
    pub(crate) protocol: StubProtocol,
    pub(crate) hooks: Hooks,
}

/// The protocol that stubs speak.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum StubProtocol {
    Binary,
    /// A text protocol that a person can read, for debugging.
    Text,
}

/// One server of a [`Network`], for calls that go to it even if another server is the service's
/// provider.
#[derive(Debug, Clone)]
pub struct ServerHandle {
    network: Network,
    /// The server's place in the resolver.
    place: usize,
}

impl Network {
    pub(crate) fn new(inner: NetworkInner) -> Self {
        Self {
            inner: Arc::new(inner),
            options: CallOptions::new(),
        }
    }

    /// Returns the same network with options for the calls that are made through the returned
    /// value.
    ///
    /// ```text
    /// svc1::Client::new(&network.with(CallOptions::new().deadline(Duration::from_secs(2)))).rpc1(...)
    /// ```
    #[must_use]
    pub fn with(&self, options: CallOptions) -> Self {
        Self {
            inner: Arc::clone(&self.inner),
            options,
        }
    }

    /// Returns the name of the client that this process is.
    pub fn client(&self) -> &str {
        &self.inner.caller.name
    }

    /// Returns the server with this name.
    ///
    /// # Errors
    /// An error of the kind [`Configuration`](crate::ErrorKind::Configuration) if there is none.
    pub fn server(&self, name: &str) -> Result<ServerHandle, Error> {
        let place = self.inner.resolver.find_server(name)?;
        Ok(ServerHandle {
            network: self.clone(),
            place,
        })
    }

    /// Calls a procedure by name, with types and values known only at run time.
    ///
    /// # Errors
    /// What the server answers, or a failure on the way to it.
    pub fn call(&self, service: &str, rpc: &str, arguments: &[Argument]) -> Result<Answer, Error> {
        self.call_at(self.provider(service)?, service, rpc, arguments)
    }

    /// Calls a procedure as [`call`](Self::call) does, without blocking. The call runs to its end
    /// on a thread of the runtime, even if the future is dropped.
    ///
    /// # Errors
    /// As [`call`](Self::call).
    #[cfg(feature = "async")]
    pub async fn call_async(
        &self,
        service: &str,
        rpc: &str,
        arguments: &[Argument],
    ) -> Result<Answer, Error> {
        let network = self.clone();
        let service = service.to_owned();
        let rpc = rpc.to_owned();
        let arguments = arguments.to_vec();
        on_blocking_thread(move || network.call(&service, &rpc, &arguments)).await
    }

    fn provider(&self, service: &str) -> Result<&ServerEntry, Error> {
        self.inner.resolver.provider(service, &AtomicUsize::new(0))
    }

    fn call_at(
        &self,
        server: &ServerEntry,
        service: &str,
        rpc: &str,
        arguments: &[Argument],
    ) -> Result<Answer, Error> {
        let types: Vec<&str> = arguments.iter().map(Argument::type_text).collect();
        let deadline = self.deadline(None);
        let head = self.head(service, rpc, &types, deadline);
        self.inner
            .hooks
            .around(call_start(service, rpc, server), || {
                self.exchange(server, &head, deadline, |out| {
                    for (index, argument) in arguments.iter().enumerate() {
                        if index > 0 {
                            out.push(b',');
                        }
                        out.extend_from_slice(argument.json_text().as_bytes());
                    }
                    Ok(())
                })
            })
    }

    pub(crate) fn call_typed<A: Value, R: Value>(
        &self,
        procedure: &'static Procedure,
        arguments: A,
    ) -> Result<R, Error> {
        let server = self
            .inner
            .resolver
            .provider(procedure.service, &procedure.provider_hint)?;
        let deadline = self.deadline(procedure.deadline_ms);
        self.inner
            .hooks
            .around(call_start(procedure.service, procedure.rpc, server), || {
                if self.inner.protocol == StubProtocol::Text {
                    let mut binary = Vec::new();
                    arguments.encode(&mut binary);
                    let answer = self.call_in_text(server, procedure, deadline, &binary)?;
                    return decode_values(&answer, &procedure.types()?.returns);
                }
                server.binary.call(
                    &self.inner.caller,
                    procedure,
                    arguments,
                    call_time(deadline),
                )
            })
    }

    /// Calls a procedure as [`call_typed`](Self::call_typed) does, without blocking.
    #[cfg(feature = "async")]
    pub(crate) async fn call_typed_async<A: Value, R: Value>(
        &self,
        procedure: &'static Procedure,
        arguments: A,
    ) -> Result<R, Error> {
        let server = self
            .inner
            .resolver
            .provider(procedure.service, &procedure.provider_hint)?;
        let deadline = self.deadline(procedure.deadline_ms);
        if self.inner.protocol == StubProtocol::Text {
            let network = self.clone();
            let mut binary = Vec::new();
            arguments.encode(&mut binary);
            let call = move || {
                let server = network
                    .inner
                    .resolver
                    .provider(procedure.service, &procedure.provider_hint)?;
                network
                    .inner
                    .hooks
                    .around(call_start(procedure.service, procedure.rpc, server), || {
                        network.call_in_text(server, procedure, deadline, &binary)
                    })
            };
            let answer = on_blocking_thread(call).await?;
            return decode_values(&answer, &procedure.types()?.returns);
        }
        let start = call_start(procedure.service, procedure.rpc, server);
        let observed = crate::hooks::Observed::begin(&self.inner.hooks, start);
        let time = call_time(deadline);
        let result = server
            .multiplexed
            .call(&self.inner.caller, procedure, arguments, time)
            .await;
        match observed {
            Some(observed) => observed.end(result),
            None => result,
        }
    }

    /// Returns the maximum duration of a call. The options win over the network, and the network
    /// over the procedure.
    fn deadline(&self, declared_ms: Option<u64>) -> Duration {
        let declared = declared_ms.map(Duration::from_millis);
        let set = self.options.deadline.or(self.inner.deadline).or(declared);
        set.unwrap_or(DEFAULT_DEADLINE).min(LONGEST_CALL)
    }

    fn call_in_text(
        &self,
        server: &ServerEntry,
        procedure: &'static Procedure,
        deadline: Duration,
        binary: &[u8],
    ) -> Result<Answer, Error> {
        let head = RequestHead {
            return_types: Some(procedure.returns),
            ..self.head(
                procedure.service,
                procedure.rpc,
                procedure.arguments,
                deadline,
            )
        };
        let types = procedure.types()?;
        self.exchange(server, &head, deadline, |out| {
            let mut reader = Reader::new(binary);
            json::list_from_binary(&types.arguments, &mut reader, out).map_err(|(index, error)| {
                let ty = &types.arguments[index];
                Error::configuration(format!(
                    "argument {} does not fit `{ty}`: {error}",
                    index + 1
                ))
            })
        })
    }

    fn head<'a>(
        &'a self,
        service: &'a str,
        rpc: &'a str,
        argument_types: &'a [&'a str],
        deadline: Duration,
    ) -> RequestHead<'a> {
        RequestHead {
            service,
            rpc,
            argument_types,
            return_types: None,
            client: Some(&self.inner.caller.name),
            id: None,
            deadline_ms: Some(u64::try_from(deadline.as_millis()).unwrap_or(u64::MAX)),
        }
    }

    /// Sends one text request to a server and waits for its answer.
    fn exchange(
        &self,
        server: &ServerEntry,
        head: &RequestHead<'_>,
        deadline: Duration,
        write_arguments: impl FnOnce(&mut Vec<u8>) -> Result<(), Error>,
    ) -> Result<Answer, Error> {
        server
            .text
            .exchange(&self.inner.caller, Instant::now() + deadline, |id, out| {
                message::write_request(
                    &RequestHead {
                        id: Some(id),
                        ..*head
                    },
                    out,
                    write_arguments,
                )
            })
    }
}

impl ServerHandle {
    /// Returns the server's name.
    pub fn name(&self) -> &str {
        &self.entry().endpoint.server
    }

    /// Returns where the server is reached.
    pub fn address(&self) -> SocketAddr {
        self.entry().endpoint.address
    }

    /// Calls a procedure at this server; see [`Network::call`].
    ///
    /// # Errors
    /// As [`Network::call`].
    pub fn call(&self, service: &str, rpc: &str, arguments: &[Argument]) -> Result<Answer, Error> {
        self.network.call_at(self.entry(), service, rpc, arguments)
    }

    /// Calls a procedure at this server without blocking; see [`Network::call_async`].
    ///
    /// # Errors
    /// As [`Network::call`].
    #[cfg(feature = "async")]
    pub async fn call_async(
        &self,
        service: &str,
        rpc: &str,
        arguments: &[Argument],
    ) -> Result<Answer, Error> {
        let handle = self.clone();
        let service = service.to_owned();
        let rpc = rpc.to_owned();
        let arguments = arguments.to_vec();
        on_blocking_thread(move || handle.call(&service, &rpc, &arguments)).await
    }

    fn entry(&self) -> &ServerEntry {
        self.network.inner.resolver.server(self.place)
    }
}

fn call_start<'a>(service: &'a str, rpc: &'a str, server: &'a ServerEntry) -> CallStart<'a> {
    CallStart {
        service,
        rpc,
        server: &server.endpoint.server,
    }
}

/// Returns the present time and the deadline of a call that may take this long.
fn call_time(deadline: Duration) -> CallTime {
    let now = Instant::now();
    CallTime {
        now,
        deadline: now + deadline,
    }
}

/// Runs a blocking call on a thread of the tokio runtime.
#[cfg(feature = "async")]
async fn on_blocking_thread<R: Send + 'static>(
    call: impl FnOnce() -> Result<R, Error> + Send + 'static,
) -> Result<R, Error> {
    let runtime = tokio::runtime::Handle::try_current()
        .map_err(|_| Error::configuration(crate::multiplexed_pool::NO_RUNTIME))?;
    let broken =
        |error| Error::protocol(Executed::Unknown, format!("the call was aborted: {error}"));
    runtime.spawn_blocking(call).await.map_err(broken)?
}

fn decode_values<R: Value>(answer: &Answer, types: &[Type]) -> Result<R, Error> {
    let broken = |what: String| {
        Error::protocol(Executed::Yes, format!("the answer does not decode: {what}"))
    };
    if answer.return_values.len() != types.len() {
        return Err(broken(format!(
            "{} values, {} declared",
            answer.return_values.len(),
            types.len()
        )));
    }
    let mut binary = Vec::new();
    for (ty, text) in types.iter().zip(&answer.return_values) {
        json::to_binary(ty, text.get(), &mut binary).map_err(broken)?;
    }
    value::decode(&binary).map_err(|error| broken(error.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::topology::Topology;

    #[test]
    fn no_call_may_take_longer_than_the_longest() {
        let topology = Topology::new().client("client1", std::net::Ipv4Addr::LOCALHOST.into());
        let network = |deadline: Option<Duration>| {
            let builder = Network::builder(topology.clone());
            let builder = match deadline {
                Some(deadline) => builder.deadline(deadline),
                None => builder,
            };
            builder.build().expect("a network")
        };
        assert_eq!(network(None).deadline(None), DEFAULT_DEADLINE);
        assert_eq!(network(None).deadline(Some(7)), Duration::from_millis(7));
        assert_eq!(network(None).deadline(Some(u64::MAX)), LONGEST_CALL);
        for set in [LONGEST_CALL, Duration::MAX] {
            assert_eq!(network(Some(set)).deadline(Some(7)), LONGEST_CALL);
        }
    }
}
