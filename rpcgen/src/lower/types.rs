//! Lowers records and enumerations: selects those that are needed, and names them in Rust.

use std::collections::HashMap;

use rpc_schema::Type;
use rpc_schema::model::{Schema, Service, TypeDecl};
use rpc_schema::naming;
use rpc_schema::signature::named_types;

use super::docs;
use crate::ident::RustName;
use crate::ir::{NamedType, TypeBody};

/// Lowers the types of a file; with `services`, only the types that these services mention.
pub fn lower(schema: &Schema, services: Option<&Vec<&Service>>) -> Vec<NamedType> {
    let mentioned = services.map(|services| mentioned(services));
    let is_needed = |declared: &&TypeDecl| {
        mentioned
            .as_ref()
            .is_none_or(|mentioned| mentioned.contains_key(declared.name.as_str()))
    };
    schema
        .types
        .iter()
        .filter(is_needed)
        .filter_map(lower_type)
        .collect()
}

/// Returns whether a signature of the service mentions a record or an enumeration.
pub fn mentions_any(service: &Service) -> bool {
    !mentioned(&[service]).is_empty()
}

fn mentioned(services: &[&Service]) -> HashMap<String, Type> {
    let signatures: Vec<_> = services
        .iter()
        .flat_map(|service| service.rpcs.iter().map(|rpc| service.signature(rpc)))
        .collect();
    // Names cannot conflict within one file.
    named_types(&signatures).unwrap_or_default()
}

fn lower_type(declared: &TypeDecl) -> Option<NamedType> {
    let body = match &declared.ty {
        Type::Record(record) => {
            let fields = record.fields().iter();
            TypeBody::Fields(
                fields
                    .map(|field| (RustName::new(field.name.as_str()), field.ty.clone()))
                    .collect(),
            )
        }
        Type::Enumeration(enumeration) => {
            let variant = |item: &String| (RustName::new(naming::variant(item)), item.clone());
            TypeBody::Variants(enumeration.items().iter().map(variant).collect())
        }
        _ => return None,
    };
    Some(NamedType {
        name: RustName::new(declared.name.as_str()),
        docs: docs::of_type(declared),
        body,
    })
}
