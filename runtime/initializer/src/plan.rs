//! [`Plan`]: what differs between the file and what is live, and which callers break.

mod breaks;
mod service;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::net::SocketAddr;

use deploy::manifest::SharedFile;
use deploy::participant::Live;
use rpc_schema::breaking::Change;

use self::breaks::find_breaks;
use self::service::{changed_files, plan_service};
use super::desired::DesiredServer;
use super::survey::LiveServer;

/// What differs between the file and what is live.
#[derive(Debug)]
#[non_exhaustive]
pub struct Plan {
    /// Every server of the file, in the order of the file.
    pub servers: Vec<ServerPlan>,
    /// The addresses of the servers that were removed from the file, by name.
    pub departed: BTreeMap<String, SocketAddr>,
    /// The changes that break calls of clients, or their sources.
    pub breaks: Vec<Change>,
    /// Further notes, such as that the sources could not be checked here.
    pub notes: Vec<String>,
}

/// What changes on one server.
#[derive(Debug)]
#[non_exhaustive]
pub struct ServerPlan {
    /// The server's name.
    pub name: String,
    /// The server's address.
    pub address: SocketAddr,
    /// What is live on the server.
    pub live: Live,
    /// The longest message that the server accepts, in bytes.
    pub frame_limit: u64,
    /// Whether the plan changes the server.
    pub changes: bool,
    /// The server's services. The removed ones come last.
    pub services: Vec<ServiceChange>,
    /// Whether the network section differs.
    pub network_changes: bool,
    /// What the initializer sends to the server.
    pub load: Load,
}

/// What the initializer sends to a server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Load {
    /// Number of files that the server lacks.
    pub files: usize,
    /// Number of bytes of these files, packed.
    pub bytes: u64,
}

/// What changes in one service.
#[derive(Debug)]
#[non_exhaustive]
pub struct ServiceChange {
    /// The service's name.
    pub name: String,
    /// How the service changes as a whole.
    pub mark: Mark,
    /// The service's procedures.
    pub rpcs: Vec<RpcChange>,
    /// What changes beside the procedures.
    pub aspects: Vec<AspectChange>,
    /// The files that change.
    pub files: Vec<FileChange>,
    /// Whether the service has grants, before or after the plan.
    pub has_grants: bool,
}

/// A change of a service beside its procedures.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct AspectChange {
    /// Whether it is added, changed or removed.
    pub mark: Mark,
    /// What changes.
    pub aspect: Aspect,
}

/// A property of a service beside its procedures.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Aspect {
    /// A client that may call the service.
    Tenant(String),
    /// A thing that the code may use, in words.
    Grant(String),
    /// A module that its sources share: the path.
    Module(String),
    /// A data file: the path.
    Data(String),
    /// The maximum number of concurrent calls.
    Concurrency,
    /// The files that are damaged on the server and are sent again.
    DamagedFiles,
}

/// Displays the change as in a plan: `+ tenant client1`.
impl fmt::Display for AspectChange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.mark, self.aspect)
    }
}

impl fmt::Display for Aspect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tenant(name) => write!(f, "tenant {name}"),
            Self::Grant(grant) => write!(f, "grant {grant}"),
            Self::Module(path) => write!(f, "module {path}"),
            Self::Data(path) => write!(f, "data {path}"),
            Self::Concurrency => f.write_str("concurrency"),
            Self::DamagedFiles => f.write_str("damaged files on the server"),
        }
    }
}

/// A file that changes.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct FileChange {
    /// The path, relative to `init.yaml`.
    pub path: String,
    /// The SHA-256 of the old content; `None` if the file is new.
    pub before: Option<String>,
    /// The SHA-256 of the new content; `None` if the file is removed.
    pub after: Option<String>,
}

/// What changes in one procedure.
#[derive(Debug)]
#[non_exhaustive]
pub struct RpcChange {
    /// The procedure's key, such as `svc1.rpc1(int)`.
    pub key: String,
    /// How the procedure changes.
    pub mark: Mark,
    /// What differs, in words; empty if nothing differs.
    pub what: String,
}

/// How something changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mark {
    /// It is added.
    New,
    /// It is changed.
    Changed,
    /// It is removed.
    Removed,
    /// It is not changed.
    Unchanged,
}

impl Plan {
    /// Compares what servers should run with what is live on them. `seen` has the answers of
    /// `servers`, in the same order.
    pub fn new(
        servers: &[DesiredServer],
        seen: &[LiveServer],
        departed: BTreeMap<String, SocketAddr>,
    ) -> Self {
        let plans: Vec<ServerPlan> = servers
            .iter()
            .zip(seen)
            .map(|(server, seen)| plan_server(server, seen))
            .collect();
        let changes = plans.iter().any(|plan| plan.changes);
        let breaks = if changes {
            find_breaks(servers, seen)
        } else {
            Vec::new()
        };
        Self {
            servers: plans,
            departed,
            breaks,
            notes: Vec::new(),
        }
    }

    /// Returns whether every server runs what the file says.
    pub fn is_empty(&self) -> bool {
        self.servers.iter().all(|server| !server.changes)
    }

    /// Returns the number of procedures with this mark.
    pub fn count(&self, mark: Mark) -> usize {
        let rpcs = self
            .servers
            .iter()
            .flat_map(|server| &server.services)
            .flat_map(|service| &service.rpcs);
        rpcs.filter(|rpc| rpc.mark == mark).count()
    }

    /// Returns the modules and data files that change, in the order of their paths.
    pub fn shared_files(&self) -> Vec<SharedFile> {
        let mut by_path: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
        for service in self.servers.iter().flat_map(|server| &server.services) {
            for change in &service.aspects {
                if let Aspect::Module(path) | Aspect::Data(path) = &change.aspect {
                    by_path.entry(path).or_default().insert(&service.name);
                }
            }
        }
        let shared = by_path.into_iter().map(|(path, services)| SharedFile {
            path: path.to_owned(),
            services: services.into_iter().map(str::to_owned).collect(),
        });
        shared.collect()
    }
}

impl ServerPlan {
    /// Returns whether the server gains services.
    pub fn gains(&self) -> bool {
        self.services
            .iter()
            .any(|service| service.mark == Mark::New)
    }

    /// Returns the hashes of the files that change. If files of the server are damaged, returns the
    /// hashes of all its files.
    pub(super) fn new_files(&self) -> impl Iterator<Item = &str> {
        let hashes = self
            .services
            .iter()
            .flat_map(|service| &service.files)
            .filter_map(|file| file.after.as_deref());
        hashes.collect::<BTreeSet<_>>().into_iter()
    }
}

impl fmt::Display for Mark {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::New => "+",
            Self::Changed => "~",
            Self::Removed => "-",
            Self::Unchanged => "=",
        })
    }
}

pub(super) fn plan_server(server: &DesiredServer, seen: &LiveServer) -> ServerPlan {
    let status = &seen.status;
    let empty = BTreeMap::new();
    let running = seen.running(server);
    let old = running.map_or(&empty, |manifest| &manifest.services);
    let new = &server.manifest.services;
    let mut services: Vec<_> = new
        .iter()
        .map(|(name, service)| plan_service(name, old.get(name), Some(service)))
        .collect();
    for service in services
        .iter_mut()
        .filter(|service| status.damaged.contains(&service.name))
    {
        service.mark = Mark::Changed;
        service.aspects.push(AspectChange {
            mark: Mark::Changed,
            aspect: Aspect::DamagedFiles,
        });
        let all = new
            .get(&service.name)
            .into_iter()
            .flat_map(|entry| changed_files(None, Some(entry)));
        service.files = all.collect();
    }
    let gone = old.iter().filter(|(name, _)| !new.contains_key(*name));
    services.extend(gone.map(|(name, service)| plan_service(name, Some(service), None)));
    let network_changes =
        running.is_some_and(|manifest| manifest.network != server.manifest.network);
    ServerPlan {
        name: server.name.clone(),
        address: server.address,
        live: status.live.clone(),
        frame_limit: status.frame_limit,
        changes: status.live.content != server.content || !status.damaged.is_empty(),
        services,
        network_changes,
        load: Load::default(),
    }
}

/// Returns the servers that were removed from the file, with their last addresses. The live
/// manifests still have them.
pub(super) fn find_departed(
    declared: &BTreeMap<String, SocketAddr>,
    seen: &[LiveServer],
) -> BTreeMap<String, SocketAddr> {
    let networks = seen.iter().filter_map(|seen| seen.status.network.as_ref());
    let known = networks.flat_map(|network| network.departed.iter().chain(&network.servers));
    known
        .filter(|(name, _)| !declared.contains_key(*name))
        .map(|(name, address)| (name.clone(), *address))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use deploy::manifest::{Manifest, ServiceEntry, sample};
    use deploy::message::StatusAnswer;

    fn plan(new: &Manifest, old: Option<&Manifest>) -> Plan {
        let address = SocketAddr::from(([127, 0, 0, 1], 1));
        let desired = DesiredServer::new("server1", address, new.clone());
        let live = Live {
            generation: 1,
            content: old.map(Manifest::content_hash).unwrap_or_default(),
        };
        let status: StatusAnswer = serde_json::from_value(serde_json::json!({
            "version": "", "live": live, "frame-limit": 0,
        }))
        .expect("a status");
        Plan::new(
            &[desired],
            &[LiveServer {
                status,
                manifest: old.cloned(),
            }],
            BTreeMap::new(),
        )
    }

    #[test]
    fn what_a_service_gains_and_loses_is_named_and_so_are_its_files() {
        let mut new = sample('b');
        let service = new.services.get_mut("svc1").expect("the sample's service");
        service.grants.connect = vec![5432];
        service.tenants.clear();
        let plan = plan(&new, Some(&sample('a')));
        let change = &plan.servers[0].services[0];
        let aspects: Vec<String> = change.aspects.iter().map(ToString::to_string).collect();
        assert_eq!(aspects, ["- tenant client1", "+ grant connect 5432"]);
        let (path, hash) = ("services/svc1/rpc1.py".to_owned(), |digit: &str| {
            Some(digit.repeat(64))
        });
        assert_eq!(
            change.files,
            [FileChange {
                path,
                before: hash("a"),
                after: hash("b")
            }]
        );
        assert_eq!(
            plan.servers[0].new_files().collect::<Vec<_>>(),
            ["b".repeat(64)]
        );
    }

    #[test]
    fn the_same_content_is_an_empty_plan() {
        let plan = plan(
            &sample('a'),
            Some(&Manifest {
                apply: "other".to_owned(),
                ..sample('a')
            }),
        );
        assert!(plan.is_empty() && plan.breaks.is_empty());
        assert_eq!(plan.count(Mark::Unchanged), 1);
    }

    #[test]
    fn changed_code_is_shown_by_its_hashes_and_breaks_nobody() {
        let plan = plan(&sample('b'), Some(&sample('a')));
        assert!(!plan.is_empty() && !plan.servers[0].gains() && plan.breaks.is_empty());
        assert_eq!(
            plan.servers[0].services[0].rpcs[0].what,
            "code aaaaaaaa -> bbbbbbbb"
        );
    }

    #[test]
    fn what_a_client_loses_is_named() {
        let check = |spoil: fn(&mut ServiceEntry), expected: &str| {
            let mut new = sample('a');
            spoil(new.services.get_mut("svc1").expect("the sample's service"));
            let plan = plan(&new, Some(&sample('a')));
            let breaks: Vec<_> = plan.breaks.iter().map(ToString::to_string).collect();
            assert_eq!(breaks, [expected]);
        };
        check(
            |service| service.tenants.clear(),
            "`client1` can no longer call `svc1`: it is no longer a tenant",
        );
        check(
            |service| service.rpcs.clear(),
            "`client1` can no longer call `svc1.rpc1(int)`: the procedure is gone",
        );
        check(
            |service| service.rpcs[0].returns = vec!["int".to_owned()],
            "`client1` can no longer call `svc1.rpc1(int)`: it now returns (int)",
        );
        let gone = plan(&sample('a').emptied(), Some(&sample('a')));
        assert_eq!(gone.breaks[0].why, "the service is gone");
        assert_eq!(gone.servers[0].services[0].mark, Mark::Removed);
    }
}
