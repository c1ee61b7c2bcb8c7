//! Where things stand on the page: the `id`s that links lead to.
//!
//! Names have no `-` and no `.`, so that no two of these are the same.

use rpc_schema::Name;
use rpc_schema::model::{Rpc, Service};
use rpc_schema::naming;

use super::html::Html;

/// A client's place.
pub fn client(name: &Name) -> String {
    format!("client-{name}")
}

/// A server's place.
pub fn server(name: &Name) -> String {
    format!("server-{name}")
}

/// A service's place.
pub fn service(name: &Name) -> String {
    format!("service-{name}")
}

/// A declared type's place.
pub fn ty(name: &Name) -> String {
    format!("type-{name}")
}

/// The place of a name with all its overloads.
pub fn name(service: &Service, name: &Name) -> String {
    format!("{}.{name}", service.name)
}

/// The place of one of several overloads.
pub fn overload(service: &Service, rpc: &Rpc) -> String {
    format!(
        "{}.{}",
        service.name,
        naming::plain_function(rpc.name.as_str(), &rpc.parameters)
    )
}

/// A link to a place of this page, with the name as its text.
pub fn link(html: &mut Html, place: &str, text: &Name) {
    html.leaf("a", &[("href", &format!("#{place}"))], text.as_str());
}
