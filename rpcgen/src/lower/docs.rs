//! The documentation of generated items.

use std::time::Duration;

use rpc_schema::Type;
use rpc_schema::model::{Code, Rpc, Schema, Service, TypeDecl};
use rpc_schema::naming;
use rpc_schema::overloads::{OverloadShape, shape};

use super::arguments::valid_call;
use super::markdown;
use crate::ir::{Module, Passing};

/// Number of columns between two stops of a tab, as in Markdown.
const TAB: usize = 4;

/// Returns the documentation of the root: its services, and why other services are left out.
pub fn of_root(
    schema: &Schema,
    modules: &[Module],
    others: &[&Service],
    tenant: Option<&str>,
) -> Vec<String> {
    let name = name_of(schema);
    let whose = tenant.map_or_else(String::new, |tenant| format!(" that `{tenant}` may call"));
    let mut lines = doc_lines(schema.doc.as_deref());
    lines.push(format!(
        "The services of the network{name}{whose}, one module each."
    ));
    if !modules.is_empty() {
        lines.push(String::new());
    }
    for Module { name, provider, .. } in modules {
        lines.push(format!(
            "- [`{0}`](mod@{0}), provided by `{provider}`",
            name.as_str()
        ));
    }
    if let Some(tenant) = tenant.filter(|_| !others.is_empty()) {
        let names: Vec<String> = others
            .iter()
            .map(|service| format!("`{}`", service.name))
            .collect();
        let names = names.join(", ");
        lines.push(String::new());
        lines.push(format!(
            "Left out, because `{tenant}` is not a tenant and may not call them: {names}."
        ));
    }
    lines
}

/// Returns the documentation of the static data about the network: its `doc`, and what the data is.
pub fn of_network(schema: &Schema) -> Vec<String> {
    let mut lines = doc_lines(schema.doc.as_deref());
    let name = name_of(schema);
    lines.push(format!(
        "The network{name} of these stubs: servers, clients, and the provider of each service."
    ));
    lines
}

fn name_of(schema: &Schema) -> String {
    let name = schema.name.as_ref();
    name.map_or_else(String::new, |name| format!(" `{name}`"))
}

/// Documentation of the module of the types.
pub const TYPES_DOC: &str = "The records and enumerations of the network.";

/// Returns the documentation of a record or an enumeration: its `doc`, and its kind and name.
pub fn of_type(declared: &TypeDecl) -> Vec<String> {
    let mut lines = doc_lines(declared.doc.as_deref());
    let kind = if matches!(declared.ty, Type::Record(_)) {
        "record"
    } else {
        "enumeration"
    };
    lines.push(format!("The {kind} `{}`.", declared.name));
    lines
}

/// Returns the documentation of a service: its provider, its tenants, and the names that have no
/// function for all their overloads.
pub fn of_service(service: &Service, sets: &[Vec<&Rpc>]) -> Vec<String> {
    let tenants: Vec<String> = service
        .tenants
        .iter()
        .map(|tenant| format!("`{tenant}`"))
        .collect();
    let tenants = if tenants.is_empty() {
        "nobody".to_owned()
    } else {
        tenants.join(", ")
    };
    let mut lines = vec![
        format!(
            "The service `{}`, provided by `{}`; its tenants: {tenants}.",
            service.name, service.provider
        ),
        String::new(),
        "The functions call through the installed network. [`Client`] calls through a network of your choice; \
         `AsyncClient` does so without blocking. [`Mock`] replaces a client in tests."
            .to_owned(),
    ];
    if service.rpcs.iter().any(|rpc| rpc.code == Code::Native) {
        lines.push(String::new());
        lines.push("The provider implements [`Handler`] and passes it to [`serve`].".to_owned());
    }
    for set in sets
        .iter()
        .filter(|set| shape(set) == OverloadShape::PlainOnly)
    {
        lines.push(String::new());
        lines.push(why_plain_only(set));
    }
    lines
}

fn why_plain_only(set: &[&Rpc]) -> String {
    let functions: Vec<String> = set
        .iter()
        .map(|rpc| format!("[`{0}`](fn@{0})", plain(rpc)))
        .collect();
    let name = set.first().map_or("", |rpc| rpc.name.as_str());
    format!(
        "There is no function `{name}` for all its overloads, because their arguments are ambiguous: \
         a `None` fits every `Optional`, or a tuple looks like several arguments. Each overload has its own function: {}.",
        functions.join(", ")
    )
}

/// Returns the documentation of a function: its `doc`, its signature and its promises.
pub fn of_procedure(service: &Service, rpc: &Rpc) -> Vec<String> {
    let mut lines = doc_lines(rpc.doc.as_deref());
    lines.push(format!("`{}`{}", service.signature(rpc), promises(rpc)));
    lines
}

fn promises(rpc: &Rpc) -> String {
    let deadline = rpc
        .deadline
        .map(|deadline| format!("takes at most {}", duration_text(deadline)));
    let idempotent = rpc.idempotent.then(|| "safe to run twice".to_owned());
    let promises: Vec<String> = deadline.into_iter().chain(idempotent).collect();
    if promises.is_empty() {
        String::new()
    } else {
        format!(": {}", promises.join(", "))
    }
}

/// Returns a duration as the file writes it: `5s`, `1500ms`.
fn duration_text(duration: Duration) -> String {
    match duration.as_millis() {
        millis if millis % 1000 == 0 => format!("{}s", millis / 1000),
        millis => format!("{millis}ms"),
    }
}

/// Returns the documentation of the function for all overloads: how to pass the arguments, and the
/// plain functions.
pub fn of_overloads(service: &Service, set: &[&Rpc], passing: &Passing) -> Vec<String> {
    let name = set.first().map_or("", |rpc| rpc.name.as_str());
    let how_to_pass = match passing {
        Passing::Separate(_) => "",
        Passing::Together => {
            " Pass the arguments as one value: one argument as it is, several as a tuple in parentheses of its own, \
             and none as `()`."
        }
    };
    let mut lines = vec![
        format!(
            "`{}.{name}`: the types of the arguments select the overload.{how_to_pass}",
            service.name
        ),
        String::new(),
    ];
    for rpc in set {
        let call = valid_call(rpc, passing);
        lines.push(format!("- `{call}` calls [`{0}`](fn@{0})", plain(rpc)));
    }
    lines
}

/// Returns the documentation of the trait of a set's valid arguments.
pub fn of_arguments_trait(name: &str) -> Vec<String> {
    vec![format!(
        "The arguments that [`{name}`](fn@{name}) accepts. The module `forms` below lists their forms. Only this \
         module implements the trait."
    )]
}

fn plain(rpc: &Rpc) -> String {
    naming::plain_function(rpc.name.as_str(), &rpc.parameters)
}

/// Returns the lines of a `doc`, followed by an empty line. Nothing in them is a documentation test.
fn doc_lines(doc: Option<&str>) -> Vec<String> {
    let plain_lines: Vec<String> = doc
        .unwrap_or_default()
        .trim()
        .lines()
        .flat_map(|line| line.split('\r'))
        .map(plain_line)
        .collect();
    let text = plain_lines.join("\n");
    if text.trim().is_empty() {
        return Vec::new();
    }
    let tested = markdown::without_tests(&text);
    let lines = tested.lines().map(str::to_owned);
    lines.chain([String::new()]).collect()
}

/// Returns a line without what the compiler or clippy rejects in comments: tabs, which move to the
/// next fourth column, spaces at the end, and marks of the writing direction.
fn plain_line(line: &str) -> String {
    let mut plain = String::with_capacity(line.len());
    let mut column = 0;
    for c in line.trim_end().chars().filter(|c| !is_direction_mark(*c)) {
        let width = if c == '\t' { TAB - column % TAB } else { 1 };
        column += width;
        if c == '\t' {
            plain += &" ".repeat(width);
        } else {
            plain.push(c);
        }
    }
    plain
}

/// Returns whether a character changes the writing direction. The compiler rejects such characters
/// in comments.
fn is_direction_mark(c: char) -> bool {
    matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_in_a_doc_becomes_a_documentation_test() {
        for (doc, lines) in [
            ("adds", &["adds", ""][..]),
            (
                "adds\n\n    1 + 1\n",
                &["adds", "", "```text", "1 + 1", "```", ""],
            ),
            (
                "a\n```\n  x\n```\nb",
                &["a", "```text", "  x", "```", "b", ""],
            ),
            ("```python\nx", &["```python", "x", "```", ""]),
            ("x\ty\n\n\t1", &["x   y", "", "```text", "1", "```", ""]),
            ("a\r\nb\rc\u{202e}", &["a", "b", "c", ""]),
            (" \n", &[]),
        ] {
            assert_eq!(doc_lines(Some(doc)), lines, "{doc:?}");
        }
    }
}
