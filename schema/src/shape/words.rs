//! The words for what a value is and what it should have been.

use std::fmt;
use std::ops::Range;

use serde_yaml::Value;

use super::fields::{Shape, home_of};
use crate::guard::Place;

/// How a message names the value that it is about.
#[derive(Clone, Copy)]
pub(super) enum What<'a> {
    /// The whole file.
    File,
    /// The value of a key that the file's format knows.
    Key(&'static str),
    /// What is declared under a name that the file chose.
    Entry(&'a str),
    /// An item of the list under a key.
    Item(&'static str),
}

impl fmt::Display for What<'_> {
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

impl What<'_> {
    pub(super) fn item(self) -> Self {
        match self {
            Self::Key(key) => Self::Item(key),
            other => other,
        }
    }

    /// Keys that begin with `x-` are free at the top.
    pub(super) fn is_free(self, key: &str) -> bool {
        matches!(self, Self::File) && key.starts_with("x-")
    }

    pub(super) fn hint_for_key(self, key: &str) -> Option<String> {
        let hint = match (self, key) {
            (Self::Entry(name), "name") => format!("remove it; the name is the key `{name}`"),
            (Self::Item("rpcs"), "args" | "params" | "parameters") => {
                "write `arguments`".to_owned()
            }
            (Self::Item("rpcs"), "return" | "result" | "output") => "write `returns`".to_owned(),
            (Self::Item("rpcs"), "timeout") => "write `deadline`".to_owned(),
            _ => {
                return glued(key)
                    .or_else(|| home_of(key).map(|home| format!("`{key}` is a key of {home}")));
            }
        };
        Some(hint)
    }

    /// Where something is missing: what names the mapping, which in the file itself is nothing.
    pub(super) fn span(self, at: Place<'_>) -> Range<usize> {
        match self {
            Self::File => at.span().start..at.span().start,
            _ => at.head(),
        }
    }
}

/// A key that has swallowed its value: inside `{...}` a `:` without a space behind it is a letter
/// like any other.
fn glued(key: &str) -> Option<String> {
    let (key, value) = key.split_once(':')?;
    let is_short = key.len() + value.len() < 40;
    is_short.then(|| {
        format!(
            "a space belongs behind the `:`: `{key}: {}`",
            value.trim_start()
        )
    })
}

pub(super) fn expected(shape: Shape) -> &'static str {
    match shape {
        Shape::Text(_) | Shape::Provider | Shape::Quantity(_) => "text",
        Shape::Integer(_) => "an integer",
        Shape::Flag => "`true` or `false`",
        Shape::List(_) => "a list",
        Shape::Mapping(_) => "a mapping",
        Shape::Entries(..) | Shape::Types => "a mapping by name or a list",
        Shape::Type => "fields by name, or a list of items",
        Shape::Fields => "a mapping of names to types",
        Shape::Arguments => "a mapping of names to types, or a list of types",
        Shape::Returns => "a type or a list of types",
    }
}

pub(super) fn kind_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "nothing",
        Value::Bool(_) => "true or false",
        Value::Number(number) if number.is_f64() => "a number with a fraction",
        Value::Number(_) => "a number",
        Value::String(_) => "text",
        Value::Sequence(_) => "a list",
        Value::Mapping(_) => "a mapping",
        Value::Tagged(_) => "a tagged value",
    }
}

pub(super) fn hint_for(shape: Shape, value: &Value, what: What<'_>) -> Option<String> {
    let hint = match (shape, value) {
        (Shape::Text(_), Value::Mapping(_)) if matches!(what, What::Item("arguments")) => {
            "name all arguments in one mapping: `arguments: { a: int, b: str }`".to_owned()
        }
        (Shape::Text(_), Value::Sequence(_) | Value::Mapping(_)) => {
            return hint_for_type(value, what);
        }
        (Shape::Returns, Value::Mapping(_)) => RECORD_HINT.to_owned(),
        (
            Shape::Text(_) | Shape::Provider | Shape::Quantity(_),
            Value::Number(_) | Value::Bool(_),
        ) => "put it in quotes".to_owned(),
        (Shape::Integer(_), Value::String(text)) if text.parse::<i64>().is_ok() => {
            "remove the quotes".to_owned()
        }
        (Shape::Flag, Value::String(text)) => match text.to_ascii_lowercase().as_str() {
            "yes" | "on" | "y" | "true" => "write `true`".to_owned(),
            "no" | "off" | "n" | "false" => "write `false`".to_owned(),
            _ => return None,
        },
        (Shape::Type, Value::String(_) | Value::Null) => {
            "a record is written `{ name: str, age: int }`, an enumeration `[low, high]`".to_owned()
        }
        (Shape::List(_) | Shape::Arguments, Value::String(text)) if text.len() < 40 => {
            format!("write it as a list: `[{}]`", in_flow(text))
        }
        (Shape::List(Shape::Mapping(_)), Value::Mapping(_)) => {
            "write each as an item of a list: `- name: ...`".to_owned()
        }
        (Shape::Mapping(_), Value::String(_)) => {
            "write its keys below it, or in `{...}`".to_owned()
        }
        _ => return None,
    };
    Some(hint)
}

const RECORD_HINT: &str = "a record is declared under `types`; here stands its name";

/// What to write for a type that was given as a structure.
fn hint_for_type(value: &Value, what: What<'_>) -> Option<String> {
    let hint = match (what, value) {
        (What::Entry("fields"), _) => {
            "fields are a mapping of names to types: `fields: { name: str, age: int }`"
        }
        (What::Entry(_), Value::Sequence(_)) => {
            "a list is `List[int]`; an enumeration is declared under `types`, as `Level: [low, high]`"
        }
        (What::Entry(_), Value::Mapping(_)) => RECORD_HINT,
        _ => return None,
    };
    Some(hint.to_owned())
}

/// A text as it is written inside brackets.
fn in_flow(text: &str) -> String {
    let begins_otherwise =
        text.starts_with(['*', '&', '!', '|', '>', '@', '%', '`', '\'', '?', '-']);
    if begins_otherwise || text.contains(['[', ']', '{', '}', ',', '"', '#', ':']) {
        format!("{text:?}")
    } else {
        text.to_owned()
    }
}
