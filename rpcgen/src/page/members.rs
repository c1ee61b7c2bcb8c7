//! The members of the network: each client with the services that it may call, and each server with
//! the services that it provides.

use rpc_schema::Name;

use super::anchor;
use super::html::Html;
use super::service::chips;
use super::subject::{ServiceEntry, Subject};
use super::words::count;

/// Writes the clients.
pub fn write_clients(html: &mut Html, subject: &Subject<'_>) {
    if subject.clients.is_empty() {
        html.leaf("p", &[], "The file declares no clients.");
    }
    for client in &subject.clients {
        let services: Vec<&ServiceEntry<'_>> = subject.callable_by(client).collect();
        let member = Member {
            id: anchor::client(&client.name),
            name: &client.name,
            address: match client.ip {
                Some(ip) => format!("calls from {ip}"),
                None => "calls with a certificate, from any address".to_owned(),
            },
            verb: "may call",
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
        let services: Vec<&ServiceEntry<'_>> = subject.provided_by(server).collect();
        let member = Member {
            id: anchor::server(&server.name),
            name: &server.name,
            address: format!("listens on {}", server.address),
            verb: "provides",
        };
        member.write(html, &services);
    }
}

/// A client or a server.
struct Member<'a> {
    id: String,
    name: &'a Name,
    address: String,
    /// What it does with its services: `may call` or `provides`.
    verb: &'static str,
}

impl Member<'_> {
    fn write(&self, html: &mut Html, services: &[&ServiceEntry<'_>]) {
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

    fn write_services(&self, html: &mut Html, services: &[&ServiceEntry<'_>]) {
        let verb = self.verb;
        if services.is_empty() {
            html.leaf("p", &[], &format!("{verb} nothing"));
            return;
        }
        let procedures = services.iter().map(|entry| entry.service.rpcs.len()).sum();
        let counts = format!(
            "{} with {}",
            count(services.len(), "service"),
            count(procedures, "procedure")
        );
        html.leaf("p", &[], &format!("{verb} {counts}"));
        chips(
            html,
            services.iter(),
            |html, ServiceEntry { service, .. }| {
                anchor::link(html, &anchor::service(&service.name), &service.name);
            },
        );
    }
}
