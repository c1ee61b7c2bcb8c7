//! [`EmbeddedServer`]: a server in the test process, with procedures in Rust.

use std::net::SocketAddr;

use rpc_runtime::NativeService;
use rpc_runtime::server::{Limits, Server, ServerOptions};
use tokio::runtime::Runtime;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use super::{BinaryPeer, Finished, Framing, Network, PATIENCE, Peer, python, runtime_folder};

/// A server with native services, and the project folder to deploy to it.
pub struct EmbeddedServer {
    network: Network,
    address: SocketAddr,
    runtime: Runtime,
    stop: oneshot::Sender<()>,
    running: JoinHandle<usize>,
}

impl EmbeddedServer {
    /// Starts `server1` with these services. Nothing is deployed yet.
    pub fn start(init: &str, services: Vec<NativeService>, limits: &Limits) -> Self {
        let network = Network::new(init);
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build();
        let runtime = runtime.expect("a runtime");
        let listen = SocketAddr::from(([127, 0, 0, 1], 0));
        let mut options = ServerOptions::new(listen, network.data("server1"));
        options.limits = *limits;
        options.native = services;
        options.python = Some(python().to_owned());
        options.key_folder = Some(runtime_folder(network.path()).join("rpc"));
        let server = runtime.block_on(Server::start(options)).expect("a server");
        let address = server.local_addr().expect("its address");
        let (stop, stopped) = oneshot::channel();
        let running = runtime.spawn(server.run(async {
            // A dropped sender also means shutdown.
            let _ = stopped.await;
        }));
        Self {
            network,
            address,
            runtime,
            stop,
            running,
        }
    }

    /// Runs `initializer apply init.yaml --allow-breaking`.
    pub fn apply(&self) -> Finished {
        self.initializer(&["apply", "init.yaml", "--allow-breaking"])
    }

    /// Runs `initializer` with these arguments and the address of this server.
    pub fn initializer(&self, arguments: &[&str]) -> Finished {
        let server_argument = format!("server1={}", self.address);
        let arguments = [arguments, &["--server", &server_argument]].concat();
        self.network.initializer(&arguments)
    }

    /// Returns the project folder.
    pub fn project(&self) -> &Network {
        &self.network
    }

    /// Returns the address on which the server listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Opens a binary session of `client1` and exchanges HELLOs.
    #[track_caller]
    pub fn binary(&self) -> BinaryPeer {
        BinaryPeer::connect(self.address)
    }

    /// Opens a connection from 127.0.0.1.
    pub fn peer(&self, framing: Framing) -> Peer {
        Peer::connect(self.address, framing)
    }

    /// Starts to stop the server, runs `meanwhile`, and waits for the end. Returns the number of
    /// sessions that were cut off.
    #[track_caller]
    pub fn stop(self, meanwhile: impl FnOnce()) -> usize {
        drop(self.stop);
        meanwhile();
        let ended = async { tokio::time::timeout(PATIENCE, self.running).await };
        self.runtime
            .block_on(ended)
            .expect("an end in time")
            .expect("a server that does not panic")
    }
}
