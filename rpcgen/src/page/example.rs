//! Examples of a call that work when pasted, one tab per language.

mod json;
mod python;
mod rust;
mod sample;
mod shell;

use std::net::IpAddr;

use rpc_schema::model::{Client, Rpc};

use self::sample::Sample;
use super::html::Html;
use super::subject::{Overloads, ServiceEntry, Subject};

/// The tabs: the identifier that script and style use, and the title.
pub const LANGUAGES: [(&str, &str); 4] = [
    ("rust", "Rust"),
    ("python", "Python"),
    ("nc", "nc"),
    ("rpc-client", "rpc-client"),
];

/// The call that an example shows.
struct ExampleCall<'a> {
    subject: &'a Subject<'a>,
    entry: &'a ServiceEntry<'a>,
    /// All procedures of the name.
    overloads: &'a Overloads<'a>,
    /// The index of the called procedure; `index < overloads.rpcs.len()`.
    index: usize,
    caller: &'a Client,
    /// The address of the caller.
    ip: IpAddr,
    arguments: Vec<Sample>,
}

/// Writes the examples of one procedure. Writes nothing if nobody may call it. The examples use plain
/// TCP, so a client without an address has none.
pub fn write(
    html: &mut Html,
    subject: &Subject<'_>,
    entry: &ServiceEntry<'_>,
    overloads: &Overloads<'_>,
    index: usize,
) {
    if entry.tenants.is_empty() {
        return;
    }
    let Some((caller, ip)) = caller(entry) else {
        html.leaf(
            "p",
            &[("class", "hint")],
            "No client that may call it has an `ip`, so a call needs a certificate.",
        );
        return;
    };
    let Some(arguments) = sample::of(&overloads.rpcs[index].parameters) else {
        html.leaf(
            "p",
            &[("class", "hint")],
            "Its arguments are too large for an example.",
        );
        return;
    };
    let call = ExampleCall {
        subject,
        entry,
        overloads,
        index,
        caller,
        ip,
        arguments,
    };
    html.element("div", &[("class", "examples")], |html| {
        html.element(
            "div",
            &[("class", "tabs"), ("aria-hidden", "true")],
            |html| {
                for (language, title) in LANGUAGES {
                    html.leaf("label", &[("for", language)], title);
                }
            },
        );
        html.leaf("button", &[("class", "copy"), ("type", "button")], "Copy");
        let key = entry.service.signature(call.rpc()).key();
        for (language, title) in LANGUAGES {
            let label = format!("{title}: {}", key.as_str());
            let attributes = [
                ("data-language", language),
                ("role", "group"),
                ("aria-label", &*label),
            ];
            html.element("pre", &attributes, |html| {
                html.leaf("code", &[], &call.in_language(language));
            });
        }
    });
}

impl ExampleCall<'_> {
    fn in_language(&self, language: &str) -> String {
        match language {
            "rust" => rust::example(self),
            "python" => python::example(self),
            "nc" => shell::nc(self),
            _ => shell::rpc_client(self),
        }
    }

    fn rpc(&self) -> &Rpc {
        self.overloads.rpcs[self.index]
    }

    fn argument_types(&self) -> Vec<String> {
        self.rpc()
            .parameters
            .iter()
            .map(|parameter| parameter.ty.to_string())
            .collect()
    }
}

/// Returns a client that may call the service, and its address; if possible, one with the same
/// version of IP as the provider. Otherwise its address could not reach the provider.
fn caller<'a>(entry: &ServiceEntry<'a>) -> Option<(&'a Client, IpAddr)> {
    let with_ip = || {
        let tenants = entry.tenants.iter().copied();
        tenants.filter_map(|client| Some((client, client.ip?)))
    };
    let reaches = |(_, ip): &(&Client, IpAddr)| ip.is_ipv4() == entry.provider.address.is_ipv4();
    with_ip().find(reaches).or_else(|| with_ip().next())
}
