//! The names that generated code gives to procedures. They are settled here, so that the check for collisions and the
//! generator cannot disagree.

use std::fmt::Write as _;

use crate::model::{Parameter, Service};
use crate::types::Type;

/// Names that a generated service module or its `Client` takes for itself, so that no procedure may have them.
pub const RESERVED_FUNCTIONS: [&str; 2] = ["new", "serve"];

/// Names of services that would collide with a generated file or item at the root.
pub const RESERVED_MODULES: [&str; 3] = ["lib", "main", "mod"];

/// Whether several procedures of a service share this name, that is, form an overload set.
pub fn is_overloaded(service: &Service, rpc: &str) -> bool {
    service.rpcs.iter().filter(|other| other.name == *rpc).count() > 1
}

/// The function that stands for one overload alone: `add(int, List[int])` is `add_int_list_int`, `result()` is
/// `result_none`.
pub fn plain_function(rpc: &str, parameters: &[Parameter]) -> String {
    if parameters.is_empty() {
        return format!("{rpc}_none");
    }
    parameters.iter().fold(rpc.to_owned(), |name, parameter| name + "_" + &type_in_identifier(&parameter.ty))
}

/// The trait that holds an overload set together: `add_all` is `AddAllArgs`.
pub fn arguments_trait(rpc: &str) -> String {
    let mut name = String::with_capacity(rpc.len() + 4);
    for word in rpc.split('_').filter(|word| !word.is_empty()) {
        let (first, rest) = word.split_at(1);
        name.push_str(&first.to_ascii_uppercase());
        name.push_str(rest);
    }
    name + "Args"
}

fn type_in_identifier(ty: &Type) -> String {
    match ty {
        Type::Int => "int".to_owned(),
        Type::Float => "float".to_owned(),
        Type::Bool => "bool".to_owned(),
        Type::Str => "str".to_owned(),
        Type::Bytes => "bytes".to_owned(),
        Type::List(item) => format!("list_{}", type_in_identifier(item)),
        Type::Dict(key, value) => format!("dict_{key}_{}", type_in_identifier(value)),
        Type::Optional(item) => format!("optional_{}", type_in_identifier(item)),
        Type::Tuple(items) => items.iter().fold("tuple".to_owned(), |mut name, item| {
            let _ = write!(name, "_{}", type_in_identifier(item));
            name
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn overloads_are_named_after_their_types() {
        let parameters = |texts: &[&str]| -> Vec<Parameter> {
            texts.iter().map(|text| Parameter { name: None, ty: Type::parse(text).expect(text) }).collect()
        };
        assert_eq!(plain_function("add", &parameters(&["int", "int"])), "add_int_int");
        assert_eq!(plain_function("result", &[]), "result_none");
        assert_eq!(
            plain_function("put", &parameters(&["Dict[str, Optional[Tuple[int, bytes]]]"])),
            "put_dict_str_optional_tuple_int_bytes"
        );
        assert_eq!(arguments_trait("add_all"), "AddAllArgs");
        assert_eq!(arguments_trait("addAll"), "AddAllArgs");
    }
}
