//! Lowers one signature to one function.

use super::arguments::name_arguments;
use rpc_schema::model::{Code, Rpc, Service};

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
