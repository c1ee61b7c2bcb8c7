//! Types in the spelling of other languages.

use crate::types::{TypeError, TypeErrorKind};

const NO_DOTS: &str = "a type is one name, without dots";

/// How to write what the text seems to mean; `error` is where it ceases to be a type.
pub(super) fn hint(text: &str, error: &TypeError) -> Option<String> {
    let rest = text.get(error.offset..)?;
    let behind = text.get(error.offset + error.length..)?.trim_start();
    let hint = match &error.kind {
        TypeErrorKind::Missing if rest.starts_with('(') => {
            "several values are a list: `[int, str]`; a tuple is `Tuple[int, str]`"
        }
        TypeErrorKind::Missing if rest.starts_with('[') => {
            "a list is `List[int]`; several values are a list of types: `[int, str]`"
        }
        TypeErrorKind::TrailingText if rest.starts_with('?') => {
            "a value that may be absent is `Optional[int]`"
        }
        TypeErrorKind::TrailingText if rest.starts_with('|') => {
            "a value that may be absent is `Optional[int]`; there are no other unions"
        }
        TypeErrorKind::TrailingText if rest.starts_with('[') => "a list is `List[int]`",
        TypeErrorKind::TrailingText if rest.starts_with('=') => {
            "no argument has a default; declare an overload"
        }
        TypeErrorKind::TrailingText if rest.starts_with('.') => NO_DOTS,
        TypeErrorKind::Unknown(_) if behind.starts_with('.') => NO_DOTS,
        TypeErrorKind::Parameters { .. } if behind.starts_with("[]") => "a list is `List[int]`",
        TypeErrorKind::Parameters { .. } | TypeErrorKind::Unknown(_)
            if behind.starts_with(['<', '(']) =>
        {
            "parameters stand in `[...]`: `List[int]`"
        }
        TypeErrorKind::Unknown(_) if behind.starts_with(':') => {
            "name all arguments in one mapping: `arguments: { a: int, b: str }`"
        }
        _ => return None,
    };
    Some(hint.to_owned())
}
