//! The initializer: brings every server of an `init.yaml` to what the file says, in one
//! transaction.
//!
//! ```text
//! init.yaml + sources --Desired--+
//! a saved plan ------------------+--> ask all servers --Plan--> Coordinator over those that change --> Applied
//! what servers keep (rollback) --+
//! ```
//!
//! | module | has |
//! |---|---|
//! | `desired` | what every server should run, from the file |
//! | `survey` | what is live on the servers |
//! | `plan`, `sources`, `saved` | what differs, whether its sources are right, and a plan in a file |
//! | `apply` | carrying a plan out |
//! | `status`, `history` | what is live against the file; the applies that servers keep, and going back to one |

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

/// How an initializer reaches servers, and what it does with them.
#[derive(Debug, Clone)]
pub struct InitializerOptions {
    /// Where servers are reached, by name. Else `RPC_SERVER_<NAME>` says, else the file.
    pub servers: BTreeMap<String, SocketAddr>,
    /// What proves that it may deploy. Else each server's own key is looked for in `key_folder`.
    pub deploy_key: Option<Vec<u8>>,
    /// Where servers of this user on this machine keep copies of their own keys; see [`key_file`].
    pub key_folder: Option<PathBuf>,
    /// How long a server may take to answer.
    pub timeout: Duration,
    /// How long servers that are not there are waited for; `None` not at all.
    pub wait: Option<Duration>,
    /// The servers that are brought to the file; all where it is empty.
    pub only: Vec<String>,
    /// Whether servers that left the file are emptied.
    pub retire: bool,
    /// The Python that sources are checked with before they are sent; `None` leaves that to the
    /// servers.
    pub python: Option<PathBuf>,
    /// Who is told what happens meanwhile.
    pub progress: Progress,
}

/// All servers, each with two minutes to answer; sources are left to them.
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
    /// A saved plan that cannot be written or read.
    #[error("the plan {}: {what}", path.display())]
    SavedPlan {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        what: String,
    },
    /// Servers on which something else is live than what a saved plan was made for.
    #[error("{}", .0.join("\n"))]
    Moved(Vec<String>),
    /// What cannot be gone back to, and why.
    #[error("{0}")]
    Rollback(String),
}

impl InitializerOptions {
    fn address_of(
        &self,
        server: &str,
        declared: SocketAddr,
    ) -> Result<SocketAddr, InitializerError> {
        if let Some(said) = self.servers.get(server) {
            return Ok(*said);
        }
        let variable = rpc_schema::name::server_variable(server);
        match std::env::var(&variable) {
            Ok(text) if !text.is_empty() => text
                .parse()
                .map_err(|_| InitializerError::Address(variable, text)),
            _ => Ok(declared),
        }
    }

    fn is_meant(&self, server: &str) -> bool {
        self.only.is_empty() || self.only.iter().any(|name| name == server)
    }
}

fn list(servers: &[Unreachable]) -> String {
    servers
        .iter()
        .map(ToString::to_string)
        .collect::<Vec<_>>()
        .join("\n")
}

/// A plan, and what it takes to carry it out.
#[derive(Debug)]
pub struct Initializer {
    options: InitializerOptions,
    origin: Origin,
    /// What every server should run.
    servers: Vec<DesiredServer>,
    /// What each runs, in their order.
    seen: Vec<Seen>,
    plan: Plan,
    /// The bytes of files that may have to travel, by SHA-256.
    files: BTreeMap<String, Vec<u8>>,
    /// Those that some server lacks, packed.
    packed: BTreeMap<String, Packed>,
    /// Every file that the plan was made from.
    paths: Vec<PathBuf>,
}

impl Initializer {
    /// Reads and checks the file, hashes every source, asks every server what is live, and
    /// compares. Sources that differ are held against their signatures, as far as there is a Python
    /// to do it.
    ///
    /// # Errors
    /// An [`InitializerError`]; nothing has changed anywhere.
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
            desired.remember(&departed);
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
        let (files, paths, packed) = (desired.files, desired.paths, BTreeMap::new());
        let mut planned = Self {
            options,
            origin,
            servers,
            seen,
            plan,
            files,
            packed,
            paths,
        };
        planned.weigh().await?;
        Ok(planned)
    }

    /// What would change.
    pub fn planned(&self) -> &Plan {
        &self.plan
    }

    /// Whether servers that left the file are emptied.
    pub fn retires(&self) -> bool {
        self.options.retire
    }

    /// Every file that the plan was made from, for whoever watches them.
    pub fn paths(&self) -> &[PathBuf] {
        &self.paths
    }

    /// Brings every server that differs to the plan, or none.
    ///
    /// # Errors
    /// Where this machine gives no randomness for the apply's id.
    pub async fn apply(&self) -> std::io::Result<Applied> {
        apply::apply(self).await
    }

    /// Has every server replace its workers by fresh ones.
    ///
    /// # Errors
    /// The servers that did not, and why.
    pub async fn restart(&self) -> Result<(), InitializerError> {
        let restarts = self.plan.servers.iter().map(|server| async {
            let told = async {
                let mut connection = Connection::open(server.address, &self.options).await?;
                connection
                    .request::<serde_json::Value>(&DeployRequest::Restart {})
                    .await
            };
            told.await
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

    /// Asks each server which of the files that are new to it it lacks, and packs those.
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
                    std::collections::btree_map::Entry::Vacant(place) => {
                        let failed =
                            |error: std::io::Error| InitializerError::Source(error.to_string());
                        place.insert(Packed::pack(bytes, b"").map_err(failed)?)
                    }
                };
                server.load.files += 1;
                server.load.bytes += packed.zstd.len() as u64;
            }
        }
        Ok(())
    }
}

/// The answers of servers, where all have answered.
fn all_or_unreachable<T>(answers: Vec<Result<T, Unreachable>>) -> Result<Vec<T>, InitializerError> {
    let (mut all, mut failed) = (Vec::new(), Vec::new());
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
