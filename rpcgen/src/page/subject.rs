//! [`Subject`]: the content of a page.

use std::collections::{HashMap, HashSet};
use std::path::Path;

use rpc_schema::model::{Client, Rpc, Schema, Server, Service, TypeDecl};
use rpc_schema::signature::named_types;
use rpc_schema::{Document, Name, Type};

use crate::ir::OverloadSet;
use crate::lower;

/// Maximum number of procedures of a page with unfolded services. On a larger page all services
/// begin folded.
const MAX_UNFOLDED: usize = 150;

/// A network, or the part of it that one client may call.
pub struct Subject<'a> {
    /// The name of the file's folder; `None` if the given path has no folder.
    pub folder: Option<String>,
    /// The network's name, if it has one.
    pub name: Option<&'a Name>,
    /// What the network is for; empty if the file does not say so.
    pub doc: &'a str,
    /// The file's name.
    pub file: String,
    /// The client to which the page is limited; `None` means the whole network.
    pub tenant: Option<&'a str>,
    /// All clients, or the tenant only.
    pub clients: Vec<&'a Client>,
    /// All servers, or those that provide a service to the tenant.
    pub servers: Vec<&'a Server>,
    /// All services, or those that the tenant may call.
    pub services: Vec<ServiceEntry<'a>>,
    /// All records and enumerations, or those that these services use.
    pub types: Vec<&'a TypeDecl>,
    /// SHA-256 of the file, in hexadecimal.
    pub sha256: &'a str,
}

/// A service with its provider, its tenants and its procedures.
pub struct ServiceEntry<'a> {
    /// The service.
    pub service: &'a Service,
    /// The server that runs it.
    pub provider: &'a Server,
    /// The clients of the page that may call it, in the service's order.
    pub tenants: Vec<&'a Client>,
    /// Its procedures grouped by name. The names are in the order of their first procedures.
    pub names: Vec<Overloads<'a>>,
}

/// The procedures of one name.
pub struct Overloads<'a> {
    /// The procedures; at least one.
    pub rpcs: Vec<&'a Rpc>,
    /// The Rust function for all overloads, if there is one.
    pub generic: Option<OverloadSet>,
}

impl<'a> Subject<'a> {
    /// Collects what a document declares, or with a tenant what that client may call.
    pub fn new(document: &'a Document, tenant: Option<&'a str>) -> Self {
        let schema = &document.schema;
        let is_shown = |client: &&Client| tenant.is_none_or(|tenant| client.name == *tenant);
        let clients: Vec<&Client> = schema.network.clients.iter().filter(is_shown).collect();
        let services = service_entries(schema, tenant, &clients);
        let providers: HashSet<&Name> = services.iter().map(|entry| &entry.provider.name).collect();
        let is_needed = |server: &&Server| tenant.is_none() || providers.contains(&server.name);
        let servers = schema.network.servers.iter().filter(is_needed).collect();
        let used = tenant.map(|_| used_types(&services));
        let is_used = |declared: &&TypeDecl| {
            used.as_ref()
                .is_none_or(|used| used.contains_key(declared.name.as_str()))
        };
        let types = schema.types.iter().filter(is_used).collect();
        let (folder, file) = names(document.path());
        Self {
            folder,
            name: schema.name.as_ref(),
            doc: schema.doc.as_deref().unwrap_or_default(),
            file,
            tenant,
            clients,
            servers,
            services,
            types,
            sha256: &schema.sha256,
        }
    }

    /// Returns the number of procedures. Each overload counts.
    pub fn procedures(&self) -> usize {
        self.services
            .iter()
            .map(|entry| entry.service.rpcs.len())
            .sum()
    }

    /// Returns whether the page is so large that services begin folded.
    pub fn is_large(&self) -> bool {
        self.procedures() > MAX_UNFOLDED
    }

    /// Returns the services that a client may call.
    pub fn callable_by(&self, client: &Client) -> impl Iterator<Item = &ServiceEntry<'a>> {
        self.services
            .iter()
            .filter(|entry| entry.service.has_tenant(client.name.as_str()))
    }

    /// Returns the services that a server provides.
    pub fn provided_by(&self, server: &Server) -> impl Iterator<Item = &ServiceEntry<'a>> {
        self.services
            .iter()
            .filter(|entry| entry.provider.name == server.name)
    }
}

fn service_entries<'a>(
    schema: &'a Schema,
    tenant: Option<&str>,
    clients: &[&'a Client],
) -> Vec<ServiceEntry<'a>> {
    let clients: HashMap<&Name, &Client> = clients
        .iter()
        .map(|client| (&client.name, *client))
        .collect();
    let callable = |service: &&Service| tenant.is_none_or(|tenant| service.has_tenant(tenant));
    let to_entry = |service: &'a Service| {
        let tenants = service
            .tenants
            .iter()
            .filter_map(|tenant| clients.get(tenant).copied());
        Some(ServiceEntry {
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
        .filter_map(to_entry)
        .collect()
}

fn overloads<'a>(service: &Service, rpcs: Vec<&'a Rpc>) -> Overloads<'a> {
    Overloads {
        generic: lower::overloads::lower(service, &rpcs),
        rpcs,
    }
}

/// Returns the types that services mention, by name. Includes the types inside other types.
fn used_types(services: &[ServiceEntry<'_>]) -> HashMap<String, Type> {
    let signatures = services.iter().flat_map(|ServiceEntry { service, .. }| {
        service.rpcs.iter().map(|rpc| service.signature(rpc))
    });
    // Names cannot conflict within one file.
    named_types(&signatures.collect::<Vec<_>>()).unwrap_or_default()
}

/// Returns the types that a procedure takes and returns.
pub fn mentioned(rpc: &Rpc) -> impl Iterator<Item = &Type> {
    rpc.parameters
        .iter()
        .map(|parameter| &parameter.ty)
        .chain(&rpc.returns)
}

/// Returns the last folder of a path, and the file.
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
    fn a_tenants_page_shows_only_what_it_may_call() {
        let document = document("init.yaml");
        let counts = |tenant| {
            let subject = Subject::new(&document, tenant);
            let tenants: Vec<usize> = subject
                .services
                .iter()
                .map(|entry| entry.tenants.len())
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
    fn overloads_are_grouped_at_the_first_one() {
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
    fn the_folder_and_the_file_come_from_the_given_path() {
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
