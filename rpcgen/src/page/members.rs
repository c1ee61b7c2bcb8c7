//! Who is in the network: each client with what it may call, each server with what it provides.

use rpc_schema::Name;

use super::anchor;
use super::html::Html;
use super::service::chips;
use super::subject::{Provided, Subject};
use super::words::count;

/// Writes the clients.
pub fn write_clients(html: &mut Html, subject: &Subject<'_>) {
    if subject.clients.is_empty() {
        html.leaf("p", &[], "The file declares no clients.");
    }
    for client in &subject.clients {
        let services: Vec<&Provided<'_>> = subject.callable_by(client).collect();
        let member = Member {
            id: anchor::client(&client.name),
            name: &client.name,
            address: format!("calls from {}", client.ip),
            does: "may call",
        };
        member.write(html, &services);
    }
}

/// Writes the servers.
pub fn write_servers(html: &mut Html, subject: &Subject<'_>) {
    if subject.servers.is_empty() {
        html.leaf("p", &[], "There are no servers.");
    }
    for server in &subject.servers {
        let services: Vec<&Provided<'_>> = subject.provided_by(server).collect();
        let member = Member {
            id: anchor::server(&server.name),
            name: &server.name,
            address: format!("listens on {}", server.address),
            does: "provides",
        };
        member.write(html, &services);
    }
}

/// A client or a server.
struct Member<'a> {
    id: String,
    name: &'a Name,
    address: String,
    /// What it does with its services.
    does: &'static str,
}

impl Member<'_> {
    fn write(&self, html: &mut Html, services: &[&Provided<'_>]) {
        let article = [
            ("class", "member"),
            ("id", &*self.id),
            ("data-name", self.name.as_str()),
        ];
        html.element("article", &article, |html| {
            html.element("h3", &[], |html| anchor::link(html, &self.id, self.name));
            html.leaf("p", &[("class", "hint")], &self.address);
            html.element("div", &[], |html| self.write_services(html, services));
        });
    }

    fn write_services(&self, html: &mut Html, services: &[&Provided<'_>]) {
        let does = self.does;
        if services.is_empty() {
            html.leaf("p", &[], &format!("{does} nothing"));
            return;
        }
        let procedures = services
            .iter()
            .map(|provided| provided.service.rpcs.len())
            .sum();
        let counts = format!(
            "{} with {}",
            count(services.len(), "service"),
            count(procedures, "procedure")
        );
        html.leaf("p", &[], &format!("{does} {counts}"));
        chips(html, services.iter(), |html, Provided { service, .. }| {
            anchor::link(html, &anchor::service(&service.name), &service.name);
        });
    }
}
