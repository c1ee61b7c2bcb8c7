//! [`Subject`]: what a page is about.

use std::collections::{HashMap, HashSet};
use std::path::Path;

use rpc_schema::model::{Client, Rpc, Schema, Server, Service, TypeDecl};
use rpc_schema::signature::named_types;
use rpc_schema::{Document, Name, Type};

use crate::ir::OverloadSet;
use crate::lower;

/// Above this many procedures, services are folded until somebody opens them.
const MAX_UNFOLDED: usize = 150;

/// A network, or the part of it that one client may call.
pub struct Subject<'a> {
    /// The file's folder, as it was named; `None` where it was named without one.
    pub folder: Option<String>,
    /// The file's name.
    pub file: String,
    /// The client to whom the page is limited.
    pub tenant: Option<&'a str>,
    /// Everybody, or that client.
    pub clients: Vec<&'a Client>,
    /// All servers, or those that provide it something.
    pub servers: Vec<&'a Server>,
    /// All services, or those that it may call.
    pub services: Vec<Provided<'a>>,
    /// All records and enumerations, or those that these services use.
    pub types: Vec<&'a TypeDecl>,
    /// SHA-256 of the file, in hexadecimal.
    pub sha256: &'a str,
}

/// A service among those that it concerns.
pub struct Provided<'a> {
    /// The service.
    pub service: &'a Service,
    /// Who runs it.
    pub provider: &'a Server,
    /// Those of the subject's clients that may call it, in the service's order.
    pub tenants: Vec<&'a Client>,
    /// Its procedures by name, each name where the file has it first.
    pub names: Vec<Overloads<'a>>,
}

/// The procedures of one name.
pub struct Overloads<'a> {
    /// At least one.
    pub rpcs: Vec<&'a Rpc>,
    /// The function that takes the arguments of any of them, where Rust has one.
    pub generic: Option<OverloadSet>,
}

impl<'a> Subject<'a> {
    /// What a document declares, or what one of its clients may call of it.
    pub fn new(document: &'a Document, tenant: Option<&'a str>) -> Self {
        let schema = &document.schema;
        let concerned = |client: &&Client| tenant.is_none_or(|tenant| client.name == *tenant);
        let clients: Vec<&Client> = schema.network.clients.iter().filter(concerned).collect();
        let services = provided(schema, tenant, &clients);
        let providers: HashSet<&Name> = services
            .iter()
            .map(|provided| &provided.provider.name)
            .collect();
        let needed = |server: &&Server| tenant.is_none() || providers.contains(&server.name);
        let servers = schema.network.servers.iter().filter(needed).collect();
        let used = tenant.map(|_| used_types(&services));
        let mentioned = |declared: &&TypeDecl| {
            used.as_ref()
                .is_none_or(|used| used.contains_key(declared.name.as_str()))
        };
        let types = schema.types.iter().filter(mentioned).collect();
        let (folder, file) = names(document.path());
        Self {
            folder,
            file,
            tenant,
            clients,
            servers,
            services,
            types,
            sha256: &schema.sha256,
        }
    }

    /// How many procedures there are, each overload counted.
    pub fn procedures(&self) -> usize {
        self.services
            .iter()
            .map(|provided| provided.service.rpcs.len())
            .sum()
    }

    /// Whether there is so much that services begin folded.
    pub fn is_large(&self) -> bool {
        self.procedures() > MAX_UNFOLDED
    }

    /// The services that a client may call.
    pub fn callable_by(&self, client: &Client) -> impl Iterator<Item = &Provided<'a>> {
        self.services
            .iter()
            .filter(|provided| provided.service.has_tenant(client.name.as_str()))
    }

    /// The services that a server provides.
    pub fn provided_by(&self, server: &Server) -> impl Iterator<Item = &Provided<'a>> {
        self.services
            .iter()
            .filter(|provided| provided.provider.name == server.name)
    }
}

fn provided<'a>(
    schema: &'a Schema,
    tenant: Option<&str>,
    clients: &[&'a Client],
) -> Vec<Provided<'a>> {
    let clients: HashMap<&Name, &Client> = clients
        .iter()
        .map(|client| (&client.name, *client))
        .collect();
    let callable = |service: &&Service| tenant.is_none_or(|tenant| service.has_tenant(tenant));
    let provided = |service: &'a Service| {
        let tenants = service
            .tenants
            .iter()
            .filter_map(|tenant| clients.get(tenant).copied());
        Some(Provided {
            service,
            provider: schema.server(service.provider.as_str())?,
            tenants: tenants.collect(),
            names: lower::overload_sets(service)
                .into_iter()
                .map(|rpcs| overloads(service, rpcs))
                .collect(),
        })
    };
    schema
        .services
        .iter()
        .filter(callable)
        .filter_map(provided)
        .collect()
}

fn overloads<'a>(service: &Service, rpcs: Vec<&'a Rpc>) -> Overloads<'a> {
    Overloads {
        generic: lower::overloads::lower(service, &rpcs),
        rpcs,
    }
}

/// The types that services mention, also inside others, by name.
fn used_types(services: &[Provided<'_>]) -> HashMap<String, Type> {
    let signatures = services
        .iter()
        .flat_map(|Provided { service, .. }| service.rpcs.iter().map(|rpc| service.signature(rpc)));
    // In one file a name stands for one thing.
    named_types(&signatures.collect::<Vec<_>>()).unwrap_or_default()
}

/// The types that a procedure takes and returns.
pub fn mentioned(rpc: &Rpc) -> impl Iterator<Item = &Type> {
    rpc.parameters
        .iter()
        .map(|parameter| &parameter.ty)
        .chain(&rpc.returns)
}

/// The last folder of a path and the file in it.
fn names(path: &Path) -> (Option<String>, String) {
    let text = |name: &std::ffi::OsStr| name.to_string_lossy().into_owned();
    let folder = path.parent().and_then(Path::file_name).map(text);
    (folder, text(path.file_name().unwrap_or(path.as_os_str())))
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "\
network:
  servers: { a: { ip: '::1', port: 1 }, b: { ip: '::1', port: 2 } }
  clients: { c: { ip: '::1' }, d: { ip: '::2' } }
types: { Level: [low], Tally: { level: Level }, Other: [x] }
services:
  one: { provider: a, tenants: [d, c], rpcs: [{ name: x, returns: Tally }, { name: y }, { name: x, arguments: [int] }] }
  two: { provider: b, tenants: [d] }
";

    fn document(path: &str) -> Document {
        rpc_schema::parse(Path::new(path), TEXT).expect("a good file")
    }

    #[test]
    fn a_tenants_page_is_about_what_it_may_call_alone() {
        let document = document("init.yaml");
        let counts = |tenant| {
            let subject = Subject::new(&document, tenant);
            let tenants: Vec<usize> = subject
                .services
                .iter()
                .map(|provided| provided.tenants.len())
                .collect();
            (
                subject.clients.len(),
                subject.servers.len(),
                tenants,
                subject.types.len(),
            )
        };
        assert_eq!(counts(None), (2, 2, vec![2, 1], 3));
        assert_eq!(counts(Some("c")), (1, 1, vec![1], 2));
        assert_eq!(counts(Some("d")), (1, 2, vec![1, 1], 2));
    }

    #[test]
    fn overloads_stand_together_at_the_first() {
        let document = document("init.yaml");
        let subject = Subject::new(&document, None);
        let counts: Vec<_> = subject.services[0]
            .names
            .iter()
            .map(|name| name.rpcs.len())
            .collect();
        assert_eq!(counts, [2, 1]);
        assert_eq!(subject.procedures(), 3);
    }

    #[test]
    fn a_file_is_called_as_it_was_named() {
        for (path, folder, file) in [
            ("init.yaml", None, "init.yaml"),
            ("./init.yaml", None, "init.yaml"),
            ("shop/init.yaml", Some("shop"), "init.yaml"),
            ("/srv/shop/net.yaml", Some("shop"), "net.yaml"),
        ] {
            let document = document(path);
            let subject = Subject::new(&document, None);
            assert_eq!(
                (subject.folder.as_deref(), subject.file.as_str()),
                (folder, file),
                "{path}"
            );
        }
    }
}
