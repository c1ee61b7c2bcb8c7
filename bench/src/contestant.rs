//! [`CONTESTANTS`]: all programs that are measured, and their works.

use std::net::{TcpListener as StdListener, TcpStream};

use anyhow::{Context as _, Result};
use tokio::net::TcpListener;
use tokio::runtime::Builder;

use crate::flavour::Flavour;
use crate::job::{Job, Measured};
use crate::limits::polling::Polling;
use crate::process::LISTENING;
use crate::work::Work::{
    self, Add1, Add8x16, Add64, Bytes, Connect, Doubles, Growth, Idle, Python, Strings1, Strings64,
};
use crate::{calls, limits, ours, peers};

/// A server and its client, which are measured.
#[derive(Debug)]
pub struct Contestant {
    /// Name on the command line and in samples.
    pub name: &'static str,
    /// Name in tables, without the runtime.
    pub label: &'static str,
    /// The package whose version is printed.
    pub package: &'static str,
    /// The side of the comparison.
    pub kind: Kind,
    /// The runtime of the server.
    pub flavour: Flavour,
    /// The works for which it is measured.
    pub works: &'static [Work],
    /// How the server and the client are started.
    pub program: Program,
}

/// A side of the comparison.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Bare sockets.
    Limit,
    /// The RPC system of this repository.
    Ours,
    /// Another RPC system.
    Peer,
}

/// The programs of a contestant.
#[derive(Debug)]
pub enum Program {
    /// Functions of this program.
    Rust {
        /// Serves forever on a runtime.
        serve: fn(Flavour) -> Result<()>,
        /// Carries out a job.
        measure: fn(&Job) -> Result<Measured>,
    },
    /// A script in `python/` that is both server and client.
    Python {
        /// File name of the script.
        script: &'static str,
    },
}

impl Contestant {
    /// Returns the contestant with the given name.
    pub fn find(name: &str) -> Result<&'static Self> {
        let found = CONTESTANTS
            .iter()
            .find(|contestant| contestant.name == name);
        found.with_context(|| format!("unknown contestant `{name}`; see `--list`"))
    }

    /// Returns the name in tables.
    pub fn title(&self) -> String {
        match (self.kind, self.flavour) {
            (Kind::Peer, Flavour::CurrentThread) => format!("{}, current_thread", self.label),
            (Kind::Peer, Flavour::MultiThread) => format!("{}, multi_thread", self.label),
            _ => self.label.to_owned(),
        }
    }
}

/// The works of a peer with an asynchronous client.
const PEER_WORKS: &[Work] = &[
    Add1, Add64, Add8x16, Strings1, Strings64, Bytes, Doubles, Connect, Idle,
];

/// The works of a peer that uses JSON, which has no bytes.
const JSON_WORKS: &[Work] = &[
    Add1, Add64, Add8x16, Strings1, Strings64, Doubles, Connect, Idle,
];

/// The works of a peer with a pool of connections. Each connection carries one call at a time.
const POOL_WORKS: &[Work] = &[Add1, Strings1, Bytes, Doubles, Connect, Idle];

/// The works of a peer that multiplexes calls over one connection.
const MULTIPLEX_WORKS: &[Work] = &[Add64, Add8x16, Strings64];

/// The works with small messages, which the default windows of HTTP/2 do not slow down.
const SMALL_WORKS: &[Work] = &[Add1, Add64, Add8x16, Strings1, Strings64, Connect, Idle];

/// The works with 1 MiB echoes.
const BULK_WORKS: &[Work] = &[Bytes, Doubles];

/// The works of the peers in Python.
const PYTHON_WORKS: &[Work] = &[Python, Bytes, Connect];

/// All contestants, in the order of tables: limits, ours, peers.
pub const CONTESTANTS: &[Contestant] = &[
    Contestant {
        name: "bare-blocking",
        label: "bare std::net ping-pong",
        package: "tokio",
        kind: Kind::Limit,
        flavour: Flavour::Threads,
        works: &[Add1, Strings1, Connect, Python],
        program: Program::Rust {
            serve: |_| limits::blocking::serve::<TcpStream>(&announced_listener()?),
            measure: limits::blocking::measure::<TcpStream>,
        },
    },
    Contestant {
        name: "bare-polling",
        label: "bare std::net ping-pong, polling",
        package: "tokio",
        kind: Kind::Limit,
        flavour: Flavour::Threads,
        works: &[Add1, Strings1],
        program: Program::Rust {
            serve: |_| limits::blocking::serve::<Polling>(&announced_listener()?),
            measure: limits::blocking::measure::<Polling>,
        },
    },
    Contestant {
        name: "bare-tokio",
        label: "bare tokio echo",
        package: "tokio",
        kind: Kind::Limit,
        flavour: Flavour::CurrentThread,
        works: &[
            Add1, Add64, Add8x16, Strings1, Strings64, Connect, Idle, Growth,
        ],
        program: Program::Rust {
            serve: |flavour| serve_on(flavour, limits::pipelined::serve),
            measure: limits::pipelined::measure,
        },
    },
    Contestant {
        name: "bare-copy",
        label: "bare 1 MiB copy",
        package: "tokio",
        kind: Kind::Limit,
        flavour: Flavour::Threads,
        works: &[Bytes, Doubles],
        program: Program::Rust {
            serve: |_| limits::copy::serve(&announced_listener()?),
            measure: limits::copy::measure,
        },
    },
    Contestant {
        name: "ours-blocking",
        label: "ours, blocking client",
        package: "rpc-runtime",
        kind: Kind::Ours,
        flavour: Flavour::MultiThread,
        works: ours::BLOCKING_WORKS,
        program: Program::Rust {
            serve: ours::serve_native,
            measure: ours::measure_blocking,
        },
    },
    Contestant {
        name: "ours-async",
        label: "ours, async client",
        package: "rpc-runtime",
        kind: Kind::Ours,
        flavour: Flavour::MultiThread,
        works: ours::ASYNC_WORKS,
        program: Program::Rust {
            serve: ours::serve_native,
            measure: ours::measure_async,
        },
    },
    Contestant {
        name: "ours-tls-blocking",
        label: "ours, blocking client, TLS",
        package: "rpc-runtime",
        kind: Kind::Ours,
        flavour: Flavour::MultiThread,
        works: ours::TLS_BLOCKING_WORKS,
        program: Program::Rust {
            serve: ours::serve_tls,
            measure: ours::measure_tls_blocking,
        },
    },
    Contestant {
        name: "ours-tls-async",
        label: "ours, async client, TLS",
        package: "rpc-runtime",
        kind: Kind::Ours,
        flavour: Flavour::MultiThread,
        works: ours::TLS_ASYNC_WORKS,
        program: Program::Rust {
            serve: ours::serve_tls,
            measure: ours::measure_tls_async,
        },
    },
    Contestant {
        name: "ours-python",
        label: "ours, Python procedure",
        package: "rpc-runtime",
        kind: Kind::Ours,
        flavour: Flavour::MultiThread,
        works: &[Python],
        program: Program::Rust {
            serve: ours::serve_python,
            measure: ours::measure_blocking,
        },
    },
    Contestant {
        name: "tarpc",
        label: "tarpc, bincode",
        package: "tarpc",
        kind: Kind::Peer,
        flavour: Flavour::CurrentThread,
        works: PEER_WORKS,
        program: Program::Rust {
            serve: |flavour| serve_on(flavour, peers::tarpc::serve),
            measure: calls::measure::<peers::tarpc::Client>,
        },
    },
    Contestant {
        name: "volo-thrift",
        label: "volo-thrift",
        package: "volo-thrift",
        kind: Kind::Peer,
        flavour: Flavour::CurrentThread,
        works: POOL_WORKS,
        program: Program::Rust {
            serve: |flavour| serve_on(flavour, peers::volo::serve::<false>),
            measure: calls::measure::<peers::volo::Client<false>>,
        },
    },
    Contestant {
        name: "volo-multiplex",
        label: "volo-thrift, multiplexed",
        package: "volo-thrift",
        kind: Kind::Peer,
        flavour: Flavour::CurrentThread,
        works: MULTIPLEX_WORKS,
        program: Program::Rust {
            serve: |flavour| serve_on(flavour, peers::volo::serve::<true>),
            measure: calls::measure::<peers::volo::Client<true>>,
        },
    },
    Contestant {
        name: "capnp-rpc",
        label: "capnp-rpc",
        package: "capnp-rpc",
        kind: Kind::Peer,
        flavour: Flavour::CurrentThread,
        works: PEER_WORKS,
        program: Program::Rust {
            serve: |_| serve_on(Flavour::CurrentThread, peers::capnp::serve),
            measure: calls::measure::<peers::capnp::Client>,
        },
    },
    Contestant {
        name: "jsonrpsee",
        label: "jsonrpsee, web socket",
        package: "jsonrpsee",
        kind: Kind::Peer,
        flavour: Flavour::CurrentThread,
        works: JSON_WORKS,
        program: Program::Rust {
            serve: |flavour| serve_on(flavour, peers::jsonrpsee::serve),
            measure: calls::measure::<peers::jsonrpsee::Client>,
        },
    },
    Contestant {
        name: "tonic",
        label: "tonic",
        package: "tonic",
        kind: Kind::Peer,
        flavour: Flavour::CurrentThread,
        works: SMALL_WORKS,
        program: Program::Rust {
            serve: |flavour| serve_on(flavour, peers::tonic::serve),
            measure: calls::measure::<peers::tonic::Client>,
        },
    },
    Contestant {
        name: "tonic-windows",
        label: "tonic, 8 MiB windows",
        package: "tonic",
        kind: Kind::Peer,
        flavour: Flavour::CurrentThread,
        works: BULK_WORKS,
        program: Program::Rust {
            serve: |flavour| serve_on(flavour, peers::tonic::serve_large),
            measure: calls::measure::<peers::tonic::LargeClient>,
        },
    },
    Contestant {
        name: "rpyc",
        label: "rpyc (Python)",
        package: "rpyc",
        kind: Kind::Peer,
        flavour: Flavour::Python,
        works: PYTHON_WORKS,
        program: Program::Python {
            script: "rpyc_peer.py",
        },
    },
    Contestant {
        name: "grpcio",
        label: "grpcio (Python)",
        package: "grpcio",
        kind: Kind::Peer,
        flavour: Flavour::Python,
        works: PYTHON_WORKS,
        program: Program::Python {
            script: "grpcio_peer.py",
        },
    },
    Contestant {
        name: "basic-socket-rpc",
        label: "basic-socket-rpc (Python)",
        package: "basic-socket-rpc",
        kind: Kind::Peer,
        flavour: Flavour::Python,
        works: PYTHON_WORKS,
        program: Program::Python {
            script: "basic_socket_rpc_peer.py",
        },
    },
];

/// Returns a blocking listener on a free port of loopback, and prints its address.
fn announced_listener() -> Result<StdListener> {
    let listener = StdListener::bind(("127.0.0.1", 0))?;
    println!("{LISTENING}{}", listener.local_addr()?);
    Ok(listener)
}

/// Serves forever on a runtime.
fn serve_on<F: Future<Output = Result<()>>>(
    flavour: Flavour,
    serve: fn(TcpListener) -> F,
) -> Result<()> {
    let served = async {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        println!("{LISTENING}{}", listener.local_addr()?);
        serve(listener).await
    };
    match flavour {
        Flavour::MultiThread => Builder::new_multi_thread()
            .enable_all()
            .build()?
            .block_on(served),
        _ => calls::one_thread()?.block_on(served),
    }
}
