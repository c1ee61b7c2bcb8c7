//! The records and the enumerations: their fields or items, and where they are used.

use std::collections::{HashMap, HashSet};

use rpc_schema::model::TypeDecl;
use rpc_schema::types::{Enumeration, Record};
use rpc_schema::{Name, Type};

use super::html::Html;
use super::service::chips;
use super::subject::{Subject, mentioned};
use super::{anchor, prose, signature};

/// Maximum number of users of a type that are listed.
const MAX_USERS: usize = 24;

/// Writes every declared type.
pub fn write(html: &mut Html, subject: &Subject<'_>) {
    let users = users(subject);
    for declared in &subject.types {
        let id = anchor::ty(&declared.name);
        let article = [
            ("class", "type"),
            ("id", &*id),
            ("data-name", declared.name.as_str()),
        ];
        html.element("article", &article, |html| {
            write_type(html, declared, &id);
            write_users(
                html,
                users.get(declared.name.as_str()).map_or(&[], Vec::as_slice),
            );
        });
    }
}

fn write_type(html: &mut Html, declared: &TypeDecl, id: &str) {
    let kind = if matches!(declared.ty, Type::Record(_)) {
        "record"
    } else {
        "enumeration"
    };
    html.element("h3", &[], |html| {
        anchor::link(html, id, &declared.name);
        html.leaf("span", &[("class", "count")], kind);
    });
    prose::write(html, declared.doc.as_deref().unwrap_or_default());
    match &declared.ty {
        Type::Record(record) => write_fields(html, record),
        Type::Enumeration(enumeration) => write_items(html, enumeration),
        _ => {}
    }
}

fn write_fields(html: &mut Html, record: &Record) {
    html.element("dl", &[("class", "fields")], |html| {
        for field in record.fields() {
            html.element("div", &[], |html| {
                html.element("dt", &[], |html| {
                    html.leaf("code", &[], field.name.as_str());
                });
                html.element("dd", &[], |html| {
                    html.element("code", &[], |html| signature::write_type(html, &field.ty));
                });
            });
        }
    });
}

fn write_items(html: &mut Html, enumeration: &Enumeration) {
    chips(html, enumeration.items().iter(), |html, item| {
        html.leaf("code", &[], item);
    });
}

fn write_users(html: &mut Html, users: &[User]) {
    if users.is_empty() {
        html.leaf("p", &[("class", "hint")], "Nothing uses it.");
        return;
    }
    html.leaf("p", &[("class", "hint")], "Used by");
    let hidden = users.len().saturating_sub(MAX_USERS);
    let more = (hidden > 0).then(|| format!("and {hidden} more"));
    let shown = users
        .iter()
        .take(MAX_USERS)
        .map(Some)
        .chain(more.as_ref().map(|_| None));
    chips(html, shown, |html, user| match user {
        Some(User { anchor, name }) => html.leaf("a", &[("href", &format!("#{anchor}"))], name),
        None => html.text(more.as_deref().unwrap_or_default()),
    });
}

/// A procedure or a record that mentions a type.
struct User {
    anchor: String,
    name: String,
}

/// Returns the direct users of each type: procedures in the file's order, then records.
fn users<'a>(subject: &Subject<'a>) -> HashMap<&'a str, Vec<User>> {
    let mut users: HashMap<&str, Vec<User>> = HashMap::new();
    for entry in &subject.services {
        for overloads in &entry.names {
            let used = names(overloads.rpcs.iter().flat_map(|rpc| mentioned(rpc)));
            let Some(first) = overloads.rpcs.first() else {
                continue;
            };
            let anchor = anchor::name(entry.service, &first.name);
            for ty in used {
                users.entry(ty).or_default().push(User {
                    name: anchor.clone(),
                    anchor: anchor.clone(),
                });
            }
        }
    }
    for declared in &subject.types {
        for ty in names(declared.ty.parts().into_iter()) {
            users.entry(ty).or_default().push(of_record(&declared.name));
        }
    }
    users
}

fn of_record(name: &Name) -> User {
    User {
        anchor: anchor::ty(name),
        name: name.to_string(),
    }
}

/// Returns the names of the declared types that are mentioned directly. The types inside a declared
/// type are not included.
fn names<'a>(types: impl Iterator<Item = &'a Type>) -> HashSet<&'a str> {
    let mut open: Vec<&Type> = types.collect();
    let mut names = HashSet::new();
    while let Some(ty) = open.pop() {
        match ty.name() {
            Some(name) => drop(names.insert(name)),
            None => open.extend(ty.parts()),
        }
    }
    names
}
