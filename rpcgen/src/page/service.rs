//! A service: its provider, its tenants, its files and limits, and its procedures.

use rpc_schema::model::{Grants, Service};

use super::anchor;
use super::html::Html;
use super::procedure;
use super::subject::{ServiceEntry, Subject};
use super::words::{count, size};

/// Writes a service's section.
pub fn write(html: &mut Html, subject: &Subject<'_>, entry: &ServiceEntry<'_>) {
    let service = entry.service;
    let id = anchor::service(&service.name);
    let name = service.name.as_str();
    html.element(
        "section",
        &[("class", "service"), ("id", &id), ("data-name", name)],
        |html| {
            let open: &[(&str, &str)] = if subject.is_large() {
                &[]
            } else {
                &[("open", "")]
            };
            html.element("details", open, |html| {
                html.element("summary", &[], |html| {
                    html.element("h3", &[], |html| anchor::link(html, &id, &service.name));
                    html.leaf(
                        "span",
                        &[("class", "count")],
                        &count(service.rpcs.len(), "procedure"),
                    );
                });
                html.element("dl", &[("class", "facts")], |html| {
                    write_facts(html, entry);
                });
                for overloads in &entry.names {
                    procedure::write(html, subject, entry, overloads);
                }
                if entry.names.is_empty() {
                    html.leaf("p", &[("class", "hint")], "It has no procedures.");
                }
            });
        },
    );
}

fn write_facts(html: &mut Html, entry: &ServiceEntry<'_>) {
    let ServiceEntry {
        service, provider, ..
    } = entry;
    fact(html, "Provided by", |html| {
        anchor::link(html, &anchor::server(&provider.name), &provider.name);
        html.text(" at ");
        html.leaf("code", &[], &provider.address.to_string());
    });
    fact(html, "May be called by", |html| {
        write_tenants(html, entry);
    });
    codes(html, "Modules", service.modules.iter());
    codes(html, "Data", service.data.iter());
    write_grants(html, service);
    if let Some(concurrency) = service.concurrency {
        fact(html, "Calls at once", |html| {
            html.text(&concurrency.to_string());
        });
    }
}

fn write_tenants(html: &mut Html, entry: &ServiceEntry<'_>) {
    if entry.tenants.is_empty() {
        html.leaf("strong", &[], "nobody");
        html.text(": it has no tenants");
        return;
    }
    chips(html, entry.tenants.iter(), |html, tenant| {
        anchor::link(html, &anchor::client(&tenant.name), &tenant.name);
    });
}

fn write_grants(html: &mut Html, service: &Service) {
    let Grants {
        connect,
        read,
        write,
        memory,
        env,
    } = &service.grants;
    let ports: Vec<String> = connect.iter().map(ToString::to_string).collect();
    codes(html, "May connect to ports", ports.iter());
    codes(html, "May read", read.iter());
    codes(html, "May write", write.iter());
    if let Some(memory) = memory {
        fact(html, "Memory", |html| html.text(&size(memory.get())));
    }
    codes(html, "Environment variables", env.iter());
}

/// Writes a term and its description.
fn fact(html: &mut Html, term: &str, write: impl FnOnce(&mut Html)) {
    html.element("div", &[], |html| {
        html.leaf("dt", &[], term);
        html.element("dd", &[], write);
    });
}

/// Writes a term and a list of texts. Writes nothing if the list is empty.
fn codes<'t>(html: &mut Html, term: &str, texts: impl ExactSizeIterator<Item = &'t String>) {
    if texts.len() > 0 {
        fact(html, term, |html| {
            chips(html, texts, |html, text| html.leaf("code", &[], text));
        });
    }
}

/// Writes short items side by side.
pub fn chips<T>(html: &mut Html, items: impl Iterator<Item = T>, write: impl Fn(&mut Html, T)) {
    html.element("ul", &[("class", "chips")], |html| {
        for item in items {
            html.element("li", &[], |html| write(html, item));
        }
    });
}
