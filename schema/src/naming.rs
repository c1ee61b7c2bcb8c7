//! The names that generated code gives to procedures, overload sets and variants. The check for
//! collisions and the generator both use this module, so they cannot disagree.

use std::fmt::Write as _;

use crate::model::{Parameter, Service};
use crate::types::Type;

/// Names that no procedure may have, because every generated service module or its `Client` uses
/// them.
pub const RESERVED_FUNCTIONS: [&str; 2] = ["new", "serve"];

/// Name of the crate of the runtime in generated code. No service may have it: beside a module of
/// that name, `rpc_runtime::include_stubs!()` is ambiguous.
pub const RUNTIME_CRATE: &str = "rpc_runtime";

/// Names that no service may have, because generated files or items at the root use them.
pub const RESERVED_MODULES: [&str; 5] = ["lib", "main", "mod", RUNTIME_CRATE, "types"];

/// Names that no type may have, because generated types use the Rust types of these names.
pub const RESERVED_TYPES: [&str; 20] = [
    "Option", "String", "Vec", "bool", "char", "f32", "f64", "i8", "i16", "i32", "i64", "i128",
    "isize", "str", "u8", "u16", "u32", "u64", "u128", "usize",
];

/// The Python module from which sources import records and enumerations.
pub const PYTHON_TYPES_MODULE: &str = "rpc_types";

/// Returns whether several procedures of a service have this name and form an overload set.
pub fn is_overloaded(service: &Service, rpc: &str) -> bool {
    service
        .rpcs
        .iter()
        .filter(|other| other.name == *rpc)
        .count()
        > 1
}

/// Returns the name of the function for one overload: `add_int_list_int` for
/// `add(int, List[int])`, `result_none` for `result()`.
pub fn plain_function(rpc: &str, parameters: &[Parameter]) -> String {
    if parameters.is_empty() {
        return format!("{rpc}_none");
    }
    parameters.iter().fold(rpc.to_owned(), |name, parameter| {
        name + "_" + &type_in_identifier(&parameter.ty)
    })
}

/// Returns the name of the trait for the arguments of an overload set: `AddAllArgs` for `add_all`.
pub fn arguments_trait(rpc: &str) -> String {
    words(rpc).map(capitalized).collect::<String>() + "Args"
}

/// Returns the name of the variant for an item of an enumeration: `VeryHigh` for `very_high`,
/// `NotFound` for `NOT_FOUND`.
pub fn variant(item: &str) -> String {
    let is_upper_case = |word: &str| !word.bytes().any(|byte| byte.is_ascii_lowercase());
    let without_capitals = |word: &str| {
        if is_upper_case(word) {
            word.to_ascii_lowercase()
        } else {
            word.to_owned()
        }
    };
    let name: String = words(item)
        .map(|word| capitalized(&without_capitals(word)))
        .collect();
    if name == "Self" { name + "_" } else { name }
}

fn words(name: &str) -> impl Iterator<Item = &str> {
    name.split('_').filter(|word| !word.is_empty())
}

fn capitalized(word: &str) -> String {
    let (first, rest) = word.split_at(1);
    first.to_ascii_uppercase() + rest
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
        Type::Record(record) => in_snake_case(record.name().as_str()),
        Type::Enumeration(enumeration) => in_snake_case(enumeration.name().as_str()),
        Type::Tuple(items) => items.iter().fold("tuple".to_owned(), |mut name, item| {
            let _ = write!(name, "_{}", type_in_identifier(item));
            name
        }),
    }
}

/// Converts a name to snake case: `VeryHigh` becomes `very_high`.
fn in_snake_case(name: &str) -> String {
    let mut text = String::with_capacity(name.len() + 4);
    let mut after_small = false;
    for letter in name.chars() {
        if after_small && letter.is_ascii_uppercase() {
            text.push('_');
        }
        after_small = !letter.is_ascii_uppercase() && letter != '_';
        text.push(letter.to_ascii_lowercase());
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn generated_names_follow_from_procedures_types_and_items() {
        let parameters = |texts: &[&str]| -> Vec<Parameter> {
            texts
                .iter()
                .map(|text| Parameter {
                    name: None,
                    ty: Type::parse(text).expect(text),
                })
                .collect()
        };
        assert_eq!(
            plain_function("add", &parameters(&["int", "int"])),
            "add_int_int"
        );
        assert_eq!(plain_function("result", &[]), "result_none");
        assert_eq!(
            plain_function(
                "put",
                &parameters(&["Dict[str, Optional[Tuple[int, bytes]]]"])
            ),
            "put_dict_str_optional_tuple_int_bytes"
        );
        assert_eq!(
            plain_function("show", &parameters(&["List[VeryHigh{a}]", "T1{a: int}"])),
            "show_list_very_high_t1"
        );
        assert_eq!(arguments_trait("add_all"), "AddAllArgs");
        assert_eq!(arguments_trait("addAll"), "AddAllArgs");
        assert_eq!(
            ["low", "very_high", "NOT_FOUND", "lowHigh", "a_1", "self"].map(variant),
            ["Low", "VeryHigh", "NotFound", "LowHigh", "A1", "Self_"]
        );
    }
}
