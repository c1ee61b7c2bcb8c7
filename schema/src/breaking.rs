//! Which clients a change breaks: compares what one file promises its clients with what another
//! file promises.
//!
//! A [`Contract`] is what the stubs of a file rely on. It can be created from a file
//! ([`Contract::of`]), or from what servers run at the moment. So a plan and a comparison of two
//! files come to the same result.

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
    /// The address on which each server listens.
    pub servers: BTreeMap<String, SocketAddr>,
    /// The address from which each client calls; `None` for a client that only a certificate
    /// identifies.
    pub clients: BTreeMap<String, Option<IpAddr>>,
    /// The services, by name.
    pub services: BTreeMap<String, ServiceContract>,
}

/// What the stubs of one service rely on.
#[derive(Debug, Clone, Default)]
pub struct ServiceContract {
    /// The server that runs it.
    pub provider: String,
    /// The clients that may call it.
    pub tenants: Vec<String>,
    /// Its procedures.
    pub signatures: Vec<Signature>,
}

/// A difference between two contracts, for one client.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Change {
    /// The client.
    pub client: String,
    /// What the change means for the client.
    pub effect: Effect,
    /// The service.
    pub service: String,
    /// The procedure's name, if the change is about one name.
    pub rpc: Option<String>,
    /// The subject of the change: the service, the key of an overload, or the name of a procedure
    /// with all its overloads.
    pub what: String,
    /// What has changed, in words.
    pub why: String,
}

/// What a change means for a client that has the stubs of the old file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Effect {
    /// Calls that worked are refused, or go to the wrong server.
    Wire,
    /// Calls still work, but Rust sources may not compile with the new stubs.
    Source,
    /// The client may make calls that were not possible before.
    New,
}

impl Effect {
    /// Returns the word for the effect.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Wire => "wire",
            Self::Source => "source",
            Self::New => "new",
        }
    }

    /// Returns whether the client must be changed.
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
                "`{client}` may have to change its calls of `{what}` in Rust: {why}"
            ),
            Effect::New => write!(f, "`{client}` may call `{what}`: {why}"),
        }
    }
}

impl Contract {
    /// Returns what a file promises its clients.
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

/// Returns all changes, sorted by client and effect: changes that break a client come first.
pub fn compare(old: &Contract, new: &Contract) -> Vec<Change> {
    let mut changes = Vec::new();
    for (name, before) in &old.services {
        let now = new.services.get(name);
        let inside = now
            .map(|now| changes_inside(name, before, now))
            .unwrap_or_default();
        for client in &before.tenants {
            let about = |why| Change::of_service(client, Effect::Wire, name, why);
            match now {
                None => changes.push(about("the service is gone".to_owned())),
                Some(now) if !now.has_tenant(client) => {
                    changes.push(about("it is no longer a tenant".to_owned()));
                }
                Some(now) => {
                    let moves = [
                        server_move(old, new, before, now),
                        client_move(old, new, client),
                    ];
                    changes.extend(moves.into_iter().flatten().map(about));
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
            "it is now a tenant"
        } else {
            "the service is new"
        };
        let tenants = service.tenants.iter().filter(is_new);
        changes.extend(
            tenants.map(|client| Change::of_service(client, Effect::New, name, why.to_owned())),
        );
    }
    changes
}

impl Change {
    /// Creates a change of a whole service.
    fn of_service(client: &str, effect: Effect, service: &str, why: String) -> Self {
        Self {
            client: client.to_owned(),
            effect,
            service: service.to_owned(),
            rpc: None,
            what: service.to_owned(),
            why,
        }
    }
}

/// Returns why an old stub does not find the service's server; `None` if it does.
fn server_move(
    old: &Contract,
    new: &Contract,
    before: &ServiceContract,
    now: &ServiceContract,
) -> Option<String> {
    let provider = &before.provider;
    if *provider != now.provider {
        return Some("the service moved to another server".to_owned());
    }
    let was = old.servers.get(provider)?;
    let is = new.servers.get(provider)?;
    (was != is).then(|| format!("`{provider}` listens on {is} instead of {was}"))
}

/// Returns why a server does not recognize a client with old stubs; `None` if it does.
fn client_move(old: &Contract, new: &Contract, client: &str) -> Option<String> {
    // A client without an address calls with a certificate, from any address.
    let was = old.clients.get(client).copied()??;
    match new.clients.get(client).copied()? {
        Some(is) => (was != is).then(|| format!("its address is {is} instead of {was}")),
        None => Some(format!(
            "its address {was} is gone, so it needs a certificate"
        )),
    }
}

/// Returns the changes for every client that was and still is a tenant. Their `client` is empty;
/// the caller must fill it in.
fn changes_inside(service: &str, old: &ServiceContract, new: &ServiceContract) -> Vec<Change> {
    let before = by_name(&old.signatures);
    let now = by_name(&new.signatures);
    let none = Vec::new();
    let lost = before
        .iter()
        .flat_map(|(name, old)| lost_calls(service, old, now.get(name).unwrap_or(&none)));
    let added = now
        .iter()
        .flat_map(|(name, new)| new_calls(service, before.get(name).unwrap_or(&none), new));
    lost.chain(added).collect()
}

/// Returns the changes that break calls of a procedure, with all its overloads.
fn lost_calls(service: &str, old: &[&Signature], new: &[&Signature]) -> Vec<Change> {
    let now = by_key(new);
    let why =
        |signature: &&Signature| why_lost(signature, now.get(&signature.key()).copied(), old, new);
    let mut changes: Vec<Change> = old
        .iter()
        .filter_map(|signature| {
            Some(overload_change(
                Effect::Wire,
                service,
                signature,
                why(signature)?,
            ))
        })
        .collect();
    if let (Some(first), Some(why)) = (old.first(), rust::why_source_breaks(old, new)) {
        let change = overload_change(Effect::Source, service, first, why);
        changes.push(Change {
            what: format!("{service}.{}", first.rpc),
            ..change
        });
    }
    changes
}

/// Returns the overloads that were not there before.
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
        .map(|signature| overload_change(Effect::New, service, signature, why.to_owned()))
        .collect()
}

fn overload_change(effect: Effect, service: &str, signature: &Signature, why: String) -> Change {
    let change = Change::of_service("", effect, service, why);
    Change {
        rpc: Some(signature.rpc.clone()),
        what: signature.key().to_string(),
        ..change
    }
}

/// Returns the overloads of each name.
fn by_name(signatures: &[Signature]) -> BTreeMap<&str, Vec<&Signature>> {
    let mut named: BTreeMap<&str, Vec<&Signature>> = BTreeMap::new();
    for signature in signatures {
        named.entry(&signature.rpc).or_default().push(signature);
    }
    named
}

/// Returns the overloads by their key.
fn by_key<'s>(overloads: &[&'s Signature]) -> HashMap<Key, &'s Signature> {
    overloads
        .iter()
        .map(|overload| (overload.key(), *overload))
        .collect()
}

/// Returns why calls of a signature no longer work; `None` if they do. `same` is the new signature
/// with the same key.
fn why_lost(
    signature: &Signature,
    same: Option<&Signature>,
    old: &[&Signature],
    new: &[&Signature],
) -> Option<String> {
    match (same, old, new) {
        (Some(same), ..) => difference(signature, same),
        (None, _, []) => Some("the procedure is gone".to_owned()),
        (None, [_], [now]) => Some(format!("it now takes ({})", TypeList(&now.arguments))),
        _ => Some("the overload is gone".to_owned()),
    }
}

/// Describes the difference between two signatures with the same key, if there is one.
fn difference(old: &Signature, new: &Signature) -> Option<String> {
    if let Some((_, difference)) = first_difference(&old.arguments, &new.arguments) {
        return Some(describe(&difference));
    }
    if old.returns == new.returns {
        return None;
    }
    let before = TypeList(&old.returns).to_string();
    let now = TypeList(&new.returns).to_string();
    if before != now {
        return Some(format!("it now returns ({now})"));
    }
    first_difference(&old.returns, &new.returns).map(|(_, difference)| describe(&difference))
}

fn describe(difference: &Difference) -> String {
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
