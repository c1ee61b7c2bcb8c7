//! Hints for types that are written as in other languages.

use crate::types::{TypeError, TypeErrorKind};

const WRITE_A_LIST: &str = "write a list as `List[int]`";
const NO_DOTS: &str = "write the name of the type alone, without dots";

/// Returns a hint how to write the type that the text seems to mean. `error` says where the text
/// is wrong.
pub(super) fn hint(text: &str, error: &TypeError) -> Option<String> {
    let rest = text.get(error.offset..)?;
    let following = text.get(error.offset + error.length..)?.trim_start();
    let hint = match &error.kind {
        TypeErrorKind::Missing if rest.starts_with('(') => {
            "write several values as a list: `[int, str]`, or a tuple as `Tuple[int, str]`"
        }
        TypeErrorKind::Missing if rest.starts_with('[') => {
            "write a list as `List[int]`, or several values as a list of types: `[int, str]`"
        }
        TypeErrorKind::TrailingText if rest.starts_with('?') => {
            "write a value that may be absent as `Optional[int]`"
        }
        TypeErrorKind::TrailingText if rest.starts_with('|') => {
            "write a value that may be absent as `Optional[int]`; other unions are not supported"
        }
        TypeErrorKind::TrailingText if rest.starts_with('[') => WRITE_A_LIST,
        TypeErrorKind::TrailingText if rest.starts_with('=') => {
            "an argument cannot have a default; declare an overload instead"
        }
        TypeErrorKind::TrailingText if rest.starts_with('.') => NO_DOTS,
        TypeErrorKind::Unknown(_) if following.starts_with('.') => NO_DOTS,
        TypeErrorKind::Parameters { .. } if following.starts_with("[]") => WRITE_A_LIST,
        TypeErrorKind::Parameters { .. } | TypeErrorKind::Unknown(_)
            if following.starts_with(['<', '(']) =>
        {
            "write parameters in `[...]`: `List[int]`"
        }
        TypeErrorKind::Unknown(_) if following.starts_with(':') => {
            "name all arguments in one mapping: `arguments: { a: int, b: str }`"
        }
        _ => return None,
    };
    Some(hint.to_owned())
}
