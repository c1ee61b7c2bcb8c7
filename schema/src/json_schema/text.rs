//! Texts: names, types, addresses, paths, numbers with a unit.
//!
//! A pattern accepts every right text. It uses nothing but what all dialects of regular expressions
//! have, so that some wrong ones pass: of a type it sees neither whether its brackets match nor
//! whether its names are declared. What an editor says of a wrong text is the rule that it breaks.

use serde_yaml::Mapping;

use super::{mapping, reference};
use crate::check::units::{BYTES, MILLISECONDS};
use crate::diagnostic::Code;
use crate::name::{PYTHON_KEYWORDS, RUST_PATH_WORDS};
use crate::naming::{RESERVED_FUNCTIONS, RESERVED_MODULES, RESERVED_TYPES};
use crate::shape::fields::{Named, Quantity, Text};
use crate::types::{BUILTIN_NAMES, OTHER_NAMES, is_builtin_name};

/// The definition of a name for which nothing else is reserved.
pub(super) const NAME: &str = "name";
const TYPE: &str = "type";

const NAME_PATTERN: &str = "[A-Za-z][A-Za-z0-9_]*";
const IP_PATTERN: &str = r"[0-9]{1,3}(\.[0-9]{1,3}){3}|[0-9A-Fa-f:.]*:[0-9A-Fa-f:.]*";

/// What an editor proposes where a type is written: one of each that needs no declaration.
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

/// Names of every kind, and types.
pub(super) fn definitions() -> Mapping {
    let of_rust = RESERVED_TYPES
        .into_iter()
        .filter(|name| !is_builtin_name(name));
    let types: Vec<&str> = BUILTIN_NAMES
        .into_iter()
        .chain(OTHER_NAMES)
        .chain(of_rust)
        .collect();
    mapping([
        (
            NAME,
            name(&[&RUST_PATH_WORDS[..], &PYTHON_KEYWORDS].concat()).into(),
        ),
        (rule(Named::Service), name_but(&RESERVED_MODULES).into()),
        (rule(Named::Procedure), name_but(&RESERVED_FUNCTIONS).into()),
        (rule(Named::Type), name_but(&types).into()),
        (rule(Named::Item), name(&RUST_PATH_WORDS).into()),
        (TYPE, a_type().into()),
    ])
}

pub(super) fn of(text: Text) -> Mapping {
    match text {
        Text::Prose => mapping([("type", "string".into())]),
        Text::Name(named) | Text::NameOf(named) => reference(rule(named)),
        Text::Type => reference(TYPE),
        Text::Ip => matching(IP_PATTERN, Code::BadIp),
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

/// The definition that such a name follows.
fn rule(named: Named) -> &'static str {
    match named {
        Named::Server | Named::Client | Named::Deployer => NAME,
        Named::Service => "serviceName",
        Named::Procedure => "procedureName",
        Named::Type => "typeName",
        Named::Item => "itemName",
    }
}

fn name(forbidden: &[&str]) -> Mapping {
    except(
        matching(NAME_PATTERN, Code::BadName),
        forbidden,
        Code::BadName,
    )
}

fn name_but(reserved: &[&str]) -> Mapping {
    except(
        mapping([("allOf", vec![reference(NAME)].into())]),
        reserved,
        Code::ReservedName,
    )
}

/// The text of a type.
pub(super) fn a_type() -> Mapping {
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

/// A part of a path that is not `..` and has none of these characters; a pattern.
fn part_of_a_path(excluded: &str) -> String {
    format!(r"([^.{excluded}][^{excluded}]*|\.([^.{excluded}][^{excluded}]*)?|\.\.[^{excluded}]+)")
}

/// A text that the pattern describes from its beginning to its end, and what an editor says of
/// another one.
fn matching(pattern: &str, code: Code) -> Mapping {
    mapping([
        ("type", "string".into()),
        ("pattern", format!("^({pattern})$").into()),
        ("errorMessage", code.explanation().into()),
    ])
}

/// Without these words. A `not` would do, but for it an editor has no message.
fn except(mut text: Mapping, words: &[&str], code: Code) -> Mapping {
    let refused = mapping([
        ("pattern", "^$".into()),
        ("errorMessage", code.explanation().into()),
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
    fn there_is_an_example_of_every_type() {
        for (example, name) in TYPE_EXAMPLES.iter().zip(BUILTIN_NAMES) {
            assert!(
                example.starts_with(name) && Type::parse(example).is_ok(),
                "{example}"
            );
        }
    }
}
