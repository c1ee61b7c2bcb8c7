//! The server: sockets to sessions to handlers, deployment, limits, drain.
//!
//! ```text
//! socket -> framing -> session -> dispatch (service, procedure, client, arguments) -> handler -> session -> socket
//! ```
//!
//! The registry is immutable and swapped whole: a call runs to its end on the generation it was dispatched under.

mod answer;
mod binary;
mod budget;
mod deployment;
mod dispatch;
mod engine;
mod identity;
mod lanes;
mod limits;
mod linger;
mod listener;
mod live;
pub mod log;
pub mod log_file;
mod meter;
mod peers;
mod pressure;
mod registry;
mod session;
mod store;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

pub use limits::Limits;
use tokio::sync::{Semaphore, watch};

use tokio::runtime::Handle;

use self::budget::Budget;
use self::deployment::Deployer;
use self::lanes::Lanes;
use self::live::LiveRegistry;
use self::peers::Peers;
use self::registry::Builder;
use crate::engine::native::{NativeMethod, Threads};
use crate::engine::python::{Engine, Interpreter};
use crate::store::{Store, StoreError};
use deploy::key_file::{self, KeyCopy};
use handler::NativeService;

/// A budget holds at least so many frames of the largest size, so that one address can always send or get one.
const BUDGETED_FRAMES: usize = 4;

/// How a server is set up.
#[derive(Debug)]
pub struct ServerOptions {
    /// Where it listens; port 0 picks a free one.
    pub listen: SocketAddr,
    /// Its data folder.
    pub data: PathBuf,
    /// Whether it may listen in plain TCP beyond loopback.
    pub insecure: bool,
    /// The key that proves who may deploy. Without one, the server makes its own at its first start and keeps it in the
    /// data folder.
    pub deploy_key: Option<Vec<u8>>,
    /// Where the running server keeps a copy of its own key for tools of the same user; see
    /// [`key_file`]. `None` keeps none.
    pub key_folder: Option<PathBuf>,
    /// The address at which it is dialled, where that is another than the one it listens on.
    pub advertise: Option<SocketAddr>,
    /// The Python that runs procedures.
    pub python: String,
    /// The native services that are compiled into this program, as the `serve` of their stubs makes them.
    pub native: Vec<NativeService>,
    /// Its limits.
    pub limits: Limits,
}

impl ServerOptions {
    /// A server on that address with that data folder: plain TCP on loopback alone, its own deploy key, `python3`, the
    /// default limits.
    pub fn new(listen: SocketAddr, data: impl Into<PathBuf>) -> Self {
        Self {
            listen,
            data: data.into(),
            insecure: false,
            deploy_key: None,
            key_folder: key_file::folder(),
            advertise: None,
            python: "python3".to_owned(),
            native: Vec::new(),
            limits: Limits::default(),
        }
    }

    /// Adds a native service.
    #[must_use]
    pub fn native(mut self, service: NativeService) -> Self {
        self.native.push(service);
        self
    }
}

/// Why a server does not start.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StartError {
    /// Plain TCP beyond loopback was not asked for.
    #[error(
        "refusing to listen on {0} in plain TCP: it is beyond loopback, where anyone could read and forge calls; \
         give --insecure to do so all the same"
    )]
    Insecure(SocketAddr),
    /// The address cannot be listened on.
    #[error("cannot listen on {0}: {1}")]
    Listen(SocketAddr, std::io::Error),
    /// The data folder is of no use.
    #[error("{0}")]
    Store(String),
    /// No more threads are to be had.
    #[error("cannot start threads: {0}")]
    Threads(std::io::Error),
    /// Python is of no use.
    #[error("{0}")]
    Python(String),
    /// What is stored does not load.
    #[error("the stored generation does not load: {0}")]
    Load(String),
}

impl From<StoreError> for StartError {
    fn from(error: StoreError) -> Self {
        Self::Store(error.to_string())
    }
}

/// A server that is ready.
#[derive(Debug)]
pub struct Server {
    listener: std::net::TcpListener,
    lanes: Lanes,
    engine: Arc<Engine>,
    shared: Arc<Shared>,
    drain: watch::Sender<bool>,
    /// Removed when the server stops.
    key_copies: Vec<KeyCopy>,
}

/// What every session of a server shares.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) registry: LiveRegistry,
    pub(crate) deployer: Deployer,
    pub(crate) limits: Limits,
    /// For what is not to hold up connections: deployments.
    pub(crate) background: Handle,
    /// A permit for each call in flight.
    pub(crate) calls: Arc<Semaphore>,
    pub(crate) peers: Peers,
    /// For messages that have not come whole.
    pub(crate) unfinished: Arc<Budget>,
    /// For answers that peers have not taken.
    pub(crate) untaken: Arc<Budget>,
    /// The address at which this server is dialled, where that is another than the one it listens on.
    pub(crate) advertise: Option<SocketAddr>,
    /// Turns to true when the server begins to drain.
    pub(crate) drain: watch::Receiver<bool>,
}

impl Server {
    /// Opens the data folder, loads what was live, and listens.
    ///
    /// # Errors
    /// A [`StartError`] that says what to do.
    pub async fn start(options: ServerOptions) -> Result<Self, StartError> {
        let ServerOptions {
            listen,
            data,
            insecure,
            deploy_key,
            key_folder,
            advertise,
            python,
            native,
            limits,
        } = options;
        if !insecure && !listen.ip().is_loopback() {
            return Err(StartError::Insecure(listen));
        }
        let shown_data = data.clone();
        let store = blocking(move || Store::open(&data)).await?;
        let interpreter =
            blocking(move || Interpreter::resolve(&python)).await.map_err(StartError::Python)?;
        let engine = Engine::new(interpreter, store.engine_folder()).map_err(|error| {
            StartError::Python(format!("cannot write Python's part of the engine: {error}"))
        })?;
        let engine = Arc::new(engine);
        let native = native_methods(native, limits);
        let own_key = if deploy_key.is_none() { Some(store.deploy_key()?) } else { None };
        let key = deploy_key.or_else(|| own_key.clone().map(String::into_bytes)).unwrap_or_default();
        let builder = Builder { store: Arc::new(store), engine: Arc::clone(&engine), native, limits };
        let (registry, deployer) = Deployer::load(builder, key).await?;
        let listener = listener::bind(listen).map_err(|error| StartError::Listen(listen, error))?;
        let address = listener.local_addr().unwrap_or(listen);
        let dialled = [address].into_iter().chain(advertise);
        let key_copies = keep_key_copies(own_key.as_deref(), key_folder.as_deref(), dialled, &shown_data);
        let lanes = Lanes::start(limits.threads).map_err(StartError::Threads)?;
        tracing::info!(event = "started", version = env!("CARGO_PKG_VERSION"), listen = %address,
            data = %shown_data.display(), connections = limits.connections);
        let (drain, draining) = watch::channel(false);
        let shared = Arc::new(Shared {
            registry: LiveRegistry::new(registry),
            deployer,
            limits,
            background: Handle::current(),
            calls: Arc::new(Semaphore::new(limits.calls)),
            peers: Peers::default(),
            unfinished: Budget::new(limits.unfinished_bytes.max(BUDGETED_FRAMES * limits.frame_bytes)),
            untaken: Budget::new(limits.untaken_bytes.max(BUDGETED_FRAMES * limits.frame_bytes)),
            advertise,
            drain: draining,
        });
        Ok(Self { listener, lanes, engine, shared, drain, key_copies })
    }

    /// Where it listens.
    ///
    /// # Errors
    /// Where the operating system does not tell.
    pub fn local_addr(&self) -> std::io::Result<SocketAddr> {
        self.listener.local_addr()
    }

    /// Serves until `shutdown` ends, then drains: finishes what is in flight within the drain timeout, and waits until
    /// every worker is gone. The answer: how many sessions had to be cut off.
    pub async fn run(self, shutdown: impl Future<Output = ()>) -> usize {
        let Self { listener, lanes, engine, shared, drain, key_copies } = self;
        let (cut_off, lanes) = listener::serve(listener, lanes, shared, drain, shutdown).await;
        drop(key_copies);
        engine.stop().await;
        drop(lanes);
        cut_off
    }
}

/// Keeps copies of the server's own key where tools of the same user look for it. A server whose key was given keeps none,
/// and removes what a killed one has left.
fn keep_key_copies(
    own_key: Option<&str>,
    folder: Option<&Path>,
    dialled: impl Iterator<Item = SocketAddr>,
    data: &Path,
) -> Vec<KeyCopy> {
    let Some(key) = own_key else {
        if let Some(folder) = folder {
            dialled.for_each(|address| key_file::forget(folder, address));
        }
        return Vec::new();
    };
    let not_kept = |reason: &dyn std::fmt::Display| {
        let note = format!("run initializers with --deploy-key {}", data.join("deploy.key").display());
        tracing::warn!(event = "initializers cannot find the deploy key by themselves", reason = %reason, note);
        Vec::new()
    };
    let Some(folder) = folder else {
        return not_kept(&"neither XDG_RUNTIME_DIR nor HOME is an absolute path");
    };
    let kept: Result<Vec<_>, _> = dialled.map(|address| KeyCopy::keep(folder, address, key)).collect();
    kept.unwrap_or_else(|error| not_kept(&error))
}

fn native_methods(
    services: Vec<NativeService>,
    limits: Limits,
) -> Arc<Vec<(&'static str, Arc<NativeMethod>)>> {
    let threads = Threads::new(Handle::current(), limits.native_threads);
    let methods = services.into_iter().flat_map(|service| {
        let name = service.service();
        service.into_methods().into_iter().map(move |method| (name, method))
    });
    let methods = methods.map(|(name, method)| (name, Arc::new(NativeMethod::new(method, threads.clone()))));
    Arc::new(methods.collect())
}

/// Runs something that blocks where that disturbs nobody.
async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    match tokio::task::spawn_blocking(work).await {
        Ok(done) => done,
        Err(error) => std::panic::resume_unwind(error.into_panic()),
    }
}
