//! Collisions between the names of generated functions and traits, and the names in the file.

use std::collections::HashMap;

use super::placed_rpc::PlacedRpc;
use crate::diagnostic::{Code, Finding, Findings};
use crate::naming::{arguments_trait, plain_function};
use crate::types::TypeList;

/// Checks the procedures of one service. No two of them may have the same key.
pub(super) fn check_generated_names(rpcs: &[&PlacedRpc<'_>], findings: &mut Findings) {
    let mut by_name: HashMap<&str, Vec<&PlacedRpc<'_>>> = HashMap::with_capacity(rpcs.len());
    for placed in rpcs {
        by_name
            .entry(placed.rpc.name.as_str())
            .or_default()
            .push(placed);
    }
    let mut functions: HashMap<String, &PlacedRpc<'_>> = HashMap::new();
    let mut traits: HashMap<String, &PlacedRpc<'_>> = HashMap::new();
    for placed in rpcs {
        let name = placed.rpc.name.as_str();
        let overloads = by_name.get(name).map_or(&[][..], Vec::as_slice);
        if overloads.len() < 2 {
            continue;
        }
        let function = plain_function(name, &placed.rpc.parameters);
        let taken = by_name
            .get(function.as_str())
            .and_then(|rpcs| rpcs.first().copied());
        if let Some(other) = taken.or_else(|| functions.get(&function).copied()) {
            findings.push(collision("function", &function, placed, other));
        }
        functions.insert(function, placed);
        let is_first = overloads
            .first()
            .is_some_and(|first| std::ptr::eq(*first, *placed));
        if is_first {
            let name = arguments_trait(name);
            if let Some(other) = traits.get(&name) {
                findings.push(collision("trait", &name, placed, other));
            }
            traits.insert(name, placed);
        }
    }
}

fn collision(kind: &str, name: &str, placed: &PlacedRpc<'_>, other: &PlacedRpc<'_>) -> Finding {
    let message = format!("two procedures would get the generated {kind} `{name}`");
    let (first, second) = if placed.at.head().start < other.at.head().start {
        (placed, other)
    } else {
        (other, placed)
    };
    Finding::new(Code::GeneratedName, second.at.head(), message)
        .label(described(second))
        .related(first.at.head(), described(first))
        .hint("rename one of the procedures")
}

fn described(placed: &PlacedRpc<'_>) -> String {
    let types: Vec<_> = placed
        .rpc
        .parameters
        .iter()
        .map(|parameter| parameter.ty.clone())
        .collect();
    format!("`{}({})`", placed.rpc.name, TypeList(&types))
}
