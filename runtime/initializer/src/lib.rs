//! The initializer: applies an `init.yaml` to all its servers, in one transaction.
//!
//! ```text
//! init.yaml + sources -----------Desired--+
//! a saved plan ---------------------------+--> ask all servers --Plan--> Coordinator over the changing servers --> Applied
//! generations on the servers (rollback) --+
//! ```
//!
//! | module | content |
//! |---|---|
//! | `desired` | what every server should run, from the file |
//! | `survey` | what is live on the servers |
//! | `plan`, `sources`, `saved` | what differs, whether changed sources are valid, and a plan in a file |
//! | `apply` | executes a plan |
//! | `status`, `history` | compares what is live with the file; lists past applies, and plans a rollback |

mod apply;
mod connection;
mod desired;
mod difference;
mod history;
mod origin;
mod plan;
mod progress;
mod saved;
mod sources;
mod status;
mod survey;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

pub use apply::{Applied, ServerOutcome};
use connection::Connection;
pub use connection::{RequestError, Unreachable};
pub use desired::{Desired, DesiredServer, named_files};
pub use difference::SourceDifference;
pub use history::{Applies, PastApply, PastServer};
pub use plan::{
    Aspect, AspectChange, FileChange, Load, Mark, Plan, RpcChange, ServerPlan, ServiceChange,
};
pub use progress::{Happening, Progress};
pub use rpc_schema::breaking::{Change, Effect};
pub use status::{NetworkStatus, ServerStatus};
pub use survey::Seen;

use self::plan::find_departed;
use self::survey::ask_all;
use deploy::key_file;
use deploy::message::{DeployRequest, LacksAnswer, Origin};
use deploy::packed::Packed;

/// Options of an initializer: how it reaches servers, and what it does with them.
#[derive(Debug, Clone)]
pub struct InitializerOptions {
    /// Addresses of servers, by name. The address of any other server comes from the environment
    /// variable `RPC_SERVER_<NAME>`, or else from the file.
    pub servers: BTreeMap<String, SocketAddr>,
    /// The deploy key of all servers. If it is `None`, the key of each server is read from
    /// `key_folder`.
    pub deploy_key: Option<Vec<u8>>,
    /// The folder where servers of this user on this machine keep copies of their own keys; see
    /// [`key_file`].
    pub key_folder: Option<PathBuf>,
    /// How long a server may take to answer.
    pub timeout: Duration,
    /// How long to wait for servers that cannot be reached; `None` to fail at once.
    pub wait: Option<Duration>,
    /// The servers that may change; if it is empty, all servers may change.
    pub only: Vec<String>,
    /// Whether the services of servers that are no longer in the file are removed.
    pub retire: bool,
    /// The Python that checks sources before they are sent; `None` leaves the check to the servers.
    pub python: Option<PathBuf>,
    /// Receives the events of an apply.
    pub progress: Progress,
}

/// Options for all servers. Each server has two minutes to answer, and checks its sources itself.
impl Default for InitializerOptions {
    fn default() -> Self {
        Self {
            servers: BTreeMap::new(),
            deploy_key: None,
            key_folder: key_file::folder(),
            timeout: Duration::from_mins(2),
            wait: None,
            only: Vec::new(),
            retire: false,
            python: None,
            progress: Progress::default(),
        }
    }
}

/// Why an operation of an initializer failed. No server has another generation because of it.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum InitializerError {
    /// There are findings in the file, or in a source that it names.
    #[error("{0}")]
    File(Box<rpc_schema::Report>),
    /// A file that the `init.yaml` names cannot be read or packed.
    #[error("{0}")]
    Source(String),
    /// An option names a server that the network does not have.
    #[error("no server `{0}` in this network")]
    UnknownServer(String),
    /// An environment variable (its name, its value) contains an invalid address of a server.
    #[error("invalid address `{1}` in {0}; expected IP:PORT, such as `127.0.0.1:7101`")]
    Address(String, String),
    /// These servers did not do what they were asked.
    #[error("{}", join_lines(.0))]
    Unreachable(Vec<Unreachable>),
    /// A saved plan cannot be written or read.
    #[error("the plan {}: {what}", path.display())]
    SavedPlan {
        /// The file of the plan.
        path: PathBuf,
        /// What is wrong.
        what: String,
    },
    /// These servers have changed since the plan was made.
    #[error("{}", .0.join("\n"))]
    Moved(Vec<String>),
    /// A rollback is not possible, for this reason.
    #[error("{0}")]
    Rollback(String),
}

impl InitializerOptions {
    /// Returns the address of a server: from these options, or else from its environment variable,
    /// or else from the file.
    fn address_of(
        &self,
        server: &str,
        declared: SocketAddr,
    ) -> Result<SocketAddr, InitializerError> {
        if let Some(address) = self.servers.get(server) {
            return Ok(*address);
        }
        let variable = rpc_schema::name::server_variable(server);
        match std::env::var(&variable) {
            Ok(text) if !text.is_empty() => text
                .parse()
                .map_err(|_| InitializerError::Address(variable, text)),
            _ => Ok(declared),
        }
    }

    /// Returns whether the server may change.
    fn is_selected(&self, server: &str) -> bool {
        self.only.is_empty() || self.only.iter().any(|name| name == server)
    }
}

fn join_lines(servers: &[Unreachable]) -> String {
    servers
        .iter()
        .map(ToString::to_string)
        .collect::<Vec<_>>()
        .join("\n")
}

/// A plan, and everything that is needed to execute it.
#[derive(Debug)]
pub struct Initializer {
    options: InitializerOptions,
    origin: Origin,
    /// What every server should run.
    servers: Vec<DesiredServer>,
    /// What each of `servers` runs, in the same order.
    seen: Vec<Seen>,
    plan: Plan,
    /// The bytes of the files that the servers should run, by SHA-256.
    files: BTreeMap<String, Vec<u8>>,
    /// The packed files that at least one server lacks, by SHA-256.
    packed: BTreeMap<String, Packed>,
    /// Every file that the plan was made from.
    paths: Vec<PathBuf>,
}

impl Initializer {
    /// Makes a plan from the file: reads and checks it, hashes every source, asks every server what
    /// is live, and compares. Checks the changed sources against their signatures, if the options
    /// name a Python.
    ///
    /// # Errors
    /// An [`InitializerError`]. Nothing has changed on any server.
    pub async fn plan(init: &Path, options: InitializerOptions) -> Result<Self, InitializerError> {
        let mut desired = Desired::read(init, &options)?;
        let mut seen = ask_all(&desired.servers, &options).await?;
        let mut departed = find_departed(&desired.network.servers, &seen);
        let known = |name: &String| {
            departed.contains_key(name) || desired.network.servers.contains_key(name)
        };
        if let Some(unknown) = options.servers.keys().find(|name| !known(name)) {
            return Err(InitializerError::UnknownServer(unknown.clone()));
        }
        let mut notes = sources::check_changed(&desired, &seen, options.python.as_deref()).await?;
        if !options.only.is_empty() {
            notes.push(format!(
                "only {}: the other servers are left as they are",
                options.only.join(", ")
            ));
        }
        let mut retired = Vec::new();
        if options.retire {
            for (name, address) in &mut departed {
                *address = options.address_of(name, *address)?;
                retired.push(desired.retired(name, *address));
            }
            seen.extend(ask_all(&retired, &options).await?);
        } else {
            desired.set_departed(&departed);
        }
        let mut servers = desired.servers;
        servers.extend(retired);
        let plan = Plan {
            notes,
            ..Plan::new(&servers, &seen, departed)
        };
        let note = match options.only.as_slice() {
            [] => String::new(),
            only => format!("only {}", only.join(", ")),
        };
        let others = survey::ask_others(&desired.others, &options).await;
        let origin =
            origin::origin_after(seen.iter().map(|seen| &seen.status).chain(&others), &note);
        let mut planned = Self {
            options,
            origin,
            servers,
            seen,
            plan,
            files: desired.files,
            packed: BTreeMap::new(),
            paths: desired.paths,
        };
        planned.weigh().await?;
        Ok(planned)
    }

    /// Returns the plan.
    pub fn planned(&self) -> &Plan {
        &self.plan
    }

    /// Returns whether the services of servers that are no longer in the file are removed.
    pub fn retires(&self) -> bool {
        self.options.retire
    }

    /// Returns every source, module and data file that the plan was made from.
    pub fn paths(&self) -> &[PathBuf] {
        &self.paths
    }

    /// Applies the plan to every server that differs, or to none.
    ///
    /// # Errors
    /// Fails if the operating system returns no random bytes for the id of the apply.
    pub async fn apply(&self) -> std::io::Result<Applied> {
        apply::apply(self).await
    }

    /// Asks every server to replace its workers.
    ///
    /// # Errors
    /// [`InitializerError::Unreachable`] with the servers that failed, and why.
    pub async fn restart(&self) -> Result<(), InitializerError> {
        let restarts = self.plan.servers.iter().map(|server| async {
            let answer = async {
                let mut connection = Connection::open(server.address, &self.options).await?;
                connection
                    .request::<serde_json::Value>(&DeployRequest::Restart {})
                    .await
            };
            answer
                .await
                .err()
                .map(|error| Unreachable::new(&server.name, server.address, error))
        });
        let failed: Vec<_> = join_all(restarts).await.into_iter().flatten().collect();
        if failed.is_empty() {
            Ok(())
        } else {
            Err(InitializerError::Unreachable(failed))
        }
    }

    /// Asks each server which of its changed files it lacks, and packs these files. Counts the
    /// files and bytes to send in the plan.
    async fn weigh(&mut self) -> Result<(), InitializerError> {
        let asked = self.plan.servers.iter().map(|server| {
            let files: Vec<String> = server.new_files().map(str::to_owned).collect();
            async {
                if files.is_empty() {
                    return Ok(files);
                }
                let lacks = async {
                    let mut connection = Connection::open(server.address, &self.options).await?;
                    connection
                        .request::<LacksAnswer>(&DeployRequest::Lacks { files })
                        .await
                };
                let unreachable = |error| Unreachable::new(&server.name, server.address, error);
                lacks
                    .await
                    .map(|answer| answer.missing)
                    .map_err(unreachable)
            }
        });
        let lacking = all_or_unreachable(join_all(asked).await)?;
        for (server, missing) in self.plan.servers.iter_mut().zip(lacking) {
            for hash in missing {
                let Some(bytes) = self.files.get(&hash) else {
                    continue;
                };
                let packed = match self.packed.entry(hash) {
                    std::collections::btree_map::Entry::Occupied(packed) => packed.into_mut(),
                    std::collections::btree_map::Entry::Vacant(entry) => {
                        let failed =
                            |error: std::io::Error| InitializerError::Source(error.to_string());
                        entry.insert(Packed::pack(bytes, b"").map_err(failed)?)
                    }
                };
                server.load.files += 1;
                server.load.bytes += packed.zstd.len() as u64;
            }
        }
        Ok(())
    }
}

/// Returns the answers of all servers, or the servers that did not answer.
fn all_or_unreachable<T>(answers: Vec<Result<T, Unreachable>>) -> Result<Vec<T>, InitializerError> {
    let mut all = Vec::new();
    let mut failed = Vec::new();
    for answer in answers {
        match answer {
            Ok(answer) => all.push(answer),
            Err(error) => failed.push(error),
        }
    }
    if failed.is_empty() {
        Ok(all)
    } else {
        Err(InitializerError::Unreachable(failed))
    }
}

async fn join_all<F: Future>(futures: impl IntoIterator<Item = F>) -> Vec<F::Output> {
    futures_util::future::join_all(futures).await
}
