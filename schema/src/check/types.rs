//! Types as they are written in a file.

use super::services::World;
use super::spelling;
use crate::diagnostic::{Code, Finding, Findings};
use crate::guard::Place;
use crate::suggest::did_you_mean;
use crate::types::{Type, TypeError, TypeErrorKind};

const TYPE_NAMES: [&str; 9] = ["int", "float", "bool", "str", "bytes", "List", "Dict", "Optional", "Tuple"];

pub(super) fn check_type(text: &str, at: Place<'_>, world: &World, findings: &mut Findings) -> Option<Type> {
    let error = match Type::parse(text) {
        Ok(ty) => return Some(ty),
        Err(error) => error,
    };
    if !is_unsupported(&error, world) && !findings.is_full() {
        let span = at.part(error.offset, error.length);
        let finding = Finding::new(Code::BadType, span, format!("bad type: {error}"));
        findings.push(finding.maybe_hint(spelling::hint(text, &error).or_else(|| hint(&error))));
    }
    None
}

fn is_unsupported(error: &TypeError, world: &World) -> bool {
    matches!(&error.kind, TypeErrorKind::Unknown(name) if world.unsupported_types.contains(name))
}

fn hint(error: &TypeError) -> Option<String> {
    let TypeErrorKind::Unknown(name) = &error.kind else { return None };
    let other = match name.to_ascii_lowercase().as_str() {
        "integer" | "i64" | "i32" | "u64" | "u32" | "long" | "number" => "int",
        "double" | "f64" | "f32" | "real" => "float",
        "boolean" => "bool",
        "text" | "char" => "str",
        "bytearray" | "blob" | "binary" => "bytes",
        "vec" | "array" | "set" | "sequence" => "List",
        "map" | "hashmap" | "btreemap" | "mapping" | "object" => "Dict",
        "option" | "union" | "maybe" => "Optional",
        "none" | "null" | "void" | "nonetype" => {
            return Some("a procedure that returns nothing has no `returns`".to_owned());
        }
        _ => {
            return did_you_mean(name, TYPE_NAMES.into_iter().chain(["string"]))
                .or_else(|| Some(format!("the types are {}", TYPE_NAMES.join(", "))));
        }
    };
    Some(format!("write `{other}`"))
}
