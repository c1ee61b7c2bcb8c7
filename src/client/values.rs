//! Turns the values of a command line into typed arguments.

use rpc_runtime::{Answer, Argument};
use rpc_schema::model::{Rpc, Schema};
use rpc_schema::{Expanded, Type, TypeList};
use serde_json::value::RawValue;
use wire::json;

/// A call with typed arguments.
pub(super) struct TypedCall {
    pub(super) arguments: Vec<Argument>,
    /// The declared types of the returned values. `None` if the file does not declare the overload.
    pub(super) returns: Option<Vec<Type>>,
}

/// Checks the returned values against the declared types.
///
/// # Errors
/// Returns a message that shows the first invalid value.
pub(super) fn check_answer(returns: &[Type], answer: &Answer) -> Result<(), String> {
    let values = &answer.return_values;
    if values.len() != returns.len() {
        let declared = TypeList(returns);
        return Err(format!("values: {}, declared: ({declared})", values.len()));
    }
    for (index, (ty, value)) in returns.iter().zip(values).enumerate() {
        json::to_binary(ty, value.get(), &mut Vec::new()).map_err(|error| {
            let shown = json::shortened(value.get());
            format!("value {} is {shown}: {error}", index + 1)
        })?;
    }
    Ok(())
}

/// Returns a call with arguments of the types that `--types` names.
///
/// # Errors
/// Returns a message if a type or a value is invalid, or if their numbers differ.
pub(super) fn typed(
    schema: &Schema,
    (service, rpc): (&str, &str),
    types: &str,
    values: &[String],
) -> Result<TypedCall, String> {
    let types = parse_types(schema, types)?;
    if types.len() != values.len() {
        return Err(format!(
            "`--types` must have one type for each value; types: {}, values: {}",
            types.len(),
            values.len()
        ));
    }
    let overload = overloads(schema, service, rpc)
        .into_iter()
        .find(|overload| parameter_types(overload) == types);
    Ok(TypedCall {
        arguments: arguments(&types, values)?,
        returns: overload.map(|overload| overload.returns.clone()),
    })
}

/// Returns a call of the first overload in the file that takes the values. If the file does not
/// declare the procedure, the types are guessed from the values, and the server decides.
///
/// # Errors
/// Returns a message if no overload takes the values.
pub(super) fn inferred(
    schema: &Schema,
    (service, rpc): (&str, &str),
    values: &[String],
) -> Result<TypedCall, String> {
    let overloads = overloads(schema, service, rpc);
    if overloads.is_empty() {
        return with_guessed_types(values);
    }
    for fits in [fits_as_json, fits_as_word] {
        let takes = |types: &[Type]| {
            types.len() == values.len()
                && types.iter().zip(values).all(|(ty, value)| fits(ty, value))
        };
        for overload in &overloads {
            let types = parameter_types(overload);
            if takes(&types) {
                return Ok(TypedCall {
                    arguments: arguments(&types, values)?,
                    returns: Some(overload.returns.clone()),
                });
            }
        }
    }
    Err(no_overload_takes(service, rpc, &overloads, values))
}

/// Returns the overloads of a procedure, in the file's order. None if the file does not declare it.
fn overloads<'a>(schema: &'a Schema, service: &str, rpc: &str) -> Vec<&'a Rpc> {
    let rpcs = schema.service(service).map(|service| service.rpcs.iter());
    rpcs.into_iter()
        .flatten()
        .filter(|declared| declared.name == *rpc)
        .collect()
}

fn parameter_types(rpc: &Rpc) -> Vec<Type> {
    let types = rpc.parameters.iter().map(|parameter| parameter.ty.clone());
    types.collect()
}

/// Returns why no overload takes the values. If several overloads take this number of values, each
/// of them has its own reason.
fn no_overload_takes(service: &str, rpc: &str, overloads: &[&Rpc], values: &[String]) -> String {
    let candidates: Vec<Vec<Type>> = overloads.iter().copied().map(parameter_types).collect();
    let reasons: Vec<Option<String>> = candidates
        .iter()
        .map(|types| first_invalid_value(types, values))
        .collect();
    let is_alone = reasons.iter().flatten().count() == 1;
    let valid: Vec<_> = candidates
        .iter()
        .zip(&reasons)
        .map(|(types, reason)| {
            let signature = format!("{service}.{rpc}({})", TypeList(types));
            match reason {
                Some(reason) if !is_alone => format!("{signature} ({reason})"),
                _ => signature,
            }
        })
        .collect();
    let reason = reasons.iter().flatten().next().filter(|_| is_alone);
    let reason = reason.map_or_else(String::new, |reason| format!(": {reason}"));
    format!(
        "no overload takes these values{reason}; valid: {}",
        valid.join(", ")
    )
}

/// Returns what is wrong with the first invalid value. `None` if the overload takes another number
/// of values.
fn first_invalid_value(types: &[Type], values: &[String]) -> Option<String> {
    if types.len() != values.len() {
        return None;
    }
    let (index, (ty, value)) = types
        .iter()
        .zip(values)
        .enumerate()
        .find(|(_, (ty, value))| !fits_as_word(ty, value))?;
    let reason = why_invalid(ty, value)?;
    Some(format!("argument {}: {reason}", index + 1))
}

/// Returns why a value is not of this type. `None` if the server takes it.
fn why_invalid(ty: &Type, value: &str) -> Option<String> {
    let mut inner = ty;
    while let Type::Optional(item) = inner {
        inner = item;
    }
    let text = match inner {
        Type::Enumeration(_) if !value.starts_with('"') => {
            serde_json::Value::from(value).to_string()
        }
        _ => value.to_owned(),
    };
    let reason = json::argument_to_binary(ty, &text, &mut Vec::new()).err()?;
    let is_json = serde_json::from_str::<&RawValue>(&text).is_ok();
    Some(match inner {
        Type::Bytes if !value.starts_with('"') => {
            format!("{reason}; `bytes` are base64 in quotes, such as `\"AAE=\"`")
        }
        _ if !is_json => format!("`{}` is not JSON: {reason}", json::shortened(value)),
        _ => reason,
    })
}

/// Returns the values as arguments of the types that their JSON suggests.
fn with_guessed_types(values: &[String]) -> Result<TypedCall, String> {
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
    let arguments: Result<_, String> = values.iter().map(guess).collect();
    Ok(TypedCall {
        arguments: arguments?,
        returns: None,
    })
}

fn arguments(types: &[Type], values: &[String]) -> Result<Vec<Argument>, String> {
    types
        .iter()
        .zip(values)
        .map(|(ty, value)| argument(ty, value))
        .collect()
}

fn argument(ty: &Type, value: &str) -> Result<Argument, String> {
    let text = if fits_as_json(ty, value) || !is_word(ty, value) {
        value.to_owned()
    } else {
        serde_json::Value::from(value).to_string()
    };
    let invalid = |reason: &str| format!("invalid value `{value}` for type `{ty}`: {reason}");
    if let Some(reason) = why_invalid(ty, &text) {
        return Err(invalid(&reason));
    }
    Argument::json(Expanded(ty).to_string(), text).map_err(|error| invalid(error.message()))
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
