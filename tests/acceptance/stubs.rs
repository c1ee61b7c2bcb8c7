//! Blocking and async stub clients, by the functions that generated code calls: hostile servers,
//! connections that end, and many callers.

#![expect(clippy::cast_possible_wrap, reason = "test counts are small")]

mod ends;
mod hostile;
mod many;
mod time;

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

use rpc_runtime::private::{AsyncTransport as _, Procedure, Transport as _, Value};
use rpc_runtime::{Error, Network as Client, Topology};
use tokio::runtime::Runtime;

use crate::harness::PATIENCE;

static ADD_PROCEDURE: Procedure = Procedure::new("svc1", "add", &["int", "int"], &["int"]);

/// A client, called as generated code calls it.
#[derive(Debug)]
struct Stub {
    network: Client,
    /// The runtime that awaits the calls of an async client. `None` makes the client blocking.
    runtime: Option<Runtime>,
}

impl Stub {
    /// Returns a blocking client and an async one.
    fn both(address: SocketAddr) -> [Self; 2] {
        [
            Self::blocking(address, PATIENCE),
            Self::asynchronous(address, PATIENCE),
        ]
    }

    fn blocking(address: SocketAddr, deadline: Duration) -> Self {
        Self {
            network: network(address, deadline),
            runtime: None,
        }
    }

    fn asynchronous(address: SocketAddr, deadline: Duration) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build();
        Self {
            network: network(address, deadline),
            runtime: Some(runtime.expect("a runtime")),
        }
    }

    fn call<A: Value + Send + Sync, R: Value + Send>(
        &self,
        procedure: &'static Procedure,
        arguments: A,
    ) -> Result<R, Error> {
        match &self.runtime {
            None => self.network.carry(procedure, arguments),
            Some(runtime) => runtime.block_on(self.network.carry_async(procedure, arguments)),
        }
    }

    fn add(&self, a: i64, b: i64) -> Result<i64, Error> {
        self.call(&ADD_PROCEDURE, (a, b))
    }
}

/// Returns `client1` of a network with `svc1` on a server at this address.
fn network(address: SocketAddr, deadline: Duration) -> Client {
    network_of(address, deadline, 8)
}

/// Returns the same client with a maximum number of sessions.
fn network_of(address: SocketAddr, deadline: Duration, sessions: usize) -> Client {
    let topology = Topology::new()
        .server("server1", address)
        .client("client1", IpAddr::V4(Ipv4Addr::LOCALHOST))
        .service("svc1", "server1");
    let builder = Client::builder(topology)
        .client("client1")
        .sessions(sessions);
    builder
        .server("server1", address.to_string())
        .deadline(deadline)
        .build()
        .expect("a network")
}
