//! `rpc-client list`: the procedures that a client may call, and the types that they mention.

use rpc_runtime::Network;
use rpc_schema::model::{Parameter, Rpc, Schema, Service, TypeDecl};
use rpc_schema::signature::named_types;
use rpc_schema::{Type, TypeList, visible};
use serde_json::{Value, json};

use super::{ClientError, CommandLine, JSON_VERSION, print_error, topology_of};
use crate::exit_status::ExitStatus;
use crate::report;

/// Number of columns by which the further lines of an entry are indented.
const LIST_INDENT: usize = 4;

pub(super) fn list(schema: &Schema, command_line: &CommandLine) -> ExitStatus {
    let client = match Network::builder(topology_of(schema))
        .client_or_default(command_line.client.as_deref())
    {
        Ok(client) => client,
        Err(error) => return print_error(&ClientError::Call(error), command_line.json),
    };
    let callable = || {
        let services = schema.services.iter();
        let services = services.filter(|service| service.has_tenant(&client));
        services.flat_map(|service| service.rpcs.iter().map(move |rpc| (service, rpc)))
    };
    let types = mentioned_types(schema, callable());
    if command_line.json {
        let procedures = callable().map(|(service, rpc)| procedure_json(service, rpc));
        procedures
            .chain(types.into_iter().map(type_json))
            .for_each(print_json);
    } else {
        callable().for_each(|(service, rpc)| print_procedure(service, rpc));
        if !types.is_empty() {
            report::out("");
        }
        types.into_iter().for_each(print_type);
    }
    ExitStatus::Done
}

/// Returns the declared types that the procedures mention, in the file's order.
fn mentioned_types<'a>(
    schema: &'a Schema,
    procedures: impl Iterator<Item = (&'a Service, &'a Rpc)>,
) -> Vec<&'a TypeDecl> {
    let signatures: Vec<_> = procedures
        .map(|(service, rpc)| service.signature(rpc))
        .collect();
    // The names of the types of one file are unique, so this does not fail.
    let mentioned = named_types(&signatures).unwrap_or_default();
    let types = schema.types.iter();
    types
        .filter(|declared| mentioned.contains_key(declared.name.as_str()))
        .collect()
}

fn print_procedure(service: &Service, rpc: &Rpc) {
    let parameters: Vec<String> = rpc.parameters.iter().map(parameter_text).collect();
    let service = &service.name;
    let name = &rpc.name;
    let parameters = parameters.join(", ");
    let returns = TypeList(&rpc.returns);
    print_documented(
        &format!("{service}.{name}({parameters}) -> ({returns})"),
        rpc.doc.as_deref(),
    );
}

fn parameter_text(Parameter { name, ty }: &Parameter) -> String {
    match name {
        Some(name) => format!("{name}: {ty}"),
        None => ty.to_string(),
    }
}

fn print_type(declared: &TypeDecl) {
    print_documented(&definition(&declared.ty), declared.doc.as_deref());
}

/// Returns a record or an enumeration with its members. Types of fields are written as their names.
fn definition(ty: &Type) -> String {
    let members: Vec<String> = match ty {
        Type::Record(record) => {
            let fields = record.fields().iter();
            fields
                .map(|field| format!("{}: {}", field.name, field.ty))
                .collect()
        }
        Type::Enumeration(enumeration) => enumeration.items().to_vec(),
        _ => Vec::new(),
    };
    format!("{ty}{{{}}}", members.join(", "))
}

/// Prints a line with the first line of its documentation. The other lines follow, indented.
fn print_documented(line: &str, doc: Option<&str>) {
    let mut doc = doc.into_iter().flat_map(str::lines);
    let first = doc.next();
    let first = first.map_or_else(String::new, |first| format!("  # {}", visible(first)));
    report::out_wrapped(&format!("{line}{first}"), LIST_INDENT);
    for line in doc {
        let line = format!("    # {}", visible(line));
        report::out_wrapped(line.trim_end(), LIST_INDENT + 2);
    }
}

fn print_json(mut line: Value) {
    line["schema"] = JSON_VERSION.into();
    report::out(visible(&line.to_string()));
}

fn procedure_json(service: &Service, rpc: &Rpc) -> Value {
    let argument = |Parameter { name, ty }: &Parameter| json!({ "name": name.as_ref().map(ToString::to_string), "type": ty.to_string() });
    json!({
        "signature": service.signature(rpc).to_string(),
        "provider": service.provider.as_str(),
        "arguments": rpc.parameters.iter().map(argument).collect::<Vec<_>>(),
        "returns": rpc.returns.iter().map(ToString::to_string).collect::<Vec<_>>(),
        "doc": rpc.doc,
    })
}

fn type_json(declared: &TypeDecl) -> Value {
    json!({
        "type": declared.name.as_str(), "definition": definition(&declared.ty), "doc": declared.doc,
    })
}
