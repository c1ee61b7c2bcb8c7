//! Anchors: the `id`s on the page that links lead to.
//!
//! Names contain neither `-` nor `.`, so all anchors are different.

use rpc_schema::Name;
use rpc_schema::model::{Rpc, Service};
use rpc_schema::naming;

use super::html::Html;

/// Returns the anchor of a client.
pub fn client(name: &Name) -> String {
    format!("client-{name}")
}

/// Returns the anchor of a server.
pub fn server(name: &Name) -> String {
    format!("server-{name}")
}

/// Returns the anchor of a service.
pub fn service(name: &Name) -> String {
    format!("service-{name}")
}

/// Returns the anchor of a declared type.
pub fn ty(name: &Name) -> String {
    format!("type-{name}")
}

/// Returns the anchor of a name with all its overloads.
pub fn name(service: &Service, name: &Name) -> String {
    format!("{}.{name}", service.name)
}

/// Returns the anchor of one of several overloads.
pub fn overload(service: &Service, rpc: &Rpc) -> String {
    format!(
        "{}.{}",
        service.name,
        naming::plain_function(rpc.name.as_str(), &rpc.parameters)
    )
}

/// Writes a link to an anchor of this page, with the name as its text.
pub fn link(html: &mut Html, anchor: &str, text: &Name) {
    html.leaf("a", &[("href", &format!("#{anchor}"))], text.as_str());
}
