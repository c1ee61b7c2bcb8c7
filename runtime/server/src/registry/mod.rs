//! [`Registry`]: one generation, ready to be called.
//!
//! | module | does |
//! |---|---|
//! | `build` | makes the services of a registry from a manifest |
//! | `live` | the live registry, and the notification when another one becomes live |
//! | `identity` | identifies the calling client |

pub(crate) mod build;
pub(crate) mod identity;
pub(crate) mod live;

use std::collections::{HashMap, HashSet};
use std::num::NonZero;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use futures_util::stream::StreamExt as _;
use handler::Call;
use rpc_schema::{Signature, Type};
use wire::block::BlockPlace;
use wire::exception::{Exception, ExceptionType};
use wire::outbox::Outbox;
use wire::value::Reader;

use self::identity::Identity;
use crate::calls::answer::unavailable;
use crate::engine::native::NativeMethod;
use crate::engine::{InFlight, PreparedService};
use crate::log::meter::Meter;

/// One generation, ready to be called. It never changes.
#[derive(Debug, Default)]
pub(crate) struct Registry {
    pub(crate) generation: u64,
    content: RegistryContent,
}

/// The content of a manifest, ready to be called: a registry without the number of a generation.
#[derive(Debug, Default)]
pub(crate) struct RegistryContent {
    /// The server's name. Empty before the first apply.
    server: String,
    identity: Identity,
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
    runner: Option<Arc<ServiceRunner>>,
}

/// The workers of a service at one version, with the files they run. Generations that do not change
/// the service share it; the last one to drop it ends the workers and removes the files.
#[derive(Debug)]
struct ServiceRunner {
    version: String,
    /// Why it cannot run, if its files are damaged.
    damage: Option<String>,
    /// Whether the service was found to run while it was live.
    is_proven: AtomicBool,
    prepared: PreparedService,
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
    /// The place of the last argument, if it may be received into memory of its own; see
    /// [`BlockPlace`].
    pub(crate) block: Option<BlockPlace>,
    code: Code,
}

/// What runs a procedure.
#[derive(Debug)]
enum Code {
    /// A source, by its place in the setup of its service.
    Source(Arc<ServiceRunner>, usize),
    Native(Arc<NativeMethod>),
    /// A native procedure that is not compiled into this server.
    Missing,
}

impl Registry {
    /// Returns a registry with the number of its generation.
    pub(crate) fn new(generation: u64, content: RegistryContent) -> Self {
        Self {
            generation,
            content,
        }
    }

    /// Returns the server's name. Empty before the first apply.
    pub(crate) fn server(&self) -> &str {
        &self.content.server
    }

    /// Returns who the clients are.
    pub(crate) fn identity(&self) -> &Identity {
        &self.content.identity
    }

    pub(crate) fn service(&self, name: &str) -> Option<&Service> {
        self.content.services.get(name)
    }

    fn services(&self) -> impl Iterator<Item = (&String, &Service)> {
        self.content.services.iter()
    }

    /// Returns the names of services that cannot run because their files are damaged.
    pub(crate) fn damaged(&self) -> Vec<String> {
        let is_damaged = |service: &Service| {
            service
                .runner
                .as_ref()
                .is_some_and(|runner| runner.damage.is_some())
        };
        self.services()
            .filter(|(_, service)| is_damaged(service))
            .map(|(name, _)| name.clone())
            .collect()
    }

    /// Returns the reasons why services do not run. Services that were found to run before are not
    /// probed again.
    pub(crate) async fn find_sick(&self) -> Vec<String> {
        let runners = self
            .services()
            .filter_map(|(name, service)| Some((name, service.runner.as_ref()?)));
        let probes: Vec<_> = runners
            .map(|(name, runner)| runner.find_problem(name))
            .collect();
        let parallelism = std::thread::available_parallelism().map_or(1, NonZero::get);
        let probes = futures_util::stream::iter(probes).buffer_unordered(parallelism);
        let mut sick: Vec<String> = probes
            .filter_map(|problem| async { problem })
            .collect()
            .await;
        sick.sort();
        sick
    }

    /// Logs how many calls of each procedure got no log line since the last time.
    pub(crate) fn log_suppressed(&self) {
        for handler in self
            .services()
            .flat_map(|(_, service)| service.rpcs.values().flatten())
        {
            let calls = handler.meter.take_suppressed();
            if calls > 0 {
                tracing::info!(event = "suppressed", calls, key = handler.key);
            }
        }
    }

    /// Divides the workers of each service among its tenants, once this registry is live.
    pub(crate) fn share_workers(&self) {
        for (_, service) in self.services() {
            if let Some(runner) = &service.runner {
                runner.prepared.set_tenants(service.tenants.len());
            }
        }
    }

    /// Returns the largest number of workers that all services may have together.
    pub(crate) fn max_workers(&self) -> usize {
        let runners = self
            .services()
            .filter_map(|(_, service)| service.runner.as_ref());
        runners
            .map(|runner| runner.prepared.max_workers())
            .fold(0, usize::saturating_add)
    }

    /// Ends workers that were idle for longer than the limit.
    pub(crate) fn drop_idle(&self, now: Instant) {
        for (_, service) in self.services() {
            if let Some(runner) = &service.runner {
                runner.prepared.drop_idle(now);
            }
        }
    }
}

impl Service {
    pub(crate) fn has_tenant(&self, client: &str) -> bool {
        self.tenants.contains(client)
    }

    /// Returns the overloads of a procedure.
    pub(crate) fn overloads(&self, rpc: &str) -> Option<&[Arc<Handler>]> {
        self.rpcs.get(rpc).map(Vec::as_slice)
    }

    /// Returns the record or the enumeration that has this name in the service.
    pub(crate) fn type_named(&self, name: &str) -> Option<Type> {
        self.types.get(name).cloned()
    }
}

impl ServiceRunner {
    /// Returns why the service does not run. Probes it unless it was found to run before.
    async fn find_problem(&self, service: &str) -> Option<String> {
        if self.damage.is_some() || self.is_proven.load(Ordering::Relaxed) {
            return self.damage.clone();
        }
        match self.prepared.probe().await {
            Ok(()) => {
                self.is_proven.store(true, Ordering::Relaxed);
                None
            }
            Err(why) => Some(format!("service `{service}` has no worker: {why}")),
        }
    }
}

impl Handler {
    /// Returns whether these are the argument types of the handler, letter by letter.
    pub(crate) fn takes<S: AsRef<str>>(&self, types: &[S]) -> bool {
        self.types
            .iter()
            .map(String::as_str)
            .eq(types.iter().map(AsRef::as_ref))
    }

    /// Returns the native method, if this is one.
    pub(crate) fn native(&self) -> Option<&Arc<NativeMethod>> {
        match &self.code {
            Code::Native(method) => Some(method),
            _ => None,
        }
    }

    /// Runs the procedure on binary values.
    ///
    /// # Errors
    /// Returns the exception that the caller gets.
    pub(crate) async fn call(
        &self,
        arguments: &[u8],
        client: &Arc<str>,
        deadline: tokio::time::Instant,
        in_flight: InFlight,
    ) -> Result<Vec<u8>, Exception> {
        match &self.code {
            Code::Source(runner, place) => match &runner.damage {
                Some(why) => Err(unavailable(why)),
                None => Ok(runner
                    .prepared
                    .call(*place, arguments, client, deadline, in_flight)
                    .await?),
            },
            Code::Native(method) => {
                let call = Call::new(Arc::clone(client), deadline.into_std());
                let running = method
                    .start(call, &mut Reader::new(arguments))
                    .map_err(|error| {
                        let message =
                            format!("the arguments of `{}` do not decode: {error}", self.key);
                        Exception::refused(ExceptionType::InvalidArguments, message)
                    })?;
                let values = Arc::clone(method)
                    .finish(running, client, deadline, in_flight)
                    .await?;
                Ok(Outbox::into_bytes(values))
            }
            Code::Missing => Err(unavailable(no_handler(&self.key))),
        }
    }
}

fn no_handler(key: &str) -> String {
    format!("`{key}` is native, and this server's binary has no handler for it")
}
