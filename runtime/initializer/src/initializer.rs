//! [`Initializer`]: a plan, and everything that is needed to execute it.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use deploy::message::{DeployRequest, LacksAnswer, Origin};
use deploy::packed::Packed;
use deploy::random_id;

use crate::connection::Connection;
use crate::desired::{Desired, DesiredServer};
use crate::error::{InitializerError, Unreachable};
use crate::join::{all_or_unreachable, join_all};
use crate::options::InitializerOptions;
use crate::plan::{Plan, find_departed};
use crate::survey::{LiveServer, ask_all};
use crate::{native, origin, sources, survey};

/// A plan, and everything that is needed to execute it.
#[derive(Debug)]
pub struct Initializer {
    pub(crate) options: InitializerOptions,
    pub(crate) origin: Origin,
    /// What every server should run.
    pub(crate) servers: Vec<DesiredServer>,
    /// What each of `servers` runs, in the same order.
    pub(crate) seen: Vec<LiveServer>,
    pub(crate) plan: Plan,
    /// The bytes of the files that the servers should run, by SHA-256.
    pub(crate) files: BTreeMap<String, Vec<u8>>,
    /// The packed files that at least one server lacks, by SHA-256.
    pub(crate) packed: BTreeMap<String, Packed>,
    /// Every file that the plan was made from.
    pub(crate) paths: Vec<PathBuf>,
}

/// Returns the id of a new `initializer watch`, for [`InitializerOptions::watch`].
///
/// # Errors
/// Fails if the operating system returns no random bytes.
pub fn watch_id() -> std::io::Result<String> {
    random_id()
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
        let services = &desired.document.schema.services;
        for (server, seen) in desired.servers.iter().zip(&seen) {
            notes.extend(native::note_unknown(services, server, &seen.status));
        }
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
        let origin = Origin {
            watch: options.watch.clone(),
            ..origin::origin_after(seen.iter().map(|seen| &seen.status).chain(&others), &note)
        };
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
        planned.measure_transfer().await?;
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

    /// Asks each server which of its changed files it lacks, and packs these files. Counts the
    /// files and bytes to send in the plan.
    pub(crate) async fn measure_transfer(&mut self) -> Result<(), InitializerError> {
        let asked = self.plan.servers.iter().map(|server| {
            let files: Vec<String> = server.new_files().map(str::to_owned).collect();
            async {
                if files.is_empty() {
                    return Ok(files);
                }
                let lacks = async {
                    let mut connection =
                        Connection::open(&server.name, server.address, &self.options).await?;
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
