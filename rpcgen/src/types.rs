//! The types of `init.yaml` in Rust's words, and the forms in which a value of each may be passed.
//!
//! | type | passed to one signature | passed to an overload set |
//! |---|---|---|
//! | `int`, `float`, `bool` | `i64`, `f64`, `bool` | also by reference |
//! | `str` | `String` | also `&String`, `&str` |
//! | `bytes` | `Vec<u8>` | also `&Vec<u8>`, `&[u8]`, `[u8; N]`, `&[u8; N]`, such as `b"..."` |
//! | `List[T]` | `Vec<T>` | also `&Vec<T>`, `&[T]`, `[T; N]`, `&[T; N]`; of a `List[str]` these may hold `&str` |
//! | `Dict`, `Optional`, `Tuple` | `BTreeMap`, `Option`, tuple | also by reference |
//! | records, enumerations | `types::Name` | also by reference |
//!
//! [`forms`] is that last column. Each of its forms is an `Arg<T>` of the runtime, which takes some more inside lists;
//! `tests/forms.rs` holds the two against each other.

use proc_macro2::TokenStream;
use rpc_schema::Type;

use crate::ident::RustName;

/// A Rust type in which a value may be passed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Form {
    /// The type.
    pub ty: String,
    /// Whether it mentions the length that was given.
    pub has_length: bool,
}

/// The type as documentation shows it, such as `Vec<i64>`.
pub fn type_in_words(ty: &Type) -> String {
    spell(ty, "BTreeMap")
}

/// The type as generated code writes it: only names of the prelude are short.
pub fn type_in_code(ty: &Type) -> TokenStream {
    code(&spell(ty, "::std::collections::BTreeMap"))
}

/// What a procedure returns, as documentation shows it: `()`, one type, or a tuple of several.
pub fn returns_in_words(returns: &[Type]) -> String {
    spell_returns(returns, "BTreeMap")
}

/// What a procedure returns, as generated code writes it.
pub fn returns_in_code(returns: &[Type]) -> TokenStream {
    code(&spell_returns(returns, "::std::collections::BTreeMap"))
}

/// The forms in which a value of that type may be passed where it decides between overloads, most usual first.
/// No two types share one. `length` names the constant parameter of arrays.
pub fn forms(ty: &Type, length: &str) -> Vec<Form> {
    let owned = spell(ty, "::std::collections::BTreeMap");
    let plain = |ty: String| Form { ty, has_length: false };
    let of_length = |ty: String| Form { ty, has_length: true };
    let mut forms = vec![plain(owned.clone()), plain(format!("&{owned}"))];
    if *ty == Type::Str {
        forms.insert(1, plain("&str".to_owned()));
    }
    for item in items(ty) {
        let vec = plain(format!("&Vec<{item}>"));
        if !forms.contains(&vec) {
            forms.push(vec);
        }
        forms.push(of_length(format!("[{item}; {length}]")));
        forms.push(plain(format!("&[{item}]")));
        forms.push(of_length(format!("&[{item}; {length}]")));
    }
    forms
}

/// What the slices and arrays may hold that stand for a value of that type.
fn items(ty: &Type) -> Vec<String> {
    match ty {
        Type::Bytes => vec!["u8".to_owned()],
        Type::List(item) if **item == Type::Str => vec!["String".to_owned(), "&str".to_owned()],
        Type::List(item) => vec![spell(item, "::std::collections::BTreeMap")],
        _ => Vec::new(),
    }
}

fn spell(ty: &Type, map: &str) -> String {
    match ty {
        Type::Int => "i64".to_owned(),
        Type::Float => "f64".to_owned(),
        Type::Bool => "bool".to_owned(),
        Type::Str => "String".to_owned(),
        Type::Bytes => "Vec<u8>".to_owned(),
        Type::List(item) => format!("Vec<{}>", spell(item, map)),
        Type::Dict(key, value) => format!("{map}<{}, {}>", spell(&key.as_type(), map), spell(value, map)),
        Type::Optional(item) => format!("Option<{}>", spell(item, map)),
        Type::Tuple(items) => spell_tuple(items, map),
        Type::Record(_) | Type::Enumeration(_) => format!("types::{}", RustName::new(ty.name().unwrap_or_default())),
    }
}

fn spell_returns(returns: &[Type], map: &str) -> String {
    match returns {
        [one] => spell(one, map),
        several => spell_tuple(several, map),
    }
}

/// A tuple of one has a comma, else it would be its element.
fn spell_tuple(items: &[Type], map: &str) -> String {
    let spelled: Vec<String> = items.iter().map(|item| spell(item, map)).collect();
    match spelled.as_slice() {
        [one] => format!("({one},)"),
        several => format!("({})", several.join(", ")),
    }
}

/// Tokens of what was spelled by this crate.
pub fn code(spelled: &str) -> TokenStream {
    spelled.parse().expect("what is spelled is Rust")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Type {
        Type::parse(text).expect(text)
    }

    #[test]
    fn types_are_spelled_in_rust() {
        for (ty, rust) in [
            ("int", "i64"),
            ("bytes", "Vec<u8>"),
            ("List[Optional[str]]", "Vec<Option<String>>"),
            ("Dict[str, List[float]]", "BTreeMap<String, Vec<f64>>"),
            ("Tuple[int]", "(i64,)"),
            ("Tuple[int, Tuple[bool]]", "(i64, (bool,))"),
        ] {
            assert_eq!(type_in_words(&parse(ty)), rust);
        }
    }

    #[test]
    fn what_is_returned_is_nothing_one_value_or_a_tuple() {
        assert_eq!(returns_in_words(&[]), "()");
        assert_eq!(returns_in_words(&[parse("Tuple[int]")]), "(i64,)");
        assert_eq!(returns_in_words(&[Type::Int, Type::Str]), "(i64, String)");
    }

    #[test]
    fn texts_and_lists_have_the_forms_of_their_literals() {
        let texts = |ty: &str| forms(&parse(ty), "N").into_iter().map(|form| form.ty).collect::<Vec<_>>();
        assert_eq!(texts("int"), ["i64", "&i64"]);
        assert_eq!(texts("str"), ["String", "&str", "&String"]);
        assert_eq!(texts("bytes"), ["Vec<u8>", "&Vec<u8>", "[u8; N]", "&[u8]", "&[u8; N]"]);
        assert_eq!(texts("List[str]").len(), 9);
        assert!(texts("List[str]").contains(&"[&str; N]".to_owned()));
    }
}
