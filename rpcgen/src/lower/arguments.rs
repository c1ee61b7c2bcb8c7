//! The names of arguments, and calls as documentation shows them.

use rpc_schema::model::{Parameter, Rpc};

use crate::ident::RustName;
use crate::ir::Passing;
use crate::types::{returns_in_docs, type_in_docs};

/// Returns the names of the arguments: those in the file, or letters for unnamed arguments.
pub fn name_arguments(parameters: &[Parameter]) -> Vec<RustName> {
    let mut names = Vec::with_capacity(parameters.len());
    for (position, parameter) in parameters.iter().enumerate() {
        let name = parameter
            .name
            .as_ref()
            .map_or_else(|| letter(position), ToString::to_string);
        names.push(RustName::argument(&name, &names));
    }
    names
}

/// Returns the name of an unnamed argument: `a`, `b`, ... `z`, `a26`, ...
fn letter(position: usize) -> String {
    ('a'..='z')
        .nth(position)
        .map_or_else(|| format!("a{position}"), String::from)
}

/// Returns a valid call with Rust types: `add(i64, i64) -> i64`, `vote((String, i64)) -> ()`.
pub fn valid_call(rpc: &Rpc, passing: &Passing) -> String {
    let types: Vec<String> = rpc
        .parameters
        .iter()
        .map(|parameter| type_in_docs(&parameter.ty))
        .collect();
    let arguments = match (passing, types.as_slice()) {
        (Passing::Separate(_), _) | (Passing::Together, [_]) => types.join(", "),
        (Passing::Together, _) => format!("({})", types.join(", ")),
    };
    format!(
        "{}({arguments}) -> {}",
        RustName::new(rpc.name.as_str()),
        returns_in_docs(&rpc.returns)
    )
}
