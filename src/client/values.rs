//! The values of a command line as typed arguments.

use rpc_runtime::Argument;
use rpc_schema::model::{Rpc, Schema};
use rpc_schema::{Expanded, Type, TypeList};
use wire::json;

/// The values with the types that were named.
///
/// # Errors
/// What is wrong, in words.
pub(super) fn typed(
    schema: &Schema,
    types: &str,
    values: &[String],
) -> Result<Vec<Argument>, String> {
    let types = split_types(schema, types)?;
    if types.len() != values.len() {
        return Err(format!(
            "--types has {} types, and {} values are given",
            types.len(),
            values.len()
        ));
    }
    types
        .iter()
        .zip(values)
        .map(|(ty, value)| argument(ty, value))
        .collect()
}

/// The values with the types of the first overload in the file that takes them. For what the file
/// does not declare, the server decides; the types are then guessed from the values.
///
/// # Errors
/// That no overload takes them.
pub(super) fn inferred(
    schema: &Schema,
    service: &str,
    rpc: &str,
    values: &[String],
) -> Result<Vec<Argument>, String> {
    let Some(declared) = schema.service(service) else {
        return guessed(values);
    };
    let overloads: Vec<&Rpc> = declared
        .rpcs
        .iter()
        .filter(|declared| declared.name == *rpc)
        .collect();
    if overloads.is_empty() {
        return guessed(values);
    }
    let types_of = |rpc: &&Rpc| {
        rpc.parameters
            .iter()
            .map(|parameter| parameter.ty.clone())
            .collect()
    };
    let candidates: Vec<Vec<Type>> = overloads.iter().map(types_of).collect();
    for fits in [fits_as_json, fits_as_word] {
        let takes = |types: &&Vec<Type>| {
            types.len() == values.len()
                && types.iter().zip(values).all(|(ty, value)| fits(ty, value))
        };
        if let Some(types) = candidates.iter().find(takes) {
            return types
                .iter()
                .zip(values)
                .map(|(ty, value)| argument(ty, value))
                .collect();
        }
    }
    let valid: Vec<_> = candidates
        .iter()
        .map(|types| format!("{service}.{rpc}({})", TypeList(types)))
        .collect();
    let why = why_not(&candidates, values).map_or_else(String::new, |why| format!(": {why}"));
    Err(format!(
        "no overload takes these values{why}; valid: {}",
        valid.join(", ")
    ))
}

/// What is wrong with the first wrong value, where only one overload takes as many.
fn why_not(candidates: &[Vec<Type>], values: &[String]) -> Option<String> {
    let mut as_many = candidates
        .iter()
        .filter(|types| types.len() == values.len());
    let (Some(types), None) = (as_many.next(), as_many.next()) else {
        return None;
    };
    let (at, (ty, value)) = types
        .iter()
        .zip(values)
        .enumerate()
        .find(|(_, (ty, value))| !fits_as_word(ty, value))?;
    let text = match ty {
        Type::Enumeration(_) if !value.starts_with('"') => {
            serde_json::Value::from(value.as_str()).to_string()
        }
        _ => value.clone(),
    };
    json::to_binary(ty, &text, &mut Vec::new())
        .err()
        .map(|error| format!("argument {}: {error}", at + 1))
}

fn guessed(values: &[String]) -> Result<Vec<Argument>, String> {
    let common = [
        "int",
        "float",
        "bool",
        "List[int]",
        "List[float]",
        "List[str]",
        "str",
    ];
    let guess = |value: &String| {
        let mut types = common.iter().filter_map(|text| Type::parse(text).ok());
        let ty = types
            .find(|ty| fits_as_json(ty, value))
            .unwrap_or(Type::Str);
        argument(&ty, value)
    };
    values.iter().map(guess).collect()
}

fn argument(ty: &Type, value: &str) -> Result<Argument, String> {
    let text = if fits_as_json(ty, value) || !is_word(ty, value) {
        value.to_owned()
    } else {
        serde_json::Value::from(value).to_string()
    };
    Argument::json(Expanded(ty).to_string(), text)
        .map_err(|error| format!("`{value}` as `{ty}`: {error}"))
}

fn fits_as_json(ty: &Type, value: &str) -> bool {
    json::to_binary(ty, value, &mut Vec::new()).is_ok()
}

fn fits_as_word(ty: &Type, value: &str) -> bool {
    is_word(ty, value) || fits_as_json(ty, value)
}

/// Whether a plain word stands for a value of that type.
fn is_word(ty: &Type, value: &str) -> bool {
    match ty {
        Type::Str => true,
        Type::Enumeration(enumeration) => enumeration.position(value).is_some(),
        _ => false,
    }
}

/// Splits `int, Dict[str, int]` at the commas outside brackets.
fn split_types(schema: &Schema, text: &str) -> Result<Vec<Type>, String> {
    if text.trim().is_empty() {
        return Ok(Vec::new());
    }
    let declared = |name: &str| schema.type_named(name).map(|declared| declared.ty.clone());
    let wrapped = Type::parse_in(&format!("Tuple[{text}]"), &declared);
    match wrapped {
        Ok(Type::Tuple(types)) => Ok(types),
        Ok(_) => Err(format!("`{text}` is no list of types")),
        Err(error) => Err(format!("--types {text}: {error}")),
    }
}
