//! Names that the generator will give, held against each other and against those of the file.

use std::collections::HashMap;

use super::rpcs::Placed;
use crate::diagnostic::{Code, Finding, Findings};
use crate::naming::{arguments_trait, plain_function};
use crate::types::TypeList;

/// Checks the procedures of one service, no two of which have one key.
pub(super) fn check_generated_names(rpcs: &[&Placed<'_>], findings: &mut Findings) {
    let mut by_name: HashMap<&str, Vec<&Placed<'_>>> = HashMap::with_capacity(rpcs.len());
    for placed in rpcs {
        by_name
            .entry(placed.rpc.name.as_str())
            .or_default()
            .push(placed);
    }
    let mut functions: HashMap<String, &Placed<'_>> = HashMap::new();
    let mut traits: HashMap<String, &Placed<'_>> = HashMap::new();
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

fn collision(kind: &str, name: &str, placed: &Placed<'_>, other: &Placed<'_>) -> Finding {
    let message = format!("the generated {kind} `{name}` would stand for two procedures");
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

fn described(placed: &Placed<'_>) -> String {
    let types: Vec<_> = placed
        .rpc
        .parameters
        .iter()
        .map(|parameter| parameter.ty.clone())
        .collect();
    format!("`{}({})`", placed.rpc.name, TypeList(&types))
}
