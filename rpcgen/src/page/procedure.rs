//! The procedures of one name: their signatures, their promises, and examples of calls.

use rpc_schema::model::{Code, Rpc};

use super::html::Html;
use super::subject::{Overloads, ServiceEntry, Subject};
use super::words::{count, duration};
use super::{anchor, example, prose, signature};

/// Writes the procedures of a name: a single one, or all overloads.
pub fn write(
    html: &mut Html,
    subject: &Subject<'_>,
    entry: &ServiceEntry<'_>,
    overloads: &Overloads<'_>,
) {
    let Some(first) = overloads.rpcs.first() else {
        return;
    };
    let id = anchor::name(entry.service, &first.name);
    let article = [
        ("class", "procedure"),
        ("id", &*id),
        ("data-name", first.name.as_str()),
    ];
    html.element("article", &article, |html| {
        if let [rpc] = overloads.rpcs[..] {
            write_heading(html, "h4", entry, rpc, &id);
            write_body(html, subject, entry, overloads, 0);
            return;
        }
        html.element("h4", &[], |html| {
            anchor::link(html, &id, &first.name);
            html.leaf(
                "span",
                &[("class", "count")],
                &count(overloads.rpcs.len(), "overload"),
            );
        });
        for (index, rpc) in overloads.rpcs.iter().enumerate() {
            let id = anchor::overload(entry.service, rpc);
            html.element("section", &[("class", "overload"), ("id", &id)], |html| {
                write_heading(html, "h5", entry, rpc, &id);
                write_body(html, subject, entry, overloads, index);
            });
        }
    });
}

/// Writes the heading: the signature, and a link to it.
fn write_heading(
    html: &mut Html,
    tag: &'static str,
    entry: &ServiceEntry<'_>,
    rpc: &Rpc,
    id: &str,
) {
    html.element(tag, &[], |html| {
        signature::write(html, entry.service, rpc);
        let label = format!("Link to {}", entry.service.signature(rpc).key().as_str());
        let link = [
            ("href", &*format!("#{id}")),
            ("class", "self"),
            ("aria-label", &*label),
        ];
        html.leaf("a", &link, "#");
    });
}

fn write_body(
    html: &mut Html,
    subject: &Subject<'_>,
    entry: &ServiceEntry<'_>,
    overloads: &Overloads<'_>,
    index: usize,
) {
    let rpc = overloads.rpcs[index];
    prose::write(html, rpc.doc.as_deref().unwrap_or_default());
    html.element("ul", &[("class", "promises")], |html| {
        write_promises(html, entry, rpc);
    });
    example::write(html, subject, entry, overloads, index);
}

fn write_promises(html: &mut Html, entry: &ServiceEntry<'_>, rpc: &Rpc) {
    if let Some(deadline) = rpc.deadline {
        html.leaf("li", &[], &format!("takes at most {}", duration(deadline)));
    }
    if rpc.idempotent {
        html.leaf("li", &[], "idempotent: safe to run twice");
    }
    html.element("li", &[], |html| match &rpc.code {
        Code::Source(path) => {
            html.text("code in ");
            html.leaf("code", &[], path);
        }
        Code::Native => {
            html.text(&format!(
                "native: compiled into the binary of {}",
                entry.provider.name
            ));
        }
    });
}
