//! The schemas of texts: names, types, addresses, paths, numbers with a unit.
//!
//! A pattern accepts every correct text. It uses only what all dialects of regular expressions
//! support, so some wrong texts pass. For example, the pattern of a type checks neither whether its
//! brackets match nor whether its names are declared. For a wrong text, an editor shows the rule
//! that the text breaks.

use serde_yaml::Mapping;

use super::{mapping, reference};
use crate::check::units::{BYTES, MILLISECONDS};
use crate::diagnostic::Code;
use crate::name::{MAX_NAME_BYTES, PYTHON_KEYWORDS, RUST_PATH_WORDS};
use crate::naming::{RESERVED_FUNCTIONS, RESERVED_MODULES, RESERVED_TYPES};
use crate::shape::fields::{NameKind, Quantity, Text};
use crate::types::{BUILTIN_NAMES, OTHER_NAMES, is_builtin_name};

/// The definition of a name for which no further words are reserved.
pub(super) const NAME: &str = "name";
const TYPE: &str = "type";

const NAME_PATTERN: &str = "[A-Za-z][A-Za-z0-9_]*";
const IP_PATTERN: &str = r"[0-9]{1,3}(\.[0-9]{1,3}){3}|[0-9A-Fa-f:.]*:[0-9A-Fa-f:.]*";

/// The types that an editor proposes: one example for each built-in type.
const TYPE_EXAMPLES: [&str; BUILTIN_NAMES.len()] = [
    "int",
    "float",
    "bool",
    "str",
    "bytes",
    "List[str]",
    "Dict[str, int]",
    "Optional[int]",
    "Tuple[int, str]",
];

/// Returns the definitions of all kinds of names, and of types.
pub(super) fn definitions() -> Mapping {
    let rust_names = RESERVED_TYPES
        .into_iter()
        .filter(|name| !is_builtin_name(name));
    let types: Vec<&str> = BUILTIN_NAMES
        .into_iter()
        .chain(OTHER_NAMES)
        .chain(rust_names)
        .collect();
    mapping([
        (
            NAME,
            name(&[&RUST_PATH_WORDS[..], &PYTHON_KEYWORDS].concat()).into(),
        ),
        (
            definition_of(NameKind::Service),
            name_except(&RESERVED_MODULES).into(),
        ),
        (
            definition_of(NameKind::Procedure),
            name_except(&RESERVED_FUNCTIONS).into(),
        ),
        (definition_of(NameKind::Type), name_except(&types).into()),
        (definition_of(NameKind::Item), name(&RUST_PATH_WORDS).into()),
        (TYPE, type_text().into()),
    ])
}

pub(super) fn of(text: Text) -> Mapping {
    match text {
        Text::Prose => mapping([("type", "string".into())]),
        Text::Name(named) | Text::NameOf(named) => reference(definition_of(named)),
        Text::Type => reference(TYPE),
        Text::Ip => matching(IP_PATTERN, Code::BadIp),
        Text::File => mapping([("type", "string".into()), ("minLength", 1.into())]),
        Text::Path => {
            let part = part_of_a_path(r"/\\");
            matching(&format!("{part}(/+{part})*"), Code::BadPath)
        }
        Text::AbsolutePath => {
            let part = part_of_a_path("/");
            matching(&format!("/+({part}(/+{part})*/*)?"), Code::BadGrant)
        }
        Text::Variable => matching("[^=]+", Code::BadGrant),
    }
}

pub(super) fn quantity(quantity: Quantity) -> Mapping {
    let units: Vec<&str> = match quantity {
        Quantity::Duration => MILLISECONDS.iter().map(|(unit, _)| *unit).collect(),
        Quantity::Size => BYTES.iter().map(|(unit, _)| *unit).collect(),
    };
    let mut text = matching(
        &format!("0*[1-9][0-9]* *({})", units.join("|")),
        quantity.code(),
    );
    text.insert("examples".into(), vec![quantity.example()].into());
    text
}

/// Returns the name of the definition for such a name.
fn definition_of(named: NameKind) -> &'static str {
    match named {
        NameKind::Network | NameKind::Server | NameKind::Client | NameKind::Deployer => NAME,
        NameKind::Service => "serviceName",
        NameKind::Procedure => "procedureName",
        NameKind::Type => "typeName",
        NameKind::Item => "itemName",
    }
}

/// Returns the schema of a name that is none of the forbidden words.
fn name(forbidden: &[&str]) -> Mapping {
    let mut name = matching(NAME_PATTERN, Code::BadName);
    name.insert("maxLength".into(), (MAX_NAME_BYTES as u64).into());
    except(name, forbidden, Code::BadName)
}

/// Returns the schema of a name that is none of the reserved words.
fn name_except(reserved: &[&str]) -> Mapping {
    except(
        mapping([("allOf", vec![reference(NAME)].into())]),
        reserved,
        Code::ReservedName,
    )
}

/// Returns the schema of the text of a type.
pub(super) fn type_text() -> Mapping {
    let with_parameters = BUILTIN_NAMES
        .iter()
        .filter(|name| name.starts_with(|c: char| c.is_uppercase()));
    let either_case = with_parameters
        .map(|name| format!("[{}{}]{}", &name[..1], name[..1].to_lowercase(), &name[1..]));
    let names = either_case.collect::<Vec<_>>().join("|");
    let parameters = r"\s*\[\s*[A-Za-z][A-Za-z0-9_,\s\[\]]*\]";
    let mut text = matching(
        &format!(r"\s*({NAME_PATTERN}|({names}){parameters})\s*"),
        Code::BadType,
    );
    let proposal = |ty: &&str| mapping([("label", (*ty).into()), ("body", (*ty).into())]);
    let proposals: Vec<Mapping> = TYPE_EXAMPLES.iter().map(proposal).collect();
    text.insert("defaultSnippets".into(), proposals.into());
    text
}

/// Returns a pattern for a part of a path that is not `..` and has none of these characters.
fn part_of_a_path(excluded: &str) -> String {
    format!(r"([^.{excluded}][^{excluded}]*|\.([^.{excluded}][^{excluded}]*)?|\.\.[^{excluded}]+)")
}

/// Returns the schema of a text that the pattern matches as a whole. For another text, an editor
/// shows the rule `code`.
fn matching(pattern: &str, code: Code) -> Mapping {
    mapping([
        ("type", "string".into()),
        ("pattern", format!("^({pattern})$").into()),
        ("errorMessage", code.rule().into()),
    ])
}

/// Makes a schema refuse these words. It uses `if` instead of the simpler `not`, because editors
/// cannot show a message for `not`.
fn except(mut text: Mapping, words: &[&str], code: Code) -> Mapping {
    let refused = mapping([
        ("pattern", "^$".into()),
        ("errorMessage", code.rule().into()),
    ]);
    text.insert(
        "if".into(),
        mapping([("pattern", format!("^({})$", words.join("|")).into())]).into(),
    );
    text.insert("then".into(), refused.into());
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::Type;

    #[test]
    fn every_built_in_type_has_an_example() {
        for (example, name) in TYPE_EXAMPLES.iter().zip(BUILTIN_NAMES) {
            assert!(
                example.starts_with(name) && Type::parse(example).is_ok(),
                "{example}"
            );
        }
    }
}
