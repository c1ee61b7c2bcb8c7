//! Servers, clients and deployers.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::ops::Range;

use super::all_or_none;
use super::names::Names;
use crate::diagnostic::{Code, Finding, Findings};
use crate::guard::Place;
use crate::model::{Client, Network, Server};
use crate::name::Name;
use crate::raw::{NamedEntries, RawClient, RawNetwork, RawServer, Texts};

/// The declared names of servers and clients.
pub(super) struct NetworkNames {
    pub(super) servers: Names,
    pub(super) clients: Names,
    /// Whether all names of servers and clients could be read. Only then is a name that is not
    /// among them reported as unknown.
    pub(super) is_complete: bool,
}

pub(super) fn check_network(
    raw: Option<RawNetwork>,
    at: Place<'_>,
    findings: &mut Findings,
) -> (Option<Network>, NetworkNames) {
    let is_complete = raw.as_ref().is_some_and(|raw| {
        all_named(raw.servers.as_ref(), at.child("servers"))
            && all_named(raw.clients.as_ref(), at.child("clients"))
    });
    let raw = raw.unwrap_or_default();
    let mut names = NetworkNames {
        servers: Names::new("server"),
        clients: Names::new("client"),
        is_complete,
    };
    let servers = check_servers(
        raw.servers.unwrap_or_default(),
        at.field("servers"),
        &mut names.servers,
        findings,
    );
    let clients = check_clients(
        raw.clients.unwrap_or_default(),
        at.field("clients"),
        &mut names,
        findings,
    );
    let deployers = check_deployers(
        raw.deployers.unwrap_or_default(),
        at.field("deployers"),
        &names.servers,
        findings,
    );
    let network = || {
        Some(Network {
            servers: servers?,
            clients: clients?,
            deployers: deployers?,
        })
    };
    (network(), names)
}

/// Returns whether every entry of a section has a name. This is true of a section that the file
/// does not have.
fn all_named<T>(entries: Option<&NamedEntries<T>>, section: Option<Place<'_>>) -> bool {
    match entries {
        Some(entries) => entries.iter().all(|(name, _)| name.is_some()),
        None => section.is_none(),
    }
}

fn check_servers(
    raw: NamedEntries<RawServer>,
    at: Place<'_>,
    names: &mut Names,
    findings: &mut Findings,
) -> Option<Vec<Server>> {
    let mut addresses = HashMap::new();
    let servers = at.children().zip(raw).map(|(at, (name, server))| {
        let name = name.and_then(|name| names.declare(&name, at.head(), findings));
        let address = server.and_then(|server| check_address(server, at, &mut addresses, findings));
        Some(Server {
            name: name?,
            address: address?,
        })
    });
    all_or_none(servers.collect())
}

fn check_address(
    raw: RawServer,
    at: Place<'_>,
    taken: &mut HashMap<SocketAddr, Range<usize>>,
    findings: &mut Findings,
) -> Option<SocketAddr> {
    let ip = raw
        .ip
        .and_then(|ip| check_ip(&ip, at.field("ip"), findings));
    let port = raw
        .port
        .and_then(|port| check_port(port, at.field("port"), Code::BadPort, findings));
    let address = SocketAddr::new(ip?, port?);
    let span = at.field("port").span();
    if let Some(first) = taken.get(&SocketAddr::new(
        address.ip().to_canonical(),
        address.port(),
    )) {
        let message = format!("two servers listen on `{address}`");
        findings.push(
            Finding::new(Code::DuplicateAddress, span, message)
                .related(first.clone(), "the first is here")
                .hint("give one of them another port"),
        );
        return None;
    }
    taken.insert(
        SocketAddr::new(address.ip().to_canonical(), address.port()),
        span,
    );
    Some(address)
}

fn check_ip(text: &str, at: Place<'_>, findings: &mut Findings) -> Option<IpAddr> {
    if let Ok(ip) = text.parse() {
        let Some(what) = uncallable(ip) else {
            return Some(ip);
        };
        let message = format!("`{text}` is {what}, which nobody can call");
        let hint = "write the address of one machine, such as `127.0.0.1`";
        findings.push(Finding::new(Code::BadIp, at.span(), message).hint(hint));
        return None;
    }
    let without_zeros = without_leading_zeros(text);
    let hint = match text {
        "localhost" => "write `127.0.0.1`",
        _ if text.parse::<SocketAddr>().is_ok() => "write the port under its own key, `port`",
        _ if let Some(address) = without_zeros => {
            &format!("write `{address}`; its numbers must not begin with `0`")
        }
        _ => {
            "write four numbers as in `127.0.0.1`, or an IPv6 address as in `\"::1\"`; host names are not looked up"
        }
    };
    let message = format!("invalid IP address `{text}`");
    findings.push(Finding::new(Code::BadIp, at.span(), message).hint(hint));
    None
}

/// Returns what an address is, if it is not the address of one machine.
fn uncallable(ip: IpAddr) -> Option<&'static str> {
    match ip.to_canonical() {
        ip if ip.is_unspecified() => Some("the address of no machine"),
        ip if ip.is_multicast() => Some("a multicast address"),
        IpAddr::V4(ip) if ip.is_broadcast() => Some("the broadcast address"),
        IpAddr::V6(ip) if ip.is_unicast_link_local() => Some("an address of each interface"),
        _ => None,
    }
}

/// Returns an IPv4 address that is right except for zeros before its numbers.
fn without_leading_zeros(text: &str) -> Option<Ipv4Addr> {
    let numbers = text.split('.').map(|part| part.parse::<u8>().ok());
    let numbers: [u8; 4] = numbers.collect::<Option<Vec<u8>>>()?.try_into().ok()?;
    text.bytes()
        .all(|byte| byte.is_ascii_digit() || byte == b'.')
        .then(|| numbers.into())
}

pub(super) fn check_port(
    port: i64,
    at: Place<'_>,
    code: Code,
    findings: &mut Findings,
) -> Option<u16> {
    let checked = u16::try_from(port).ok().filter(|port| *port != 0);
    if checked.is_none() {
        let message = format!("a port is between 1 and 65535, not {port}");
        findings.push(Finding::new(code, at.span(), message));
    }
    checked
}

fn check_clients(
    raw: NamedEntries<RawClient>,
    at: Place<'_>,
    names: &mut NetworkNames,
    findings: &mut Findings,
) -> Option<Vec<Client>> {
    let clients = at.children().zip(raw).map(|(at, (name, client))| {
        let name = name.and_then(|name| {
            let declared = names.clients.declare(&name, at.head(), findings)?;
            refuse_server(declared, "client", at.head(), &names.servers, findings)
        });
        let ip = match client.and_then(|client| client.ip) {
            Some(ip) => check_ip(&ip, at.field("ip"), findings).map(Some),
            None => Some(None),
        };
        Some(Client {
            name: name?,
            ip: ip?,
        })
    });
    all_or_none(clients.collect())
}

fn check_deployers(
    raw: Texts,
    at: Place<'_>,
    servers: &Names,
    findings: &mut Findings,
) -> Option<Vec<Name>> {
    let mut names = Names::new("deployer");
    let deployers = at.children().zip(raw).map(|(at, name)| {
        let declared = names.declare(&name?, at.span(), findings)?;
        refuse_server(declared, "deployer", at.span(), servers, findings)
    });
    all_or_none(deployers.collect())
}

fn refuse_server(
    name: Name,
    what: &str,
    span: Range<usize>,
    servers: &Names,
    findings: &mut Findings,
) -> Option<Name> {
    let Some(server) = servers.first(name.as_str()) else {
        return Some(name);
    };
    let message = format!("`{name}` is a server and a {what}");
    findings.push(
        Finding::new(Code::TwoRoles, span, message)
            .related(server.clone(), "the server is here")
            .hint("give them different names"),
    );
    None
}
