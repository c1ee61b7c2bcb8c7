//! The words of messages about shapes: what a value is, and what was expected.

use std::fmt;
use std::ops::Range;

use serde_yaml::Value;

use super::fields::{Shape, is_key_of_file, owner_of_key};
use crate::guard::Place;

/// The value that a message is about. Its `Display` is the name of the value in the message.
#[derive(Clone, Copy)]
pub(super) enum Subject<'a> {
    /// The whole file.
    File,
    /// The value of a key of the format.
    Key(&'static str),
    /// The entry that the file declares under this name.
    Entry(&'a str),
    /// An item of the list under a key.
    Item(&'static str),
}

impl fmt::Display for Subject<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File => f.write_str("the file"),
            Self::Key(key) => write!(f, "`{key}`"),
            Self::Entry(name) => write!(f, "`{name}`"),
            Self::Item("rpcs") => f.write_str("a procedure"),
            Self::Item(key) => write!(f, "an item of `{key}`"),
        }
    }
}

impl Subject<'_> {
    /// Returns the subject for an item of this value.
    pub(super) fn item(self) -> Self {
        match self {
            Self::Key(key) => Self::Item(key),
            other => other,
        }
    }

    /// Returns whether a key is free for the user: it begins with `x-` and stands at the top of
    /// the file.
    pub(super) fn is_free(self, key: &str) -> bool {
        matches!(self, Self::File) && key.starts_with("x-")
    }

    pub(super) fn hint_for_key(self, key: &str) -> Option<String> {
        let hint = match (self, key) {
            (Self::Entry(name), "name") => format!("remove it; the key `{name}` is the name"),
            (Self::Item("rpcs"), "args" | "params" | "parameters") => {
                "write `arguments`".to_owned()
            }
            (Self::Item("rpcs"), "return" | "result" | "output") => "write `returns`".to_owned(),
            (Self::Item("rpcs"), "timeout") => "write `deadline`".to_owned(),
            (Self::Key("network"), _) if is_key_of_file(key) => {
                format!("`{key}` belongs at the top of the file, beside `network`")
            }
            (Self::File, _) => {
                return owner_of_key(key).map(|owner| {
                    format!("`{key}` is a key of {owner}; indent it, so that it belongs there")
                });
            }
            _ => return owner_of_key(key).map(|owner| format!("`{key}` is a key of {owner}")),
        };
        Some(hint)
    }

    /// Returns the span for a finding about something that is missing in a mapping: what names the
    /// mapping, or an empty span at the start of the file.
    pub(super) fn span(self, at: Place<'_>) -> Range<usize> {
        match self {
            Self::File => at.span().start..at.span().start,
            _ => at.head(),
        }
    }
}

pub(super) fn expected_kind(shape: Shape) -> &'static str {
    match shape {
        Shape::Text(_) | Shape::Provider | Shape::Quantity(_) => "text",
        Shape::Integer(_) => "an integer",
        Shape::Flag => "`true` or `false`",
        Shape::List(_) => "a list",
        Shape::Mapping(_) => "a mapping",
        Shape::Entries(..) | Shape::Types => "a mapping of names to entries, or a list",
        Shape::Type => "a mapping of fields to types, or a list of items",
        Shape::Fields => "a mapping of names to types",
        Shape::Arguments => "a mapping of names to types, or a list of types",
        Shape::Returns => "a type or a list of types",
    }
}

pub(super) fn kind_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "an empty value",
        Value::Bool(_) => "true or false",
        Value::Number(number) if number.is_f64() => "a number with a fraction",
        Value::Number(_) => "a number",
        Value::String(_) => "text",
        Value::Sequence(_) => "a list",
        Value::Mapping(_) => "a mapping",
        Value::Tagged(_) => "a tagged value",
    }
}

pub(super) fn hint_for(shape: Shape, value: &Value, subject: Subject<'_>) -> Option<String> {
    let hint = match (shape, value) {
        (Shape::Text(_), Value::Mapping(_)) if matches!(subject, Subject::Item("arguments")) => {
            "name all arguments in one mapping: `arguments: { a: int, b: str }`".to_owned()
        }
        (Shape::Text(_), Value::Sequence(_) | Value::Mapping(_)) => {
            return hint_for_type(value, subject);
        }
        (Shape::Returns, Value::Mapping(_)) => RECORD_HINT.to_owned(),
        (
            Shape::Text(_) | Shape::Provider | Shape::Quantity(_),
            Value::Number(_) | Value::Bool(_),
        ) => "put it in quotes".to_owned(),
        (Shape::Flag, Value::String(text)) => match text.to_ascii_lowercase().as_str() {
            "yes" | "on" | "y" | "true" => "write `true`".to_owned(),
            "no" | "off" | "n" | "false" => "write `false`".to_owned(),
            _ => return None,
        },
        (Shape::Type, Value::String(_) | Value::Null) => {
            "write a record as `{ name: str, age: int }`, an enumeration as `[low, high]`"
                .to_owned()
        }
        (Shape::List(_) | Shape::Arguments, Value::String(text)) if text.len() < 40 => {
            format!("write it as a list: `[{}]`", quoted_for_brackets(text))
        }
        (Shape::List(Shape::Mapping(_)), Value::Mapping(_)) => {
            "write each entry as an item of a list: `- name: ...`".to_owned()
        }
        (Shape::Mapping(_), Value::String(_)) => {
            "write its keys below it, or in `{...}`".to_owned()
        }
        _ => return None,
    };
    Some(hint)
}

const RECORD_HINT: &str = "declare the record under `types`, and write its name here";

/// Returns a hint for a type that is written as a list or a mapping instead of a text.
fn hint_for_type(value: &Value, subject: Subject<'_>) -> Option<String> {
    let hint = match (subject, value) {
        (Subject::Entry("fields"), _) => {
            "write the fields as a mapping of names to types: `fields: { name: str, age: int }`"
        }
        (Subject::Entry(_), Value::Sequence(_)) => {
            "write a list as `List[int]`; declare an enumeration under `types`: `Level: [low, high]`"
        }
        (Subject::Entry(_), Value::Mapping(_)) => RECORD_HINT,
        _ => return None,
    };
    Some(hint.to_owned())
}

/// Returns a text as it must be written inside brackets, in quotes if YAML needs them.
fn quoted_for_brackets(text: &str) -> String {
    let begins_with_indicator =
        text.starts_with(['*', '&', '!', '|', '>', '@', '%', '`', '\'', '?', '-']);
    if begins_with_indicator || text.contains(['[', ']', '{', '}', ',', '"', '#', ':']) {
        format!("{text:?}")
    } else {
        text.to_owned()
    }
}
