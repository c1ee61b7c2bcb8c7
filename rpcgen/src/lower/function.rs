//! Lowers one signature to one function.

use rpc_schema::model::{Code, Parameter, Rpc, Service};

use super::docs;
use crate::ident::RustName;
use crate::ir::Function;

pub fn lower(service: &Service, rpc: &Rpc, name: &str) -> Function {
    let arguments = name_arguments(&rpc.parameters);
    Function {
        name: RustName::new(name),
        procedure: RustName::new(name.to_ascii_uppercase()),
        signature: service.signature(rpc),
        docs: docs::of_procedure(service, rpc),
        is_overload: rpc.name != *name,
        answer: RustName::argument("answer", &arguments),
        is_native: rpc.code == Code::Native,
        handler: RustName::argument("handler", &arguments),
        call: RustName::argument("call", &arguments),
        arguments,
        is_idempotent: rpc.idempotent,
        deadline_ms: rpc
            .deadline
            .map(|deadline| u64::try_from(deadline.as_millis()).unwrap_or(u64::MAX)),
    }
}

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
