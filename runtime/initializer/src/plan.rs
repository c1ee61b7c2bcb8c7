//! [`Plan`]: what differs between the file and what is live, and who breaks by it.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::net::SocketAddr;

use rpc_schema::breaking::{Change, Contract, ServiceContract, compare};

use super::desired::DesiredServer;
use super::survey::Seen;
use deploy::manifest::{GrantsEntry, Manifest, RpcEntry, ServiceEntry, printed_type};
use deploy::participant::Live;

/// What differs between the file and what is live.
#[derive(Debug)]
pub struct Plan {
    /// Every server of the file, in its order.
    pub servers: Vec<ServerPlan>,
    /// Servers that what is live still knows and the file does not, and where they are reached.
    pub departed: BTreeMap<String, SocketAddr>,
    /// Clients that cannot call what they could call before, or have to call it otherwise.
    pub breaks: Vec<Change>,
    /// What else is to be known, such as that sources could not be checked here.
    pub notes: Vec<String>,
}

/// What changes on one server.
#[derive(Debug)]
pub struct ServerPlan {
    /// Its name.
    pub name: String,
    /// Where it is reached.
    pub address: SocketAddr,
    /// What is live there.
    pub live: Live,
    /// The longest message it takes, in bytes.
    pub frame_limit: u64,
    /// Whether anything at all differs.
    pub changes: bool,
    /// Its services, those that leave last.
    pub services: Vec<ServiceChange>,
    /// Whether the network section differs.
    pub network_changes: bool,
    /// What has to be sent to it.
    pub load: Load,
}

/// What has to be sent to a server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Load {
    /// Files that it lacks.
    pub files: usize,
    /// Bytes of them as they are sent.
    pub bytes: u64,
}

/// What changes in one service.
#[derive(Debug)]
pub struct ServiceChange {
    /// Its name.
    pub name: String,
    /// How it changes as a whole.
    pub mark: Mark,
    /// Its procedures.
    pub rpcs: Vec<RpcChange>,
    /// What changes beside them: tenants, modules, data, grants.
    pub notes: Vec<String>,
    /// The files that change.
    pub files: Vec<FileChange>,
    /// Whether it has grants, before or after.
    pub has_grants: bool,
}

/// A file that changes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileChange {
    /// Where it lies, relative to `init.yaml`.
    pub path: String,
    /// SHA-256 of what it was; `None` where it is new.
    pub before: Option<String>,
    /// SHA-256 of what it becomes; `None` where it goes.
    pub after: Option<String>,
}

/// What changes in one procedure.
#[derive(Debug)]
pub struct RpcChange {
    /// Its key.
    pub key: String,
    /// How it changes.
    pub mark: Mark,
    /// What differs, in words; empty where nothing does.
    pub what: String,
}

/// How something changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mark {
    /// It comes.
    New,
    /// It stays and differs.
    Changed,
    /// It goes.
    Removed,
    /// It stays as it is.
    Unchanged,
}

impl Plan {
    /// Compares; `seen` has the answers of `servers`, in their order.
    pub fn new(
        servers: &[DesiredServer],
        seen: &[Seen],
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

    /// Whether every server is as the file says.
    pub fn is_empty(&self) -> bool {
        self.servers.iter().all(|server| !server.changes)
    }

    /// How many procedures have this mark.
    pub fn count(&self, mark: Mark) -> usize {
        let rpcs = self
            .servers
            .iter()
            .flat_map(|server| &server.services)
            .flat_map(|service| &service.rpcs);
        rpcs.filter(|rpc| rpc.mark == mark).count()
    }
}

impl ServerPlan {
    /// Whether it has services it had not before.
    pub fn gains(&self) -> bool {
        self.services
            .iter()
            .any(|service| service.mark == Mark::New)
    }

    /// The hash of every file that is not among those it runs; where files of it are damaged, of
    /// every one.
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

pub(super) fn plan_server(server: &DesiredServer, seen: &Seen) -> ServerPlan {
    let (empty, status) = (BTreeMap::new(), &seen.status);
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
        service
            .notes
            .push("~ damaged files on the server".to_owned());
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

fn plan_service(
    name: &str,
    old: Option<&ServiceEntry>,
    new: Option<&ServiceEntry>,
) -> ServiceChange {
    let by_key = |service: Option<&ServiceEntry>| -> BTreeMap<String, RpcEntry> {
        let rpcs = service
            .map(|service| service.rpcs.as_slice())
            .unwrap_or_default();
        rpcs.iter()
            .map(|rpc| (rpc.key_text(name), rpc.clone()))
            .collect()
    };
    let (old_rpcs, new_rpcs) = (by_key(old), by_key(new));
    let keys: BTreeSet<_> = old_rpcs.keys().chain(new_rpcs.keys()).collect();
    let rpcs = keys
        .into_iter()
        .map(|key| plan_rpc(key, old_rpcs.get(key), new_rpcs.get(key)))
        .collect();
    let notes = match (old, new) {
        (Some(old), Some(new)) => compare_service(old, new),
        _ => Vec::new(),
    };
    let mark = match (old, new) {
        (None, _) => Mark::New,
        (_, None) => Mark::Removed,
        (Some(old), Some(new)) if old == new => Mark::Unchanged,
        _ => Mark::Changed,
    };
    let granted = |service: &ServiceEntry| service.grants != GrantsEntry::default();
    let has_grants = [old, new].into_iter().flatten().any(granted);
    ServiceChange {
        name: name.to_owned(),
        mark,
        rpcs,
        notes,
        files: changed_files(old, new),
        has_grants,
    }
}

fn changed_files(old: Option<&ServiceEntry>, new: Option<&ServiceEntry>) -> Vec<FileChange> {
    if old == new {
        return Vec::new();
    }
    let by_path = |service: Option<&ServiceEntry>| -> BTreeMap<String, String> {
        let files = service.into_iter().flat_map(ServiceEntry::files);
        files
            .map(|file| (file.path.clone(), file.sha256.clone()))
            .collect()
    };
    let (old, new) = (by_path(old), by_path(new));
    let paths: BTreeSet<_> = old.keys().chain(new.keys()).collect();
    let change = |path: &String| FileChange {
        path: path.clone(),
        before: old.get(path).cloned(),
        after: new.get(path).cloned(),
    };
    paths
        .into_iter()
        .map(change)
        .filter(|change| change.before != change.after)
        .collect()
}

fn plan_rpc(key: &str, old: Option<&RpcEntry>, new: Option<&RpcEntry>) -> RpcChange {
    let (mark, what) = match (old, new) {
        (None, Some(new)) => (Mark::New, short_hash(new)),
        (Some(old), Some(new)) if old != new => (Mark::Changed, compare_rpc(old, new).join(", ")),
        (Some(_), Some(_)) => (Mark::Unchanged, String::new()),
        (_, None) => (Mark::Removed, String::new()),
    };
    RpcChange {
        key: key.to_owned(),
        mark,
        what,
    }
}

fn short_hash(rpc: &RpcEntry) -> String {
    rpc.source.as_ref().map_or_else(
        || "native".to_owned(),
        |source| source.sha256[..8].to_owned(),
    )
}

fn compare_rpc(old: &RpcEntry, new: &RpcEntry) -> Vec<String> {
    let mut what = Vec::new();
    let (before, after) = (short_hash(old), short_hash(new));
    if before != after {
        what.push(format!("code {before} -> {after}"));
    } else if old.source != new.source {
        what.push("code moved to another path".to_owned());
    }
    if old.returns != new.returns {
        what.push(compare_returns(&old.returns, &new.returns));
    }
    let types = |rpc: &RpcEntry| {
        rpc.parameters
            .iter()
            .map(|one| one.type_text.clone())
            .collect::<Vec<_>>()
    };
    if types(old) != types(new) {
        what.push("what an argument's type holds".to_owned());
    } else if old.parameters != new.parameters {
        what.push("argument names".to_owned());
    }
    if old.deadline_ms != new.deadline_ms {
        what.push("deadline".to_owned());
    }
    if old.idempotent != new.idempotent {
        what.push("idempotent".to_owned());
    }
    what
}

fn compare_returns(old: &[String], new: &[String]) -> String {
    let printed = |types: &[String]| {
        types
            .iter()
            .map(|ty| printed_type(ty))
            .collect::<Vec<_>>()
            .join(", ")
    };
    let (old, new) = (printed(old), printed(new));
    if old == new {
        "what a returned type holds".to_owned()
    } else {
        format!("returns ({old}) -> ({new})")
    }
}

fn compare_service(old: &ServiceEntry, new: &ServiceEntry) -> Vec<String> {
    let mut notes = Vec::new();
    for tenant in new
        .tenants
        .iter()
        .filter(|tenant| !old.tenants.contains(tenant))
    {
        notes.push(format!("+ tenant {tenant}"));
    }
    for tenant in old
        .tenants
        .iter()
        .filter(|tenant| !new.tenants.contains(tenant))
    {
        notes.push(format!("- tenant {tenant}"));
    }
    notes.extend(compare_grants(&old.grants, &new.grants));
    let differs = [
        (old.modules != new.modules, "modules"),
        (old.data != new.data, "data"),
        (old.concurrency != new.concurrency, "concurrency"),
    ];
    notes.extend(
        differs
            .iter()
            .filter(|(differs, _)| *differs)
            .map(|(_, what)| format!("~ {what}")),
    );
    notes
}

/// The grants that a service gains and loses.
fn compare_grants(old: &GrantsEntry, new: &GrantsEntry) -> Vec<String> {
    let told = |grants: &GrantsEntry| -> BTreeSet<String> {
        let ports = grants.connect.iter().map(|port| format!("connect {port}"));
        let paths = grants.read.iter().map(|path| format!("read {path}"));
        let written = grants.write.iter().map(|path| format!("write {path}"));
        let variables = grants.env.iter().map(|name| format!("env {name}"));
        let memory = grants
            .memory
            .iter()
            .map(|bytes| format!("memory {bytes} bytes"));
        ports
            .chain(paths)
            .chain(written)
            .chain(variables)
            .chain(memory)
            .collect()
    };
    let (old, new) = (told(old), told(new));
    let gained = new.difference(&old).map(|grant| format!("+ grant {grant}"));
    gained
        .chain(old.difference(&new).map(|grant| format!("- grant {grant}")))
        .collect()
}

/// Servers that what is live knows, and the file does not, with the addresses they had.
pub(super) fn find_departed(
    declared: &BTreeMap<String, SocketAddr>,
    seen: &[Seen],
) -> BTreeMap<String, SocketAddr> {
    let networks = seen.iter().filter_map(|seen| seen.status.network.as_ref());
    let known = networks.flat_map(|network| network.departed.iter().chain(&network.servers));
    known
        .filter(|(name, _)| !declared.contains_key(*name))
        .map(|(name, address)| (name.clone(), *address))
        .collect()
}

/// What clients with stubs of the old file cannot call any more, or have to call otherwise.
fn find_breaks(servers: &[DesiredServer], seen: &[Seen]) -> Vec<Change> {
    let old: Vec<&Manifest> = servers
        .iter()
        .zip(seen)
        .filter_map(|(server, seen)| seen.running(server))
        .collect();
    let new: Vec<&Manifest> = servers.iter().map(|server| &server.manifest).collect();
    let changes = compare(&contract(&old), &contract(&new));
    changes
        .into_iter()
        .filter(|change| change.effect.is_breaking())
        .collect()
}

/// What a network's manifests promise together.
fn contract(manifests: &[&Manifest]) -> Contract {
    let mut contract = Contract::default();
    for manifest in manifests {
        contract.servers.extend(manifest.network.servers.clone());
        contract.clients.extend(manifest.network.clients.clone());
        for (name, service) in &manifest.services {
            contract.services.insert(
                name.clone(),
                service_contract(&manifest.server, name, service),
            );
        }
    }
    contract
}

fn service_contract(provider: &str, name: &str, service: &ServiceEntry) -> ServiceContract {
    ServiceContract {
        provider: provider.to_owned(),
        tenants: service.tenants.clone(),
        // One that does not read never passed a check.
        signatures: service
            .rpcs
            .iter()
            .filter_map(|rpc| rpc.signature(name).ok())
            .collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use deploy::manifest::sample;
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
            &[Seen {
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
        assert_eq!(change.notes, ["- tenant client1", "+ grant connect 5432"]);
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
            "`client1` can no longer call `svc1`: it is no tenant any more",
        );
        check(
            |service| service.rpcs.clear(),
            "`client1` can no longer call `svc1.rpc1(int)`: the procedure is gone",
        );
        check(
            |service| service.rpcs[0].returns = vec!["int".to_owned()],
            "`client1` can no longer call `svc1.rpc1(int)`: it returns (int) now",
        );
        let gone = plan(&sample('a').emptied(), Some(&sample('a')));
        assert_eq!(gone.breaks[0].why, "the service is gone");
        assert_eq!(gone.servers[0].services[0].mark, Mark::Removed);
    }
}
