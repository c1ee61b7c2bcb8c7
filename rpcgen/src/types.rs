//! The types of `init.yaml` in Rust, and the forms in which a value of each may be passed.
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
//! [`forms`] returns the last column, which is also the table of `docs/INIT.md`. Each form is an
//! `Arg<T>` of the runtime, which accepts more forms inside lists. `tests/forms.rs` compares the
//! two.

use proc_macro2::TokenStream;
use rpc_schema::Type;

use crate::ident::RustName;

/// How to write names that are not in the prelude.
#[derive(Clone, Copy)]
struct Spelling {
    map: &'static str,
    /// Prefix of the name of a record or an enumeration.
    types: &'static str,
}

const IN_DOCS: Spelling = Spelling {
    map: "BTreeMap",
    types: "types::",
};
const IN_CODE: Spelling = Spelling {
    map: "::std::collections::BTreeMap",
    types: "types::",
};
const IN_TYPES: Spelling = Spelling {
    map: "::std::collections::BTreeMap",
    types: "",
};

/// A Rust type in which a value may be passed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Form {
    /// The type.
    pub ty: String,
    /// Whether it mentions the constant parameter of arrays.
    pub has_length: bool,
}

/// Returns the type as documentation shows it, such as `Vec<i64>`.
pub fn type_in_docs(ty: &Type) -> String {
    spell(ty, IN_DOCS)
}

/// Returns the type as generated code writes it. Only names of the prelude are short.
pub fn type_in_code(ty: &Type) -> TokenStream {
    parse_tokens(&type_in_text(ty))
}

/// Returns the type as generated code writes it, as text.
pub fn type_in_text(ty: &Type) -> String {
    spell(ty, IN_CODE)
}

/// Returns the type as the module of the types writes it. There, records and enumerations need no
/// prefix.
pub fn type_in_types(ty: &Type) -> TokenStream {
    parse_tokens(&spell(ty, IN_TYPES))
}

/// Returns the result type of a procedure as documentation shows it: `()`, one type, or a tuple.
pub fn returns_in_docs(returns: &[Type]) -> String {
    spell_returns(returns, IN_DOCS)
}

/// Returns the result type of a procedure as generated code writes it.
pub fn returns_in_code(returns: &[Type]) -> TokenStream {
    parse_tokens(&returns_in_text(returns))
}

/// Returns the result type of a procedure as generated code writes it, as text.
pub fn returns_in_text(returns: &[Type]) -> String {
    spell_returns(returns, IN_CODE)
}

/// Returns the forms in which a value of that type may be passed if it selects the overload, the
/// most usual form first. No two types share a form. `length` names the constant parameter of
/// arrays.
pub fn forms(ty: &Type, length: &str) -> Vec<Form> {
    let owned = spell(ty, IN_CODE);
    let plain = |ty: String| Form {
        ty,
        has_length: false,
    };
    let of_length = |ty: String| Form {
        ty,
        has_length: true,
    };
    let mut forms = vec![plain(owned.clone())];
    if *ty == Type::Str {
        forms.push(plain("&str".to_owned()));
    }
    let items = items(ty);
    let literal_first = || items.iter().rev();
    forms.extend(literal_first().map(|item| of_length(format!("[{item}; {length}]"))));
    forms.extend(literal_first().map(|item| plain(format!("&[{item}]"))));
    forms.push(plain(format!("&{owned}")));
    forms.extend(literal_first().map(|item| of_length(format!("&[{item}; {length}]"))));
    let vecs = literal_first().map(|item| plain(format!("&Vec<{item}>")));
    forms.extend(vecs.filter(|vec| vec.ty != format!("&{owned}")));
    forms
}

/// Returns the types of the items of slices and arrays that may be passed for a value of that type.
fn items(ty: &Type) -> Vec<String> {
    match ty {
        Type::Bytes => vec!["u8".to_owned()],
        Type::List(item) if **item == Type::Str => vec!["String".to_owned(), "&str".to_owned()],
        Type::List(item) => vec![spell(item, IN_CODE)],
        _ => Vec::new(),
    }
}

fn spell(ty: &Type, spelling: Spelling) -> String {
    match ty {
        Type::Int => "i64".to_owned(),
        Type::Float => "f64".to_owned(),
        Type::Bool => "bool".to_owned(),
        Type::Str => "String".to_owned(),
        Type::Bytes => "Vec<u8>".to_owned(),
        Type::List(item) => format!("Vec<{}>", spell(item, spelling)),
        Type::Dict(key, value) => {
            format!(
                "{}<{}, {}>",
                spelling.map,
                spell(&key.as_type(), spelling),
                spell(value, spelling)
            )
        }
        Type::Optional(item) => format!("Option<{}>", spell(item, spelling)),
        Type::Tuple(items) => spell_tuple(items, spelling),
        Type::Record(_) | Type::Enumeration(_) => {
            format!(
                "{}{}",
                spelling.types,
                RustName::new(ty.name().unwrap_or_default())
            )
        }
    }
}

fn spell_returns(returns: &[Type], spelling: Spelling) -> String {
    match returns {
        [one] => spell(one, spelling),
        several => spell_tuple(several, spelling),
    }
}

/// Returns a tuple. A tuple of one element needs a comma, or it would be the element itself.
fn spell_tuple(items: &[Type], spelling: Spelling) -> String {
    let spelled: Vec<String> = items.iter().map(|item| spell(item, spelling)).collect();
    match spelled.as_slice() {
        [one] => format!("({one},)"),
        several => format!("({})", several.join(", ")),
    }
}

/// Parses a type that this crate spelled.
pub fn parse_tokens(spelled: &str) -> TokenStream {
    spelled.parse().expect("a spelled type is valid Rust")
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
            assert_eq!(type_in_docs(&parse(ty)), rust);
        }
    }

    #[test]
    fn a_result_is_nothing_one_value_or_a_tuple() {
        assert_eq!(returns_in_docs(&[]), "()");
        assert_eq!(returns_in_docs(&[parse("Tuple[int]")]), "(i64,)");
        assert_eq!(returns_in_docs(&[Type::Int, Type::Str]), "(i64, String)");
    }

    #[test]
    fn strings_and_lists_can_be_passed_as_literals() {
        let texts = |ty: &str| {
            forms(&parse(ty), "N")
                .into_iter()
                .map(|form| form.ty)
                .collect::<Vec<_>>()
        };
        assert_eq!(texts("int"), ["i64", "&i64"]);
        assert_eq!(texts("str"), ["String", "&str", "&String"]);
        assert_eq!(
            texts("bytes"),
            ["Vec<u8>", "[u8; N]", "&[u8]", "&Vec<u8>", "&[u8; N]"]
        );
        assert_eq!(
            texts("List[str]")[..6],
            [
                "Vec<String>",
                "[&str; N]",
                "[String; N]",
                "&[&str]",
                "&[String]",
                "&Vec<String>"
            ]
        );
        assert_eq!(texts("List[str]").len(), 9);
    }

    const INIT_MD: &str = include_str!("../../docs/INIT.md");
    const HEADER: &str = "| declared | Rust type | may be passed |";

    /// Returns the texts between backticks.
    fn code_spans(cell: &str) -> Vec<&str> {
        cell.split('`').skip(1).step_by(2).collect()
    }

    /// Parses a declared type with parameters: `K` is `str`, and each of the others is an
    /// enumeration with the name of the parameter.
    fn parse_with_parameters(text: &str) -> Type {
        let enumeration = |name: &str| Type::parse(&format!("{name}{{a}}")).ok();
        Type::parse_in(&text.replace("Dict[K", "Dict[str"), &enumeration).expect(text)
    }

    /// Returns a spelled type as the table writes it.
    fn with_parameters(spelled: &str) -> String {
        let short = spelled
            .replace("::std::collections::", "")
            .replace("BTreeMap<String", "BTreeMap<K");
        ["A", "B", "T", "V"].iter().fold(short, |text, name| {
            text.replace(&format!("types::{name}"), name)
        })
    }

    #[test]
    fn the_reference_lists_every_form_of_every_type() {
        let rows = INIT_MD.lines().skip_while(|line| *line != HEADER).skip(2);
        let rows: Vec<&str> = rows.take_while(|line| line.starts_with('|')).collect();
        for row in &rows {
            let cells: Vec<Vec<&str>> = row.split(" | ").map(code_spans).collect();
            let ty = parse_with_parameters(cells[0][0]);
            let passed: Vec<String> = forms(&ty, "N")
                .iter()
                .map(|form| with_parameters(&form.ty))
                .collect();
            assert_eq!(cells[1], [with_parameters(&type_in_docs(&ty))], "{row}");
            assert_eq!(cells[2], passed, "{row}");
        }
        let declared: Vec<&str> = rows.iter().map(|row| code_spans(row)[0]).collect();
        let parameters = [
            "List[T]",
            "List[str]",
            "Dict[K, V]",
            "Optional[T]",
            "Tuple[A, B]",
            "Level",
        ];
        assert_eq!(
            declared,
            [&["int", "float", "bool", "str", "bytes"], &parameters[..]].concat()
        );
    }
}
