//! Who breaks by a change: what one file promises its clients, held against what another one does.
//!
//! A [`Contract`] is what the stubs of a file rely on. It can be had from a file ([`Contract::of`])
//! or be put together from what servers run, so that a plan and a comparison of files judge alike.

mod rust;

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::net::{IpAddr, SocketAddr};

use crate::model::{Schema, Service};
use crate::signature::{Key, Signature};
use crate::types::{Difference, Quoted, TypeList, first_difference};

/// What the stubs of a file rely on.
#[derive(Debug, Clone, Default)]
pub struct Contract {
    /// Where each server listens.
    pub servers: BTreeMap<String, SocketAddr>,
    /// Where each client calls from.
    pub clients: BTreeMap<String, IpAddr>,
    /// What is provided.
    pub services: BTreeMap<String, ServiceContract>,
}

/// What the stubs of one service rely on.
#[derive(Debug, Clone, Default)]
pub struct ServiceContract {
    /// The server that runs it.
    pub provider: String,
    /// Who may call it.
    pub tenants: Vec<String>,
    /// Its procedures.
    pub signatures: Vec<Signature>,
}

/// Something that is otherwise for a client than before.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Change {
    /// The client.
    pub client: String,
    /// What it takes from the client, or gives.
    pub effect: Effect,
    /// The service.
    pub service: String,
    /// The procedure's name, where it is about one.
    pub rpc: Option<String>,
    /// What it is about, as it is called by: the service, a procedure's key, or its name for all
    /// its overloads.
    pub what: String,
    /// What has changed, in words.
    pub why: String,
}

/// What a change does to a client with stubs of before.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Effect {
    /// Calls that went through are refused, or go astray.
    Wire,
    /// Calls go through, but Rust sources no longer compile with new stubs.
    Source,
    /// There is more than before.
    New,
}

impl Effect {
    /// The word for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Wire => "wire",
            Self::Source => "source",
            Self::New => "new",
        }
    }

    /// Whether a client has to do something about it.
    pub fn is_breaking(self) -> bool {
        self != Self::New
    }
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            client, what, why, ..
        } = self;
        match self.effect {
            Effect::Wire => write!(f, "`{client}` can no longer call `{what}`: {why}"),
            Effect::Source => write!(
                f,
                "`{client}` may have to call `{what}` otherwise in Rust: {why}"
            ),
            Effect::New => write!(f, "`{client}` may call `{what}`: {why}"),
        }
    }
}

impl Contract {
    /// What a file promises.
    pub fn of(schema: &Schema) -> Self {
        let network = &schema.network;
        Self {
            servers: network
                .servers
                .iter()
                .map(|server| (server.name.to_string(), server.address))
                .collect(),
            clients: network
                .clients
                .iter()
                .map(|client| (client.name.to_string(), client.ip))
                .collect(),
            services: schema
                .services
                .iter()
                .map(|service| (service.name.to_string(), ServiceContract::of(service)))
                .collect(),
        }
    }
}

impl ServiceContract {
    fn of(service: &Service) -> Self {
        Self {
            provider: service.provider.to_string(),
            tenants: service.tenants.iter().map(ToString::to_string).collect(),
            signatures: service
                .rpcs
                .iter()
                .map(|rpc| service.signature(rpc))
                .collect(),
        }
    }

    fn has_tenant(&self, client: &str) -> bool {
        self.tenants.iter().any(|tenant| tenant == client)
    }
}

/// What is otherwise for whom, by client, what breaks first.
pub fn compare(old: &Contract, new: &Contract) -> Vec<Change> {
    let mut changes = Vec::new();
    for (name, before) in &old.services {
        let now = new.services.get(name);
        let inside = now
            .map(|now| changes_inside(name, before, now))
            .unwrap_or_default();
        for client in &before.tenants {
            let about = |why| Change::about(client, Effect::Wire, name, why);
            match now {
                None => changes.push(about("the service is gone".to_owned())),
                Some(now) if !now.has_tenant(client) => {
                    changes.push(about("it is no tenant any more".to_owned()));
                }
                Some(now) => {
                    let ways = [
                        way_to_server(old, new, before, now),
                        way_of_client(old, new, client),
                    ];
                    changes.extend(ways.into_iter().flatten().map(about));
                    changes.extend(inside.iter().map(|change| Change {
                        client: client.clone(),
                        ..change.clone()
                    }));
                }
            }
        }
    }
    changes.extend(new_tenancies(old, new));
    changes.sort();
    changes
}

fn new_tenancies(old: &Contract, new: &Contract) -> Vec<Change> {
    let mut changes = Vec::new();
    for (name, service) in &new.services {
        let before = old.services.get(name);
        let is_new = |client: &&String| !before.is_some_and(|before| before.has_tenant(client));
        let why = if before.is_some() {
            "it is a tenant now"
        } else {
            "the service is new"
        };
        let tenants = service.tenants.iter().filter(is_new);
        changes
            .extend(tenants.map(|client| Change::about(client, Effect::New, name, why.to_owned())));
    }
    changes
}

impl Change {
    /// A change of a service as a whole.
    fn about(client: &str, effect: Effect, service: &str, why: String) -> Self {
        let (client, what) = (client.to_owned(), service.to_owned());
        Self {
            client,
            effect,
            service: service.to_owned(),
            rpc: None,
            what,
            why,
        }
    }
}

/// Why a stub of before does not find the service's server.
fn way_to_server(
    old: &Contract,
    new: &Contract,
    before: &ServiceContract,
    now: &ServiceContract,
) -> Option<String> {
    let provider = &before.provider;
    if *provider != now.provider {
        return Some("the service moved to another server".to_owned());
    }
    let (was, is) = (old.servers.get(provider)?, new.servers.get(provider)?);
    (was != is).then(|| format!("`{provider}` listens on {is} instead of {was}"))
}

/// Why a server does not know a client with stubs of before.
fn way_of_client(old: &Contract, new: &Contract, client: &str) -> Option<String> {
    let (was, is) = (old.clients.get(client)?, new.clients.get(client)?);
    (was != is).then(|| format!("it is known by the address {is} instead of {was}"))
}

/// What is otherwise for everybody who was a tenant and is one; the client is still to be filled
/// in.
fn changes_inside(service: &str, old: &ServiceContract, new: &ServiceContract) -> Vec<Change> {
    let (before, now) = (by_name(&old.signatures), by_name(&new.signatures));
    let none = Vec::new();
    let lost = before
        .iter()
        .flat_map(|(name, old)| lost_calls(service, old, now.get(name).unwrap_or(&none)));
    let added = now
        .iter()
        .flat_map(|(name, new)| new_calls(service, before.get(name).unwrap_or(&none), new));
    lost.chain(added).collect()
}

/// What calls of a name's overloads lose.
fn lost_calls(service: &str, old: &[&Signature], new: &[&Signature]) -> Vec<Change> {
    let now = by_key(new);
    let why =
        |signature: &&Signature| lost(signature, now.get(&signature.key()).copied(), old, new);
    let mut changes: Vec<Change> = old
        .iter()
        .filter_map(|signature| Some(about(Effect::Wire, service, signature, why(signature)?)))
        .collect();
    if let (Some(first), Some(why)) = (old.first(), rust::judge(old, new)) {
        let change = about(Effect::Source, service, first, why);
        changes.push(Change {
            what: format!("{service}.{}", first.rpc),
            ..change
        });
    }
    changes
}

fn new_calls(service: &str, old: &[&Signature], new: &[&Signature]) -> Vec<Change> {
    let before = by_key(old);
    let why = if old.is_empty() {
        "the procedure is new"
    } else {
        "the overload is new"
    };
    let added = new
        .iter()
        .filter(|signature| !before.contains_key(&signature.key()));
    added
        .map(|signature| about(Effect::New, service, signature, why.to_owned()))
        .collect()
}

fn about(effect: Effect, service: &str, signature: &Signature, why: String) -> Change {
    let change = Change::about("", effect, service, why);
    Change {
        rpc: Some(signature.rpc.clone()),
        what: signature.key().to_string(),
        ..change
    }
}

/// The overloads of each name.
fn by_name(signatures: &[Signature]) -> BTreeMap<&str, Vec<&Signature>> {
    let mut named: BTreeMap<&str, Vec<&Signature>> = BTreeMap::new();
    for signature in signatures {
        named.entry(&signature.rpc).or_default().push(signature);
    }
    named
}

/// Overloads by their key.
fn by_key<'s>(overloads: &[&'s Signature]) -> HashMap<Key, &'s Signature> {
    overloads
        .iter()
        .map(|overload| (overload.key(), *overload))
        .collect()
}

/// Why calls of a signature do not go through any more; `same` has its key.
fn lost(
    signature: &Signature,
    same: Option<&Signature>,
    old: &[&Signature],
    new: &[&Signature],
) -> Option<String> {
    match (same, old, new) {
        (Some(same), ..) => difference(signature, same),
        (None, _, []) => Some("the procedure is gone".to_owned()),
        (None, [_], [now]) => Some(format!("it takes ({}) now", TypeList(&now.arguments))),
        _ => Some("the overload is gone".to_owned()),
    }
}

/// In what two signatures of one key differ, in words.
fn difference(old: &Signature, new: &Signature) -> Option<String> {
    if let Some((_, difference)) = first_difference(&old.arguments, &new.arguments) {
        return Some(became(&difference));
    }
    if old.returns == new.returns {
        return None;
    }
    let (before, now) = (
        TypeList(&old.returns).to_string(),
        TypeList(&new.returns).to_string(),
    );
    if before != now {
        return Some(format!("it returns ({now}) now"));
    }
    first_difference(&old.returns, &new.returns).map(|(_, difference)| became(&difference))
}

fn became(difference: &Difference) -> String {
    let Difference { what, ours, theirs } = difference;
    match (ours, theirs) {
        (None, Some(_)) => format!("{what} was added"),
        (Some(_), None) => format!("{what} was removed"),
        (ours, theirs) => {
            format!(
                "{what} was {} and is {}",
                Quoted(ours.as_deref()),
                Quoted(theirs.as_deref())
            )
        }
    }
}
