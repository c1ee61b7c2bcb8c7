//! [`Caller`]: a client of the library, in each of the three ways to call.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

use rpc_runtime::private::{AsyncTransport as _, Procedure, Transport as _};
use rpc_runtime::{Argument, Error, Network as Client, Topology};
use tokio::runtime::Runtime;

/// A way to call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Skin {
    Blocking,
    Asynchronous,
    Text,
}

impl Skin {
    pub const ALL: [Self; 3] = [Self::Blocking, Self::Asynchronous, Self::Text];
}

/// A client that calls procedures from one integer to one integer.
pub struct Caller {
    client: Client,
    skin: Skin,
    /// The runtime that awaits the calls of [`Skin::Asynchronous`].
    runtime: Option<Runtime>,
}

impl Caller {
    /// Returns `client1` of a network with `svc1` on a server at this address.
    pub fn new(skin: Skin, address: SocketAddr, deadline: Duration) -> Self {
        let topology = Topology::new()
            .server("server1", address)
            .client("client1", IpAddr::V4(Ipv4Addr::LOCALHOST))
            .service("svc1", "server1");
        let client = Client::builder(topology)
            .client("client1")
            .server("server1", address.to_string())
            .deadline(deadline)
            .build();
        Self::with_client(skin, client.expect("a network"))
    }

    /// Calls with this client.
    pub fn with_client(skin: Skin, client: Client) -> Self {
        let runtime = (skin == Skin::Asynchronous).then(|| {
            let runtime = tokio::runtime::Builder::new_multi_thread()
                .worker_threads(1)
                .enable_all()
                .build();
            runtime.expect("a runtime")
        });
        Self {
            client,
            skin,
            runtime,
        }
    }

    /// Calls a procedure with a number.
    pub fn call(&self, procedure: &'static Procedure, number: i64) -> Result<i64, Error> {
        if self.skin == Skin::Text {
            let argument = Argument::from(number);
            let answer = self
                .client
                .call(procedure.service, procedure.rpc, &[argument])?;
            return Ok(answer.return_values[0].get().parse().expect("a number"));
        }
        match &self.runtime {
            None => self.client.carry(procedure, (number,)),
            Some(runtime) => runtime.block_on(self.client.carry_async(procedure, (number,))),
        }
    }
}
