//! The sentences above generated items.

use std::time::Duration;

use rpc_schema::Type;
use rpc_schema::model::{Code, Rpc, Service, TypeDecl};
use rpc_schema::naming;
use rpc_schema::overloads::{OverloadShape, shape};

use super::overloads;
use crate::ir::{Module, Passing};

/// Above the root: what this is, the services in it, and why others are not.
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
            "Not here, since `{tenant}` is no tenant of theirs and would be refused: {names}."
        ));
    }
    lines
}

/// At the top of the types.
pub const OF_TYPES: &str = "The records and enumerations of the network.";

/// Above a record or an enumeration: its `doc`, and what it is.
pub fn of_type(declared: &TypeDecl) -> Vec<String> {
    let mut lines = described(declared.doc.as_deref());
    let what = if matches!(declared.ty, Type::Record(_)) {
        "record"
    } else {
        "enumeration"
    };
    lines.push(format!("The {what} `{}`.", declared.name));
    lines
}

/// Above a service: who provides it, who may call it, and which names have no function for all
/// their overloads.
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
        "The functions call through the installed network, [`Client`] through the one it was made with, as does \
         `AsyncClient` without blocking; [`Mock`] stands in for it in tests."
            .to_owned(),
    ];
    if service.rpcs.iter().any(|rpc| rpc.code == Code::Native) {
        lines.push(String::new());
        lines.push("[`Handler`] and [`serve`] are for its provider.".to_owned());
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
        "There is no function `{name}` for all its overloads: the arguments alone could not tell them apart, \
         since a `None` fits every `Optional`, or since a tuple is passed like several arguments. Each has its own: {}.",
        functions.join(", ")
    )
}

/// Above a function: its `doc`, its signature, its promises.
pub fn of_procedure(service: &Service, rpc: &Rpc) -> Vec<String> {
    let mut lines = described(rpc.doc.as_deref());
    lines.push(format!("`{}`{}", service.signature(rpc), promises(rpc)));
    lines
}

fn promises(rpc: &Rpc) -> String {
    let deadline = rpc
        .deadline
        .map(|deadline| format!("takes at most {}", in_words(deadline)));
    let idempotent = rpc.idempotent.then(|| "safe to run twice".to_owned());
    let promises: Vec<String> = deadline.into_iter().chain(idempotent).collect();
    if promises.is_empty() {
        String::new()
    } else {
        format!(": {}", promises.join(", "))
    }
}

/// `5s`, `1500ms`: as the file writes it.
fn in_words(duration: Duration) -> String {
    match duration.as_millis() {
        millis if millis % 1000 == 0 => format!("{}s", millis / 1000),
        millis => format!("{millis}ms"),
    }
}

/// Above the function of all overloads at once: how to pass what, and the plain functions.
pub fn of_overloads(service: &Service, set: &[&Rpc], passing: &Passing) -> Vec<String> {
    let name = set.first().map_or("", |rpc| rpc.name.as_str());
    let how = match passing {
        Passing::Separate(_) => "the types of the arguments decide",
        Passing::Together => "the types of the arguments decide, which are passed as one value",
    };
    let mut lines = vec![format!("`{}.{name}`: {how}.", service.name), String::new()];
    for rpc in set {
        let call = overloads::valid_call(rpc, passing);
        lines.push(format!("- `{call}` is [`{0}`](fn@{0})", plain(rpc)));
    }
    lines
}

/// Above the trait of a set's valid arguments.
pub fn of_arguments_trait(name: &str) -> Vec<String> {
    vec![format!(
        "What [`{name}`](fn@{name}) may be called with, in the forms that the module `forms` below lists. Only this \
         module implements it."
    )]
}

fn plain(rpc: &Rpc) -> String {
    naming::plain_function(rpc.name.as_str(), &rpc.parameters)
}

/// The lines of a `doc`, followed by an empty one. What Markdown would take for code is marked as
/// text, so that no documentation test tries to run it.
fn described(doc: Option<&str>) -> Vec<String> {
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
            .filter(|c| !turns_text_around(*c))
            .collect();
        let fence = ["```", "~~~"]
            .into_iter()
            .find(|fence| line.trim_start().starts_with(fence));
        lines.push(match (open_fence, fence) {
            (None, None) => outdented(&line),
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

/// Marks of writing direction, which the compiler refuses in comments.
fn turns_text_around(c: char) -> bool {
    matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// Four blanks in front would make it code.
fn outdented(line: &str) -> String {
    let text = line.trim_start();
    let blanks = (line.len() - text.len()).min(3);
    format!("{}{text}", " ".repeat(blanks))
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
            assert_eq!(described(Some(doc)), lines, "{doc:?}");
        }
    }
}
