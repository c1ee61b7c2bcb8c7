//! The procedures of one name: what they take and return, what they promise, and how they are
//! called.

use rpc_schema::model::{Code, Rpc};

use super::html::Html;
use super::subject::{Overloads, Provided, Subject};
use super::words::{count, duration};
use super::{anchor, example, prose, signature};

/// Writes a name: the one procedure, or all of its overloads.
pub fn write(
    html: &mut Html,
    subject: &Subject<'_>,
    provided: &Provided<'_>,
    overloads: &Overloads<'_>,
) {
    let Some(first) = overloads.rpcs.first() else {
        return;
    };
    let id = anchor::name(provided.service, &first.name);
    let article = [
        ("class", "procedure"),
        ("id", &*id),
        ("data-name", first.name.as_str()),
    ];
    html.element("article", &article, |html| {
        if let [rpc] = overloads.rpcs[..] {
            write_heading(html, "h4", provided, rpc, &id);
            write_body(html, subject, provided, overloads, 0);
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
        for (place, rpc) in overloads.rpcs.iter().enumerate() {
            let id = anchor::overload(provided.service, rpc);
            html.element("section", &[("class", "overload"), ("id", &id)], |html| {
                write_heading(html, "h5", provided, rpc, &id);
                write_body(html, subject, provided, overloads, place);
            });
        }
    });
}

/// The signature is the heading, and a link to itself.
fn write_heading(html: &mut Html, tag: &'static str, provided: &Provided<'_>, rpc: &Rpc, id: &str) {
    html.element(tag, &[], |html| {
        signature::write(html, provided.service, rpc);
        let link = [
            ("href", &*format!("#{id}")),
            ("class", "self"),
            ("aria-label", "Link to this procedure"),
        ];
        html.leaf("a", &link, "#");
    });
}

fn write_body(
    html: &mut Html,
    subject: &Subject<'_>,
    provided: &Provided<'_>,
    overloads: &Overloads<'_>,
    place: usize,
) {
    let rpc = overloads.rpcs[place];
    prose::write(html, rpc.doc.as_deref().unwrap_or_default());
    html.element("ul", &[("class", "promises")], |html| {
        write_promises(html, provided, rpc);
    });
    example::write(html, subject, provided, overloads, place);
}

fn write_promises(html: &mut Html, provided: &Provided<'_>, rpc: &Rpc) {
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
                provided.provider.name
            ));
        }
    });
}
