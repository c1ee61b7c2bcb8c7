//! The documentation of generated items.

use super::arguments::valid_call;
use std::time::Duration;

use rpc_schema::Type;
use rpc_schema::model::{Code, Rpc, Service, TypeDecl};
use rpc_schema::naming;
use rpc_schema::overloads::{OverloadShape, shape};

use crate::ir::{Module, Passing};

/// Returns the documentation of the root: its services, and why other services are left out.
pub fn of_root(modules: &[Module], others: &[&Service], tenant: Option<&str>) -> Vec<String> {
    let whose = tenant.map_or_else(String::new, |tenant| format!(" that `{tenant}` may call"));
    let mut lines = vec![format!(
        "The services of the network{whose}, one module each."
    )];
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
        Passing::Together => " Pass the arguments as one value.",
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

/// Returns the lines of a `doc`, followed by an empty line. Code blocks are marked as text, so that
/// no documentation test runs them.
fn doc_lines(doc: Option<&str>) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    let mut open_fence = None;
    for line in doc
        .unwrap_or_default()
        .trim()
        .lines()
        .flat_map(|line| line.split('\r'))
    {
        let line: String = line
            .trim_end()
            .chars()
            .filter(|c| !is_direction_mark(*c))
            .collect();
        let fence = ["```", "~~~"]
            .into_iter()
            .find(|fence| line.trim_start().starts_with(fence));
        lines.push(match (open_fence, fence) {
            (None, None) => without_code_indent(&line),
            (None, Some(fence)) if line.trim_start() == fence => line + "text",
            _ => line,
        });
        match (open_fence, fence) {
            (None, opened) => open_fence = opened,
            (Some(open), Some(fence)) if open == fence => open_fence = None,
            _ => {}
        }
    }
    lines.extend(open_fence.map(str::to_owned));
    if lines.iter().all(String::is_empty) {
        Vec::new()
    } else {
        [lines, vec![String::new()]].concat()
    }
}

/// Returns whether a character changes the writing direction. The compiler rejects such characters
/// in comments.
fn is_direction_mark(c: char) -> bool {
    matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// Limits the indentation of a line to three spaces. With four, Markdown would read it as code.
fn without_code_indent(line: &str) -> String {
    let text = line.trim_start();
    let indent = (line.len() - text.len()).min(3);
    format!("{}{text}", " ".repeat(indent))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_in_a_doc_becomes_a_documentation_test() {
        for (doc, lines) in [
            ("adds", &["adds", ""][..]),
            ("adds\n\n    1 + 1\n", &["adds", "", "   1 + 1", ""]),
            (
                "a\n```\n  x\n```\nb",
                &["a", "```text", "  x", "```", "b", ""],
            ),
            ("```python\nx", &["```python", "x", "```", ""]),
            ("a\r\nb\rc\u{202e}", &["a", "b", "c", ""]),
            (" \n", &[]),
        ] {
            assert_eq!(doc_lines(Some(doc)), lines, "{doc:?}");
        }
    }
}
