//! [`Server`]: starting, running and stopping a server.

use std::collections::HashSet;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

use deploy::key_file::{self, KeyCopy};
use handler::NativeService;
use tokio::runtime::Handle;
use tokio::sync::{Semaphore, watch};
use wire::keep_alive::KeepAlive;

use crate::blocking::blocking;
use crate::connection::accept;
use crate::connection::budget::Budget;
use crate::connection::handshake::Handshakes;
use crate::connection::lanes::Lanes;
use crate::connection::peers::Peers;
use crate::connection::room::Room;
use crate::deployment::Deployer;
use crate::engine::Engines;
use crate::engine::native::{NativeMethod, ThreadPool};
use crate::engine::python::PythonEngine;
use crate::options::{ServerOptions, StartError};
use crate::registry::build::RegistryBuilder;
use crate::registry::live::LiveRegistry;
use crate::shared::Shared;
use crate::store::Store;
use crate::trust::LiveTls;

/// The Python that runs procedures if the options name none.
const DEFAULT_PYTHON: &str = "python3";

/// Minimum size of a budget, in frames of the largest size. One address may use half of a budget,
/// so it can always send or receive a frame.
const BUDGETED_FRAMES: usize = 4;

/// A server that is ready to run.
#[derive(Debug)]
pub struct Server {
    listener: std::net::TcpListener,
    lanes: Lanes,
    engines: Arc<Engines>,
    shared: Arc<Shared>,
    drain: watch::Sender<bool>,
    /// Removed when the server stops.
    key_copies: Vec<KeyCopy>,
}

impl Server {
    /// Opens the data folder, loads the generation that was live, and listens.
    ///
    /// # Errors
    /// Returns the reason why the server does not start.
    pub async fn start(options: ServerOptions) -> Result<Self, StartError> {
        let ServerOptions {
            listen,
            insecure,
            ref tls,
            ref data,
            ref native,
            ..
        } = options;
        if !insecure && tls.is_none() && !listen.ip().is_loopback() {
            return Err(StartError::Insecure(listen));
        }
        refuse_native_twice(native)?;
        let opened = data.clone();
        let store = Arc::new(blocking(move || Store::open(&opened)).await?);
        let started = Self::start_on(Arc::clone(&store), options).await;
        started.inspect_err(|_| store.undo_start())
    }

    /// Starts on an open data folder.
    async fn start_on(store: Arc<Store>, options: ServerOptions) -> Result<Self, StartError> {
        let ServerOptions {
            listen,
            data: shown_data,
            insecure: _,
            tls,
            deploy_key,
            key_folder,
            advertise,
            python,
            native,
            mut limits,
        } = options;
        let least_budget = BUDGETED_FRAMES.saturating_mul(limits.frame_bytes);
        limits.unfinished_bytes = limits.unfinished_bytes.max(least_budget);
        limits.argument_bytes = limits.argument_bytes.max(least_budget);
        limits.untaken_bytes = limits.untaken_bytes.max(least_budget);
        let program = python.as_deref().unwrap_or(DEFAULT_PYTHON);
        let engine =
            PythonEngine::new(program.to_owned(), store.engine_folder()).map_err(|error| {
                StartError::Python(format!("cannot write the engine's Python files: {error}"))
            })?;
        if python.is_some() {
            engine.interpreter().await.map_err(StartError::Python)?;
        }
        let engines = Arc::new(Engines {
            python: Arc::new(engine),
        });
        let native = native_methods(native, limits.native_threads);
        let own_key = if deploy_key.is_none() && tls.is_none() {
            Some(store.deploy_key()?)
        } else {
            None
        };
        let key = deploy_key
            .or_else(|| own_key.clone().map(String::into_bytes))
            .unwrap_or_default();
        let tls = match tls {
            Some(folder) => Some(Arc::new(LiveTls::open(folder, &store.list_path())?)),
            None => None,
        };
        let builder = RegistryBuilder {
            store,
            engines: Arc::clone(&engines),
            native,
            limits,
        };
        let (registry, deployer) = Deployer::load(builder, key, tls.clone()).await?;
        let keep_alive = KeepAlive::within(limits.dead_peer_timeout);
        let listener =
            accept::bind(listen, keep_alive).map_err(|error| StartError::Listen(listen, error))?;
        let address = listener.local_addr().unwrap_or(listen);
        let dialled = [address].into_iter().chain(advertise);
        let key_copies = keep_key_copies(
            own_key.as_deref(),
            key_folder.as_deref(),
            dialled,
            &shown_data,
        );
        let lanes = Lanes::start(limits.threads).map_err(StartError::Threads)?;
        tracing::info!(event = "started", version = env!("CARGO_PKG_VERSION"), listen = %address,
            data = %shown_data.display(), connections = limits.connections);
        let (drain, draining) = watch::channel(false);
        let shared = Arc::new(Shared {
            registry: LiveRegistry::new(registry, &limits),
            deployer,
            limits,
            background: Handle::current(),
            calls: Arc::new(Semaphore::new(limits.calls)),
            peers: Peers::new(limits.unfinished_bytes / 2),
            room: Room::new(limits.unfinished_bytes),
            arguments: Budget::new(limits.argument_bytes),
            untaken: Budget::new(limits.untaken_bytes),
            advertise,
            handshakes: Handshakes::new(limits.handshakes),
            tls,
            drain: draining,
        });
        Ok(Self {
            listener,
            lanes,
            engines,
            shared,
            drain,
            key_copies,
        })
    }

    /// Returns the address that the server listens on.
    ///
    /// # Errors
    /// Returns the error of the operating system.
    pub fn local_addr(&self) -> std::io::Result<SocketAddr> {
        self.listener.local_addr()
    }

    /// Serves until `shutdown` ends, then drains: finishes the calls in flight within the drain
    /// timeout, and waits until every worker has ended. Returns the number of sessions that were
    /// cut off.
    pub async fn run(self, shutdown: impl Future<Output = ()>) -> usize {
        let Self {
            listener,
            lanes,
            engines,
            shared,
            drain,
            key_copies,
        } = self;
        let (cut_off, lanes) = accept::serve(listener, lanes, shared, drain, shutdown).await;
        drop(key_copies);
        engines.stop().await;
        drop(lanes);
        cut_off
    }
}

/// Keeps copies of the server's own key in the folder where tools of the same user look for it. A
/// server whose key was given keeps no copies. It removes those that a killed server has left.
fn keep_key_copies(
    own_key: Option<&str>,
    folder: Option<&Path>,
    dialled: impl Iterator<Item = SocketAddr>,
    data: &Path,
) -> Vec<KeyCopy> {
    let Some(key) = own_key else {
        if let Some(folder) = folder {
            dialled.for_each(|address| key_file::remove_stale(folder, address));
        }
        return Vec::new();
    };
    let not_kept = |reason: &dyn std::fmt::Display| {
        let note = format!(
            "run initializers with --deploy-key {}",
            data.join("deploy.key").display()
        );
        tracing::warn!(event = "initializers cannot find the deploy key by themselves", reason = %reason, note);
        Vec::new()
    };
    let Some(folder) = folder else {
        return not_kept(&"neither XDG_RUNTIME_DIR nor HOME is an absolute path");
    };
    let kept: Result<Vec<_>, _> = dialled
        .map(|address| KeyCopy::write(folder, address, key))
        .collect();
    kept.unwrap_or_else(|error| not_kept(&error))
}

fn refuse_native_twice(services: &[NativeService]) -> Result<(), StartError> {
    let mut names = HashSet::new();
    match services
        .iter()
        .find(|service| !names.insert(service.service()))
    {
        Some(twice) => Err(StartError::NativeTwice(twice.service())),
        None => Ok(()),
    }
}

fn native_methods(
    services: Vec<NativeService>,
    threads: usize,
) -> Arc<Vec<(&'static str, Arc<NativeMethod>)>> {
    let pool = ThreadPool::new(Handle::current(), threads);
    let methods = services.into_iter().flat_map(|service| {
        let name = service.service();
        service
            .into_methods()
            .into_iter()
            .map(move |method| (name, method))
    });
    let methods =
        methods.map(|(name, method)| (name, Arc::new(NativeMethod::new(method, pool.clone()))));
    Arc::new(methods.collect())
}
