//! The initializer: brings every server of an `init.yaml` to what the file says, in one transaction.
//!
//! ```text
//! init.yaml + sources --Desired--> ask all servers --Plan--> Coordinator over those that change --> Report
//!                                         |
//!                                 check the sources that differ
//! ```

mod apply;
mod connection;
mod desired;
mod plan;
mod sources;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

pub use apply::{Applied, ServerOutcome};
use connection::Connection;
pub use connection::{RequestError, Unreachable};
pub use desired::{Desired, DesiredServer};
pub use plan::{Mark, Plan, RpcChange, ServerPlan, ServiceChange};
pub use rpc_schema::breaking::{Change, Effect};

use self::plan::find_departed;
use crate::deploy::message::{DeployError, DeployErrorKind, DeployRequest, StatusAnswer};

/// How an initializer reaches servers.
#[derive(Debug, Clone)]
pub struct InitializerOptions {
    /// Where servers are reached, by name. Else `RPC_SERVER_<NAME>` says, else the file.
    pub servers: BTreeMap<String, SocketAddr>,
    /// What proves that it may deploy.
    pub deploy_key: Option<Vec<u8>>,
    /// How long a server may take to answer.
    pub timeout: Duration,
    /// Whether servers that left the file are emptied.
    pub retire: bool,
    /// The Python that sources are checked with before they are sent; `None` leaves that to the servers.
    pub python: Option<PathBuf>,
}

/// Why nothing was planned or applied.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum InitializerError {
    /// The file has findings, or a source that it names.
    #[error("{0}")]
    File(Box<rpc_schema::Report>),
    /// A file that travels cannot be read.
    #[error("{0}")]
    Source(String),
    /// A server that is no server of the file, and did not leave it either, was named.
    #[error("no server `{0}` in this network")]
    UnknownServer(String),
    /// An environment variable says where a server is reached, and does not.
    #[error("{0} is no IP:PORT: `{1}`")]
    Address(String, String),
    /// Servers that cannot be asked; nothing changed anywhere.
    #[error("{}", list(.0))]
    Unreachable(Vec<Unreachable>),
}

impl InitializerOptions {
    fn address_of(&self, server: &str, declared: SocketAddr) -> Result<SocketAddr, InitializerError> {
        if let Some(said) = self.servers.get(server) {
            return Ok(*said);
        }
        let variable = crate::topology::server_variable(server);
        match std::env::var(&variable) {
            Ok(text) if !text.is_empty() => {
                text.parse().map_err(|_| InitializerError::Address(variable, text))
            }
            _ => Ok(declared),
        }
    }
}

fn list(servers: &[Unreachable]) -> String {
    servers.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
}

/// A plan, and what it takes to carry it out.
#[derive(Debug)]
pub struct Initializer {
    options: InitializerOptions,
    desired: Desired,
    plan: Plan,
}

impl Initializer {
    /// Reads and checks the file, hashes every source, asks every server what is live, and compares. Sources that differ
    /// are held against their signatures, as far as there is a Python to do it.
    ///
    /// # Errors
    /// An [`InitializerError`]; nothing has changed anywhere.
    pub async fn plan(init: &Path, options: InitializerOptions) -> Result<Self, InitializerError> {
        let mut desired = Desired::read(init, &options)?;
        let mut live = ask_all(&desired.servers, &options).await?;
        let mut departed = find_departed(&desired.servers, &live);
        let known = |name: &String| {
            departed.contains_key(name) || desired.servers.iter().any(|server| server.name == *name)
        };
        if let Some(unknown) = options.servers.keys().find(|name| !known(name)) {
            return Err(InitializerError::UnknownServer(unknown.clone()));
        }
        let notes = sources::check_changed(&desired, &live, options.python.as_deref()).await?;
        let mut servers = Vec::new();
        if options.retire {
            for (name, address) in &mut departed {
                *address = options.address_of(name, *address)?;
                servers.push(desired.retired(name, *address));
            }
            live.extend(ask_all(&servers, &options).await?);
        } else {
            desired.remember(&departed);
        }
        servers.splice(0..0, desired.servers.iter().cloned());
        let plan = Plan { notes, ..Plan::new(&servers, &live, departed) };
        Ok(Self { options, desired, plan })
    }

    /// What would change.
    pub fn planned(&self) -> &Plan {
        &self.plan
    }

    /// Brings every server that differs to the file, or none.
    ///
    /// # Errors
    /// Where this machine gives no randomness for the apply's id.
    pub async fn apply(&self) -> std::io::Result<Applied> {
        apply::apply(&self.plan, &self.desired, &self.options).await
    }

    /// Has every server replace its workers by fresh ones.
    ///
    /// # Errors
    /// The servers that did not, and why.
    pub async fn restart(&self) -> Result<(), InitializerError> {
        let restarts = self.plan.servers.iter().map(|server| async {
            let told = async {
                let mut connection = Connection::open(server.address, &self.options).await?;
                connection.request::<serde_json::Value>(&DeployRequest::Restart {}).await
            };
            told.await.err().map(|error| Unreachable::new(&server.name, server.address, error))
        });
        let failed: Vec<_> = join_all(restarts).await.into_iter().flatten().collect();
        if failed.is_empty() { Ok(()) } else { Err(InitializerError::Unreachable(failed)) }
    }
}

/// What is live on each server, in their order.
async fn ask_all(
    servers: &[DesiredServer],
    options: &InitializerOptions,
) -> Result<Vec<StatusAnswer>, InitializerError> {
    let asked = servers.iter().map(|server| async {
        let asked = async {
            let mut connection = Connection::open(server.address, options).await?;
            let status = connection.request::<StatusAnswer>(&DeployRequest::Status {}).await?;
            match &status.manifest {
                Some(manifest) if manifest.server != server.name => {
                    let message = format!("this is server `{}`", manifest.server);
                    Err(RequestError::Refused(DeployError::new(DeployErrorKind::Refused, message)))
                }
                _ => Ok(status),
            }
        };
        asked.await.map_err(|error| Unreachable::new(&server.name, server.address, error))
    });
    let (mut answers, mut failed) = (Vec::new(), Vec::new());
    for answer in join_all(asked).await {
        match answer {
            Ok(answer) => answers.push(answer),
            Err(error) => failed.push(error),
        }
    }
    if failed.is_empty() { Ok(answers) } else { Err(InitializerError::Unreachable(failed)) }
}

async fn join_all<F: Future>(futures: impl IntoIterator<Item = F>) -> Vec<F::Output> {
    futures_util::future::join_all(futures).await
}
