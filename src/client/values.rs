//! Turns the values of a command line into typed arguments.

use rpc_runtime::Argument;
use rpc_schema::model::{Rpc, Schema};
use rpc_schema::{Expanded, Type, TypeList};
use wire::json;

/// Returns the values as arguments of the types that `--types` names.
///
/// # Errors
/// Returns a message if a type or a value is invalid, or if their numbers differ.
pub(super) fn typed(
    schema: &Schema,
    types: &str,
    values: &[String],
) -> Result<Vec<Argument>, String> {
    let types = parse_types(schema, types)?;
    if types.len() != values.len() {
        return Err(format!(
            "`--types` must have one type for each value; types: {}, values: {}",
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

/// Returns the values as arguments of the first overload in the file that takes them. If the file
/// does not declare the procedure, the types are guessed from the values, and the server decides.
///
/// # Errors
/// Returns a message if no overload takes the values.
pub(super) fn inferred(
    schema: &Schema,
    service: &str,
    rpc: &str,
    values: &[String],
) -> Result<Vec<Argument>, String> {
    let Some(declared) = schema.service(service) else {
        return with_guessed_types(values);
    };
    let overloads: Vec<&Rpc> = declared
        .rpcs
        .iter()
        .filter(|declared| declared.name == *rpc)
        .collect();
    if overloads.is_empty() {
        return with_guessed_types(values);
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
    let reason = first_invalid_value(&candidates, values);
    let reason = reason.map_or_else(String::new, |reason| format!(": {reason}"));
    Err(format!(
        "no overload takes these values{reason}; valid: {}",
        valid.join(", ")
    ))
}

/// Returns what is wrong with the first invalid value, if exactly one overload takes this number of
/// values.
fn first_invalid_value(candidates: &[Vec<Type>], values: &[String]) -> Option<String> {
    let mut same_count = candidates
        .iter()
        .filter(|types| types.len() == values.len());
    let (Some(types), None) = (same_count.next(), same_count.next()) else {
        return None;
    };
    let (index, (ty, value)) = types
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
        .map(|error| format!("argument {}: {error}", index + 1))
}

/// Returns the values as arguments of the types that their JSON suggests.
fn with_guessed_types(values: &[String]) -> Result<Vec<Argument>, String> {
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
        .map_err(|error| format!("invalid value `{value}` for type `{ty}`: {error}"))
}

fn fits_as_json(ty: &Type, value: &str) -> bool {
    json::to_binary(ty, value, &mut Vec::new()).is_ok()
}

fn fits_as_word(ty: &Type, value: &str) -> bool {
    is_word(ty, value) || fits_as_json(ty, value)
}

/// Returns whether a plain word is a value of this type.
fn is_word(ty: &Type, value: &str) -> bool {
    match ty {
        Type::Str => true,
        Type::Enumeration(enumeration) => enumeration.position(value).is_some(),
        _ => false,
    }
}

/// Parses a list of types, such as `int, Dict[str, int]`.
fn parse_types(schema: &Schema, text: &str) -> Result<Vec<Type>, String> {
    if text.trim().is_empty() {
        return Ok(Vec::new());
    }
    let declared = |name: &str| schema.type_named(name).map(|declared| declared.ty.clone());
    let wrapped = Type::parse_in(&format!("Tuple[{text}]"), &declared);
    match wrapped {
        Ok(Type::Tuple(types)) => Ok(types),
        Ok(_) => Err(format!(
            "`--types {text}`: expected a list of types, such as `int,List[str]`"
        )),
        Err(error) => Err(format!("`--types {text}`: {error}")),
    }
}
