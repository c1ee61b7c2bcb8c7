//! [`RegistryBuilder`]: makes the services of a registry from a manifest.

use std::collections::{BTreeSet, HashMap};
use std::num::{NonZero, NonZeroU32};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use deploy::manifest::{Manifest, RpcEntry, ServiceEntry};
use deploy::message::{DeployError, DeployErrorKind};
use futures_util::stream::StreamExt as _;
use rpc_schema::signature::named_types;
use rpc_schema::{Expanded, Signature, TypeList};
use wire::block::BlockPlace;

use super::identity::Identity;
use super::{Code, Handler, Registry, RegistryContent, Service, ServiceRunner, no_handler};
use crate::blocking::blocking;
use crate::engine::native::NativeMethod;
use crate::engine::{Engines, ServiceLimits, ServiceSetup, SourceProcedure};
use crate::limits::Limits;
use crate::log::meter::Meter;
use crate::store::{ServiceTree, Store, StoreError, service_version};

/// Makes the services of a registry.
#[derive(Debug, Clone)]
pub(crate) struct RegistryBuilder {
    pub(crate) store: Arc<Store>,
    pub(crate) engines: Arc<Engines>,
    /// The native procedures of this binary.
    pub(crate) native: Arc<Vec<(&'static str, Arc<NativeMethod>)>>,
    pub(crate) limits: Limits,
}

/// Whether the sources of a service are checked before it is served.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum SourcePolicy {
    /// Every source is checked and loaded. If one does not pass, the manifest is refused.
    Check,
    /// The sources passed before and are not checked again. A service whose files are damaged is
    /// served, but its calls get `Unavailable`.
    Trust,
}

impl RegistryBuilder {
    /// Builds the services of a manifest. Services that `before` has at the same version keep their
    /// workers.
    ///
    /// # Errors
    /// Returns everything that is refused, or that could not be done.
    pub(crate) async fn build(
        &self,
        manifest: &Manifest,
        before: Option<&Registry>,
        policy: SourcePolicy,
    ) -> Result<RegistryContent, DeployError> {
        self.report_unknown_native_services(manifest);
        let mut services = HashMap::new();
        let mut refused: Option<DeployError> = None;
        let parallelism = std::thread::available_parallelism().map_or(1, NonZero::get);
        let mut building = Vec::new();
        for (name, entry) in &manifest.services {
            building.push(self.build_service(name, entry, before, policy));
        }
        let mut built = futures_util::stream::iter(building).buffered(parallelism);
        for name in manifest.services.keys() {
            let Some(service) = built.next().await else {
                break;
            };
            match service {
                Ok(service) => drop(services.insert(name.clone(), service)),
                Err(error) => {
                    refused = Some(refused.map_or_else(|| error.clone(), |all| merge(all, &error)));
                }
            }
        }
        match refused {
            Some(error) => Err(error),
            None => Ok(RegistryContent {
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
        policy: SourcePolicy,
    ) -> Result<Service, DeployError> {
        let runner = self.runner(name, entry, before, policy).await?;
        let mut rpcs: HashMap<String, Vec<Arc<Handler>>> = HashMap::new();
        let mut place = 0;
        for rpc in &entry.rpcs {
            let signature = rpc.signature(name).map_err(refused)?;
            let code = match (&rpc.source, &runner) {
                (Some(_), Some(runner)) => {
                    place += 1;
                    Code::Source(Arc::clone(runner), place - 1)
                }
                _ => self.native_code(&signature, policy)?,
            };
            let handler = build_handler(rpc, signature, code);
            rpcs.entry(rpc.name.clone())
                .or_default()
                .push(Arc::new(handler));
        }
        let handlers = rpcs.values().flatten();
        let signatures = handlers.map(|handler| &handler.signature);
        let types = named_types(signatures).map_err(refused)?;
        Ok(Service {
            tenants: entry.tenants.iter().cloned().collect(),
            rpcs,
            types,
            runner,
        })
    }

    /// Returns the runner of a service's sources, if it has any sources.
    async fn runner(
        &self,
        name: &str,
        entry: &ServiceEntry,
        before: Option<&Registry>,
        policy: SourcePolicy,
    ) -> Result<Option<Arc<ServiceRunner>>, DeployError> {
        if entry.rpcs.iter().all(|rpc| rpc.source.is_none()) {
            return Ok(None);
        }
        let version = service_version(name, entry);
        let last = before
            .and_then(|registry| registry.service(name))
            .and_then(|service| service.runner.as_ref());
        if let Some(same) =
            last.filter(|runner| runner.version == version && runner.damage.is_none())
        {
            return Ok(Some(Arc::clone(same)));
        }
        // Start as many workers as before, so that the first calls do not wait for workers to start.
        let workers = last.map_or(1, |runner| runner.prepared.workers());
        self.build_runner(name, entry, version, policy, workers)
            .await
            .map(|runner| Some(Arc::new(runner)))
    }

    /// Returns the handler in this binary with exactly this signature.
    fn native_code(
        &self,
        signature: &Signature,
        policy: SourcePolicy,
    ) -> Result<Code, DeployError> {
        let same_name = self.native.iter().filter(|(service, method)| {
            signature.service == **service && signature.rpc == *method.procedure().rpc
        });
        let mut others = Vec::new();
        for (_, method) in same_name {
            let types = method
                .procedure()
                .types()
                .map_err(|error| refused(error.to_string()))?;
            if types.arguments == signature.arguments && types.returns == signature.returns {
                return Ok(Code::Native(Arc::clone(method)));
            }
            let arguments = TypeList(&types.arguments);
            let returns = TypeList(&types.returns);
            others.push(format!("({arguments}) -> ({returns})"));
        }
        if policy == SourcePolicy::Trust {
            return Ok(Code::Missing);
        }
        let known = if others.is_empty() {
            self.native_services_in_words()
        } else {
            format!("; it has {}", others.join(", "))
        };
        let key = signature.key().to_string();
        Err(refused(no_handler(&key) + &known))
    }

    /// Returns the names of the native services of this binary, in their order.
    pub(crate) fn native_services(&self) -> impl Iterator<Item = &'static str> {
        let names: BTreeSet<&str> = self.native.iter().map(|(service, _)| *service).collect();
        names.into_iter()
    }

    /// Returns the native services of this binary, as the end of a message about a handler that is
    /// missing; nothing if the binary has none.
    fn native_services_in_words(&self) -> String {
        let names: Vec<String> = self
            .native_services()
            .map(|name| format!("`{name}`"))
            .collect();
        match names.len() {
            0 => String::new(),
            _ => format!("; its native services are {}", names.join(", ")),
        }
    }

    /// Says in the log which native services of this binary are not in the manifest. Nobody can call
    /// them. They are not refused, because a program may know a service before the file does.
    fn report_unknown_native_services(&self, manifest: &Manifest) {
        for service in self.native_services() {
            if !manifest.services.contains_key(service) {
                let note = format!(
                    "the file gives `{}` no service of this name",
                    manifest.server
                );
                tracing::warn!(event = "native service not in the file", service, note);
            }
        }
    }

    async fn build_runner(
        &self,
        name: &str,
        entry: &ServiceEntry,
        version: String,
        policy: SourcePolicy,
        workers: usize,
    ) -> Result<ServiceRunner, DeployError> {
        let tree = ServiceTree::new(&self.store, entry).map(Arc::new);
        let checked = match tree.as_ref().map(Arc::clone) {
            // The check lays the tree out, which hashes every file.
            Ok(_) if policy == SourcePolicy::Check => Ok(()),
            Ok(tree) => blocking(move || tree.check()).await,
            Err(_) => Ok(()),
        };
        let tree = tree.and_then(|tree| checked.map(|()| tree));
        let damage = match &tree {
            Ok(_) => None,
            Err(error) if policy == SourcePolicy::Check => return Err(failed(error)),
            Err(error) => {
                tracing::error!(event = "service damaged", service = name, error = %error);
                let reason =
                    "some of its files are damaged on the server; apply again to repair them";
                Some(format!("service `{name}` cannot run: {reason}"))
            }
        };
        let prepared = self.engines.service(self.setup(name, entry, tree.ok()));
        if policy == SourcePolicy::Check {
            prepared.check(workers).await?;
        }
        // Sources that are trusted have run before.
        let is_proven = AtomicBool::new(policy == SourcePolicy::Trust);
        Ok(ServiceRunner {
            version,
            damage,
            is_proven,
            prepared,
        })
    }

    fn setup(
        &self,
        name: &str,
        entry: &ServiceEntry,
        tree: Option<Arc<ServiceTree>>,
    ) -> ServiceSetup {
        let procedure = |rpc: &RpcEntry| {
            let source = rpc.source.as_ref()?;
            Some(SourceProcedure {
                name: rpc.name.clone(),
                key: rpc.key_text(name),
                path: source.path.clone(),
                parameters: rpc.parameters.clone(),
                returns: rpc.returns.clone(),
            })
        };
        let module_paths = entry.modules.iter().map(|module| module.path.clone());
        ServiceSetup {
            service: name.to_owned(),
            tree,
            modules: module_paths.collect(),
            answer_limit: self.limits.frame_bytes,
            procedures: entry.rpcs.iter().filter_map(procedure).collect(),
            limits: self.service_limits(entry),
        }
    }

    fn service_limits(&self, entry: &ServiceEntry) -> ServiceLimits {
        let declared = entry
            .concurrency
            .and_then(NonZeroU32::new)
            .map(|declared| declared.get() as usize);
        ServiceLimits {
            workers: declared.unwrap_or(self.limits.workers),
            worker_bytes: self.limits.worker_bytes,
            idle: self.limits.worker_idle,
            load: self.limits.load_timeout,
        }
    }
}

fn build_handler(rpc: &RpcEntry, signature: Signature, code: Code) -> Handler {
    Handler {
        types: signature
            .arguments
            .iter()
            .map(|ty| Expanded(ty).to_string())
            .collect(),
        key: signature.key().to_string(),
        block: BlockPlace::of(&signature.arguments),
        signature,
        source: rpc
            .source
            .as_ref()
            .map(|source| source.sha256.clone())
            .unwrap_or_default(),
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

/// Joins two refusals into one.
fn merge(mut all: DeployError, more: &DeployError) -> DeployError {
    all.message = format!("{}; {}", all.message, more.message);
    all.findings.extend(more.findings.iter().cloned());
    all
}
