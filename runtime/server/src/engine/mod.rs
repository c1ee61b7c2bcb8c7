//! Engines run procedures. They take and return binary values, and know nothing about messages and
//! connections.
//!
//! ```text
//! registry::build --ServiceSetup--> Engines::service --> PreparedService --call--> values | EngineFailure
//! ```
//!
//! An engine prepares a service and calls its procedures, with errors of its own ([`failure`]).
//! Another engine is another field of [`Engines`] and another variant of [`PreparedService`].
//! Handlers in Rust are not prepared: they are compiled into the server ([`native`]).

pub(crate) mod failure;
mod in_flight;
pub(crate) mod native;
pub(crate) mod python;
mod shares;

use std::sync::Arc;
use std::time::{Duration, Instant};

use deploy::manifest::ParameterEntry;
pub(crate) use in_flight::{InFlight, SessionLoad};
pub(crate) use shares::{Share, Shares};

use self::failure::{EngineFailure, PrepareError};
use self::python::{PythonEngine, WorkerPool};
use crate::store::ServiceTree;

/// The engines of a server.
#[derive(Debug)]
pub(crate) struct Engines {
    pub(crate) python: Arc<PythonEngine>,
}

/// What an engine needs to know about a service.
#[derive(Debug)]
pub(crate) struct ServiceSetup {
    pub(crate) service: String,
    /// Its files, laid out when they are first needed. `None` if they are damaged.
    pub(crate) tree: Option<Arc<ServiceTree>>,
    /// The paths of its modules in the tree.
    pub(crate) modules: Vec<String>,
    /// Maximum length of the returned values in bytes.
    pub(crate) answer_limit: usize,
    /// Its procedures with sources. Calls name them by their place.
    pub(crate) procedures: Vec<SourceProcedure>,
    pub(crate) limits: ServiceLimits,
}

/// A procedure as an engine knows it.
#[derive(Debug, Clone, serde::Serialize)]
pub(crate) struct SourceProcedure {
    /// The function's name.
    pub(crate) name: String,
    /// Service, name and argument types.
    pub(crate) key: String,
    /// The file, relative to the tree's root.
    pub(crate) path: String,
    /// Its arguments.
    pub(crate) parameters: Vec<ParameterEntry>,
    /// The types it returns.
    pub(crate) returns: Vec<String>,
}

/// What a service may use.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ServiceLimits {
    /// Maximum number of calls at once.
    pub(crate) workers: usize,
    /// Maximum number of bytes of memory of a worker.
    pub(crate) worker_bytes: u64,
    /// Time after which an idle worker ends.
    pub(crate) idle: Duration,
    /// Maximum time for loading the service.
    pub(crate) load: Duration,
}

/// A service that an engine runs. Dropping this ends its workers.
#[derive(Debug)]
pub(crate) enum PreparedService {
    Python(Arc<WorkerPool>),
}

impl Engines {
    /// Returns a service that is loaded when it is first called or
    /// [checked](PreparedService::check).
    pub(crate) fn service(&self, setup: ServiceSetup) -> PreparedService {
        PreparedService::Python(WorkerPool::new(Arc::clone(&self.python), setup))
    }

    /// Ends everything that runs, and waits until it is gone.
    pub(crate) async fn stop(&self) {
        self.python.stop().await;
    }
}

impl PreparedService {
    /// Checks every source against its signature and loads it. Then starts more workers until there
    /// are `workers`, so that the first calls do not wait for workers to start.
    ///
    /// # Errors
    /// Returns the findings in the sources, or the reason why the service cannot be loaded.
    pub(crate) async fn check(&self, workers: usize) -> Result<(), PrepareError> {
        match self {
            Self::Python(pool) => pool.prepare(workers).await,
        }
    }

    /// Calls the procedure at that place in the setup with the binary values of its arguments.
    ///
    /// # Errors
    /// Returns why the call failed.
    pub(crate) async fn call(
        &self,
        procedure: usize,
        arguments: &[u8],
        client: &Arc<str>,
        deadline: tokio::time::Instant,
        in_flight: InFlight,
    ) -> Result<Vec<u8>, EngineFailure> {
        match self {
            Self::Python(pool) => {
                pool.call(procedure, arguments, client, deadline, in_flight)
                    .await
            }
        }
    }

    /// Checks that a worker of the service runs or can be started.
    ///
    /// # Errors
    /// Returns the reason why no worker can be started.
    pub(crate) async fn probe(&self) -> Result<(), String> {
        match self {
            Self::Python(pool) => pool.probe().await,
        }
    }

    /// Returns the number of workers.
    pub(crate) fn workers(&self) -> usize {
        match self {
            Self::Python(pool) => pool.workers(),
        }
    }

    /// Returns the largest number of workers.
    pub(crate) fn max_workers(&self) -> usize {
        match self {
            Self::Python(pool) => pool.max_workers(),
        }
    }

    /// Sets how many clients may call. If there are several, one of them holds at most all workers
    /// but one.
    pub(crate) fn set_tenants(&self, tenants: usize) {
        match self {
            Self::Python(pool) => pool.set_tenants(tenants),
        }
    }

    /// Ends workers that were idle for longer than the limit.
    pub(crate) fn drop_idle(&self, now: Instant) {
        match self {
            Self::Python(pool) => pool.drop_idle(now),
        }
    }
}
