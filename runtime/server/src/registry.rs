//! [`Registry`]: one generation, ready to be called; and how it is built from a manifest.

use std::collections::{HashMap, HashSet};
use std::num::{NonZero, NonZeroU32};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use futures_util::stream::StreamExt as _;
use rpc_schema::signature::named_types;
use rpc_schema::{Expanded, Signature, Type, TypeList};

use super::blocking;
use super::identity::Identity;
use super::limits::Limits;
use crate::engine::InFlight;
use crate::engine::native::NativeMethod;
use crate::engine::python::{Engine, Pool, PoolLimits, Procedure, Setup};
use crate::meter::Meter;
use crate::store::{Store, StoreError, Tree, service_version};
use deploy::manifest::{Manifest, RpcEntry, ServiceEntry};
use deploy::message::{DeployError, DeployErrorKind};
use handler::Call;
use wire::block::BlockPlace;
use wire::exception::{Exception, ExceptionType};
use wire::outbox::Outbox;
use wire::value::Reader;

/// One generation, ready to be called. It never changes.
#[derive(Debug, Default)]
pub(crate) struct Registry {
    pub(crate) generation: u64,
    /// The server's name; empty before the first apply.
    pub(crate) server: String,
    pub(crate) identity: Identity,
    services: HashMap<String, Service>,
}

/// A service of a generation.
#[derive(Debug)]
pub(crate) struct Service {
    tenants: HashSet<String>,
    /// The overloads of each procedure, in the file's order.
    rpcs: HashMap<String, Vec<Arc<Handler>>>,
    /// The records and enumerations of its signatures.
    types: HashMap<String, Type>,
    /// What runs its sources, if it has any.
    runner: Option<Arc<Runner>>,
}

/// The workers of a service at one version, with the files they run. Generations that do not change the service share
/// it; the last one to drop it ends the workers and removes the files.
#[derive(Debug)]
struct Runner {
    version: String,
    /// Why it cannot run, where its files are damaged.
    broken: Option<String>,
    /// A worker of it was found alive once it was live.
    proven: AtomicBool,
    pool: Arc<Pool>,
}

/// One signature, ready to be called.
#[derive(Debug)]
pub(crate) struct Handler {
    pub(crate) key: String,
    pub(crate) signature: Signature,
    /// The argument types with what their names stand for, as stubs send them.
    types: Vec<String>,
    /// SHA-256 of the code.
    pub(crate) source: String,
    pub(crate) deadline: Option<Duration>,
    pub(crate) meter: Meter,
    /// Where the last of its arguments may come in room of its own; see [`BlockPlace`].
    pub(crate) block: Option<BlockPlace>,
    code: Code,
}

/// What runs a procedure.
#[derive(Debug)]
enum Code {
    /// A source, by its place in the runner's setup.
    Python(Arc<Runner>, usize),
    Native(Arc<NativeMethod>),
    /// Native, and not compiled into this server.
    Missing,
}

impl Registry {
    pub(crate) fn service(&self, name: &str) -> Option<&Service> {
        self.services.get(name)
    }

    /// The names of services that cannot run, since files of theirs are damaged.
    pub(crate) fn damaged(&self) -> Vec<String> {
        let is_broken =
            |service: &Service| service.runner.as_ref().is_some_and(|runner| runner.broken.is_some());
        let broken = self.services.iter().filter(|(_, service)| is_broken(service));
        broken.map(|(name, _)| name.clone()).collect()
    }

    /// Services that do not run, each with why. Those that were found well before are not looked at again.
    pub(crate) async fn find_sick(&self) -> Vec<String> {
        let mut probes = Vec::new();
        for (name, service) in &self.services {
            probes.extend(service.runner.as_ref().map(|runner| runner.find_sickness(name)));
        }
        let side_by_side = std::thread::available_parallelism().map_or(1, NonZero::get);
        let probes = futures_util::stream::iter(probes).buffer_unordered(side_by_side);
        let mut sick: Vec<String> = probes.filter_map(|sickness| async { sickness }).collect().await;
        sick.sort();
        sick
    }

    /// Says how many calls of each procedure got no log line since this was done last.
    pub(crate) fn log_suppressed(&self) {
        for handler in self.services.values().flat_map(|service| service.rpcs.values().flatten()) {
            let calls = handler.meter.take_suppressed();
            if calls > 0 {
                tracing::info!(event = "suppressed", calls, key = handler.key);
            }
        }
    }

    /// Shares the workers of each service out to its tenants, once this is live.
    pub(crate) fn share_workers(&self) {
        for service in self.services.values() {
            if let Some(runner) = &service.runner {
                runner.pool.set_tenants(service.tenants.len());
            }
        }
    }

    /// The workers of every service.
    pub(crate) fn pools(&self) -> impl Iterator<Item = &Arc<Pool>> {
        self.services.values().filter_map(|service| Some(&service.runner.as_ref()?.pool))
    }
}

impl Service {
    pub(crate) fn has_tenant(&self, client: &str) -> bool {
        self.tenants.contains(client)
    }

    /// The overloads of a procedure.
    pub(crate) fn overloads(&self, rpc: &str) -> Option<&[Arc<Handler>]> {
        self.rpcs.get(rpc).map(Vec::as_slice)
    }

    /// What a record or an enumeration is called in this service.
    pub(crate) fn type_named(&self, name: &str) -> Option<Type> {
        self.types.get(name).cloned()
    }
}

impl Runner {
    /// Why it does not run, where it was built for what is live and not seen to run so far.
    async fn find_sickness(&self, service: &str) -> Option<String> {
        if self.broken.is_some() || self.proven.load(Ordering::Relaxed) {
            return self.broken.clone();
        }
        match self.pool.probe().await {
            Ok(()) => {
                self.proven.store(true, Ordering::Relaxed);
                None
            }
            Err(why) => Some(format!("service `{service}` has no worker: {why}")),
        }
    }
}

impl Handler {
    /// Whether these are its argument types, letter by letter.
    pub(crate) fn takes<S: AsRef<str>>(&self, types: &[S]) -> bool {
        self.types.iter().map(String::as_str).eq(types.iter().map(AsRef::as_ref))
    }

    /// The handler in Rust, where it is one.
    pub(crate) fn native(&self) -> Option<&Arc<NativeMethod>> {
        match &self.code {
            Code::Native(method) => Some(method),
            _ => None,
        }
    }

    /// Runs the procedure on binary values.
    ///
    /// # Errors
    /// The exception that the caller gets.
    pub(crate) async fn call(
        &self,
        arguments: &[u8],
        client: &Arc<str>,
        deadline: tokio::time::Instant,
        in_flight: InFlight,
    ) -> Result<Vec<u8>, Exception> {
        let unavailable = |why: String| Err(Exception::refused(ExceptionType::Unavailable, why));
        match &self.code {
            Code::Python(runner, place) => match &runner.broken {
                Some(why) => unavailable(why.clone()),
                None => runner.pool.call(*place, arguments, client, deadline, in_flight).await,
            },
            Code::Native(method) => {
                let call = Call::new(Arc::clone(client), deadline.into_std());
                let running = method.start(call, &mut Reader::new(arguments)).map_err(|error| {
                    let message = format!("the arguments of `{}` do not decode: {error}", self.key);
                    Exception::refused(ExceptionType::InvalidArguments, message)
                })?;
                Arc::clone(method).finish(running, client, deadline, in_flight).await.map(Outbox::into_bytes)
            }
            Code::Missing => unavailable(no_handler(&self.key)),
        }
    }
}

fn no_handler(key: &str) -> String {
    format!("`{key}` is native, and this server's binary has no handler for it")
}

/// What registries are built with.
#[derive(Debug, Clone)]
pub(crate) struct Builder {
    pub(crate) store: Arc<Store>,
    pub(crate) engine: Arc<Engine>,
    /// The native procedures of this binary.
    pub(crate) native: Arc<Vec<(&'static str, Arc<NativeMethod>)>>,
    pub(crate) limits: Limits,
}

/// What a service's sources go through before it is served.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Scrutiny {
    /// Every source is checked and loaded; one that does not pass refuses the whole.
    Check,
    /// They passed before; a service whose files are damaged by now is served as unavailable.
    Trust,
}

impl Builder {
    /// A registry of this manifest. Services that `before` has at the same version keep their workers.
    ///
    /// # Errors
    /// What is refused, or could not be done.
    pub(crate) async fn build(
        &self,
        manifest: &Manifest,
        before: Option<&Registry>,
        scrutiny: Scrutiny,
    ) -> Result<Registry, DeployError> {
        let mut services = HashMap::new();
        let mut refused: Option<DeployError> = None;
        let side_by_side = std::thread::available_parallelism().map_or(1, NonZero::get);
        let mut building = Vec::new();
        for (name, entry) in &manifest.services {
            building.push(self.build_service(name, entry, before, scrutiny));
        }
        let mut built = futures_util::stream::iter(building).buffered(side_by_side);
        for name in manifest.services.keys() {
            let Some(service) = built.next().await else { break };
            match service {
                Ok(service) => drop(services.insert(name.clone(), service)),
                Err(error) => refused = Some(refused.map_or_else(|| error.clone(), |all| merge(all, &error))),
            }
        }
        match refused {
            Some(error) => Err(error),
            None => Ok(Registry {
                generation: 0,
                server: manifest.server.clone(),
                identity: Identity::new(&manifest.network),
                services,
            }),
        }
    }

    async fn build_service(
        &self,
        name: &str,
        entry: &ServiceEntry,
        before: Option<&Registry>,
        scrutiny: Scrutiny,
    ) -> Result<Service, DeployError> {
        let runner = self.runner(name, entry, before, scrutiny).await?;
        let mut rpcs: HashMap<String, Vec<Arc<Handler>>> = HashMap::new();
        let mut place = 0;
        for rpc in &entry.rpcs {
            let signature = rpc.signature(name).map_err(refused)?;
            let code = match (&rpc.source, &runner) {
                (Some(_), Some(runner)) => {
                    place += 1;
                    Code::Python(Arc::clone(runner), place - 1)
                }
                _ => self.native_code(&signature, scrutiny)?,
            };
            let handler = build_handler(rpc, signature, code);
            rpcs.entry(rpc.name.clone()).or_default().push(Arc::new(handler));
        }
        let handlers = rpcs.values().flatten();
        let signatures = handlers.map(|handler| &handler.signature);
        let types = named_types(signatures).map_err(refused)?;
        Ok(Service { tenants: entry.tenants.iter().cloned().collect(), rpcs, types, runner })
    }

    /// What runs the sources of a service, if it has any.
    async fn runner(
        &self,
        name: &str,
        entry: &ServiceEntry,
        before: Option<&Registry>,
        scrutiny: Scrutiny,
    ) -> Result<Option<Arc<Runner>>, DeployError> {
        if entry.rpcs.iter().all(|rpc| rpc.source.is_none()) {
            return Ok(None);
        }
        let version = service_version(name, entry);
        let last =
            before.and_then(|registry| registry.service(name)).and_then(|service| service.runner.as_ref());
        if let Some(same) = last.filter(|runner| runner.version == version && runner.broken.is_none()) {
            return Ok(Some(Arc::clone(same)));
        }
        // As many workers as there were, so that the calls of the first moment need not wait for theirs.
        let workers = last.map_or(1, |runner| runner.pool.workers());
        self.build_runner(name, entry, version, (scrutiny, workers))
            .await
            .map(|runner| Some(Arc::new(runner)))
    }

    /// The handler in this binary with just this signature.
    fn native_code(&self, signature: &Signature, scrutiny: Scrutiny) -> Result<Code, DeployError> {
        let same_name = self.native.iter().filter(|(service, method)| {
            signature.service == **service && signature.rpc == *method.procedure().rpc
        });
        let mut others = Vec::new();
        for (_, method) in same_name {
            let types = method.procedure().types().map_err(|error| refused(error.to_string()))?;
            if types.arguments == signature.arguments && types.returns == signature.returns {
                return Ok(Code::Native(Arc::clone(method)));
            }
            let (arguments, returns) = (TypeList(&types.arguments), TypeList(&types.returns));
            others.push(format!("({arguments}) -> ({returns})"));
        }
        if scrutiny == Scrutiny::Trust {
            return Ok(Code::Missing);
        }
        let known = if others.is_empty() { String::new() } else { format!("; it has {}", others.join(", ")) };
        let key = signature.key().to_string();
        Err(refused(no_handler(&key) + &known))
    }

    async fn build_runner(
        &self,
        name: &str,
        entry: &ServiceEntry,
        version: String,
        (scrutiny, workers): (Scrutiny, usize),
    ) -> Result<Runner, DeployError> {
        let tree = Tree::new(&self.store, entry).map(Arc::new);
        let root = tree.as_ref().map_or_else(|_| PathBuf::new(), |tree| tree.root().to_owned());
        let (setup, limits) = (self.setup(name, entry, &root), self.pool_limits(entry));
        let checked = match tree.as_ref().map(Arc::clone) {
            // Laying it out hashes every file.
            Ok(_) if scrutiny == Scrutiny::Check => Ok(()),
            Ok(tree) => blocking(move || tree.check()).await,
            Err(_) => Ok(()),
        };
        let (tree, damage) = match (tree, checked) {
            (Ok(tree), Ok(())) => (Some(tree), None),
            (Err(error), _) | (_, Err(error)) => (None, Some(error)),
        };
        let pool = Pool::new(Arc::clone(&self.engine), setup, tree, limits);
        let broken = match damage {
            Some(error) if scrutiny == Scrutiny::Check => return Err(failed(&error)),
            Some(error) => {
                tracing::error!(event = "service damaged", service = name, error = %error);
                let words = "files of it are damaged on the server; apply again to repair it";
                Some(format!("service `{name}` cannot run: {words}"))
            }
            None => None,
        };
        if scrutiny == Scrutiny::Check {
            pool.prepare(workers).await?;
        }
        // What ran before is not held against what comes.
        let proven = AtomicBool::new(scrutiny == Scrutiny::Trust);
        Ok(Runner { version, broken, proven, pool })
    }

    fn setup(&self, name: &str, entry: &ServiceEntry, root: &Path) -> Setup {
        let procedure = |rpc: &RpcEntry| Procedure {
            name: rpc.name.clone(),
            key: rpc.key_text(name),
            path: rpc.source.as_ref().map(|source| source.path.clone()).unwrap_or_default(),
            parameters: rpc.parameters.clone(),
            returns: rpc.returns.clone(),
        };
        let folder = |path: &str| path.rsplit_once('/').map_or("", |(folder, _)| folder).to_owned();
        let mut import_paths: Vec<_> = entry.modules.iter().map(|module| folder(&module.path)).collect();
        import_paths.dedup();
        Setup {
            service: name.to_owned(),
            root: root.to_string_lossy().into_owned(),
            import_paths,
            sys_path: self.engine.interpreter().path.clone(),
            answer_limit: self.limits.frame_bytes,
            procedures: entry.rpcs.iter().filter(|rpc| rpc.source.is_some()).map(procedure).collect(),
        }
    }

    fn pool_limits(&self, entry: &ServiceEntry) -> PoolLimits {
        let declared = entry.concurrency.and_then(NonZeroU32::new).map(|declared| declared.get() as usize);
        PoolLimits {
            workers: declared.unwrap_or(self.limits.workers),
            idle: self.limits.worker_idle,
            load: self.limits.load_timeout,
        }
    }
}

fn build_handler(rpc: &RpcEntry, signature: Signature, code: Code) -> Handler {
    Handler {
        types: signature.arguments.iter().map(|ty| Expanded(ty).to_string()).collect(),
        key: signature.key().to_string(),
        block: BlockPlace::of(&signature.arguments),
        signature,
        source: rpc.source.as_ref().map(|source| source.sha256.clone()).unwrap_or_default(),
        deadline: rpc.deadline_ms.map(Duration::from_millis),
        meter: Meter::new(),
        code,
    }
}

fn refused(message: String) -> DeployError {
    DeployError::new(DeployErrorKind::Refused, message)
}

fn failed(error: &StoreError) -> DeployError {
    DeployError::new(DeployErrorKind::Failed, error.to_string())
}

/// Two refusals as one.
fn merge(mut all: DeployError, more: &DeployError) -> DeployError {
    all.message = format!("{}; {}", all.message, more.message);
    all.findings.extend(more.findings.iter().cloned());
    all
}
