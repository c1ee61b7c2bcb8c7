//! The types that a file declares.

use super::declarations::DeclaredTypes;
use super::spelling;
use crate::diagnostic::{Code, Finding, Findings};
use crate::guard::Place;
use crate::suggest::did_you_mean;
use crate::types::{BUILTIN_NAMES, Type, TypeError, TypeErrorKind};

pub(super) fn check_type(
    text: &str,
    at: Place<'_>,
    types: &DeclaredTypes,
    findings: &mut Findings,
) -> Option<Type> {
    if let Some(brace) = text.find('{') {
        let finding = Finding::new(
            Code::BadType,
            at.part(brace, 1),
            "bad type: braces are not allowed here",
        );
        findings.push(
            finding.hint(
                "declare the record or the enumeration under `types`, and write its name here",
            ),
        );
        return None;
    }
    let error = match Type::parse_in(text, &|name| types.find(name)) {
        Ok(ty) => return Some(ty),
        Err(error) => error,
    };
    if !is_reported_already(&error, types) && !findings.is_full() {
        let span = at.part(error.offset, error.length);
        let finding = Finding::new(Code::BadType, span, format!("bad type: {error}"));
        let near = || findings.name_hint(|| hint(&error, types));
        let hint = spelling::hint(text, &error).or_else(near);
        findings.push(finding.maybe_hint(hint));
    }
    None
}

/// Returns whether the error has a finding already, at the declaration of the type.
fn is_reported_already(error: &TypeError, types: &DeclaredTypes) -> bool {
    matches!(&error.kind, TypeErrorKind::Unknown(name) if types.declares(name))
}

fn hint(error: &TypeError, types: &DeclaredTypes) -> Option<String> {
    let TypeErrorKind::Unknown(name) = &error.kind else {
        return None;
    };
    let other = match name.to_ascii_lowercase().as_str() {
        "integer" | "i64" | "i32" | "u64" | "u32" | "u8" | "usize" | "int64" | "int32" | "long"
        | "number" => "int",
        "double" | "f64" | "f32" | "float64" | "float32" | "real" => "float",
        "boolean" => "bool",
        "string" | "text" | "char" => "str",
        "bytearray" | "blob" | "binary" => "bytes",
        "vec" | "array" | "set" | "sequence" => "List",
        "map" | "hashmap" | "btreemap" | "mapping" | "object" => "Dict",
        "option" | "maybe" => "Optional",
        "union" => {
            return Some(
                "write a value that may be absent as `Optional[int]`; for other unions, declare overloads"
                    .to_owned(),
            );
        }
        "literal" | "enum" => {
            return Some("declare an enumeration under `types`: `Level: [low, high]`".to_owned());
        }
        "none" | "null" | "void" | "nonetype" => {
            return Some("leave out `returns` if the procedure returns nothing".to_owned());
        }
        _ => {
            let names = BUILTIN_NAMES
                .into_iter()
                .chain(["string"])
                .chain(types.names());
            return did_you_mean(name, names).or_else(|| Some(all_names(types)));
        }
    };
    Some(format!("write `{other}`"))
}

fn all_names(types: &DeclaredTypes) -> String {
    let declared = if types.names().next().is_some() {
        " and those under `types`"
    } else {
        ""
    };
    format!("the types are {}{declared}", BUILTIN_NAMES.join(", "))
}
