//! Slips of the pen that YAML reads as something else: a `:` without a space, a key that stands at
//! the indentation of its owner, an integer that is not written as one.

use std::ops::Range;

use serde_yaml::{Mapping, Value};

use super::Walk;
use super::fields::{KeySpec, NameKind, Shape};
use super::words::Subject;
use crate::diagnostic::{Code, Finding};
use crate::guard::Place;

/// Maximum length of a text that a hint repeats, in bytes.
const MAX_QUOTED_BYTES: usize = 60;

impl Walk<'_> {
    /// Reports a key such as `port:7101`, and removes it. Returns the key before the `:`.
    pub(super) fn refuse_missing_space<'a>(
        &mut self,
        at: Place<'a>,
        mapping: &mut Mapping,
    ) -> Option<&'a str> {
        let written = at.key()?;
        if !mapping.get(written)?.is_null() {
            return None;
        }
        let key = self.refuse_missing_space_in_name(at)?;
        mapping.swap_remove(written);
        Some(key)
    }

    /// Reports a name such as `a:int` that has no value. Returns the part before the `:`.
    pub(super) fn refuse_missing_space_in_name<'a>(&mut self, at: Place<'a>) -> Option<&'a str> {
        let written = at.key()?;
        let is_plain = at.key_span().len() == written.len();
        let (key, _) = split_at_colon(written).filter(|_| is_plain)?;
        self.findings.push(missing_space(at.key_span(), written));
        Some(key)
    }

    /// Reports a key of an entry that stands beside the entry, as if it were a name.
    pub(super) fn refuse_misplaced_key(
        &mut self,
        at: Place<'_>,
        key: &str,
        owner: Option<&str>,
        kind: NameKind,
    ) {
        let kind = kind.in_words();
        let message =
            format!("`{key}` is a key of a {kind}, but stands where a {kind}'s name is expected");
        let hint = match owner {
            Some(owner) => format!("indent it more, so that it belongs to `{owner}`"),
            None => format!("put it below the name of the {kind} that it belongs to"),
        };
        let finding = Finding::new(Code::UnknownKey, at.key_span(), message);
        self.findings.push(finding.hint(hint));
    }
}

/// Returns the keys of entries that stand beside the entries. Such a key has a value that its
/// entry could have, but that is not an entry.
pub(super) fn misplaced_keys<'a>(
    at: Place<'a>,
    mapping: &Mapping,
    fields: &[KeySpec],
) -> Vec<&'a str> {
    let is_misplaced = |key: &&str| {
        let takes_mapping = |field: &KeySpec| matches!(field.shape, Shape::Mapping(_));
        let field = fields.iter().find(|field| field.key == *key);
        let value = mapping.get(key);
        field.is_some_and(|field| !takes_mapping(field))
            && value.is_some_and(|value| !value.is_null() && !value.is_mapping())
    };
    at.children()
        .filter_map(Place::key)
        .filter(is_misplaced)
        .collect()
}

/// Returns whether a text stands where no text is allowed, because its `:` has no space after it.
pub(super) fn lacks_space(at: Place<'_>, text: &str, shape: Shape) -> bool {
    let is_plain = !at.is_quoted();
    let takes_keys = matches!(
        shape,
        Shape::Mapping(_)
            | Shape::Entries(..)
            | Shape::Arguments
            | Shape::Fields
            | Shape::Types
            | Shape::Type
    );
    is_plain && takes_keys && split_at_colon(text).is_some()
}

pub(super) fn missing_space(span: Range<usize>, text: &str) -> Finding {
    let message =
        "there is no space after the `:`, so this is one text and not a key with its value";
    let hint = match split_at_colon(text) {
        Some((key, value)) if text.len() <= MAX_QUOTED_BYTES && !text.contains('\n') => {
            format!("put a space after the `:`: `{key}: {value}`")
        }
        _ => "put a space after the `:`".to_owned(),
    };
    Finding::new(Code::MissingSpace, span, message).hint(hint)
}

/// Splits a text such as `a:int` at its `:`. The part before it can be a key.
fn split_at_colon(text: &str) -> Option<(&str, &str)> {
    let (key, value) = text.split_once(':')?;
    let is_key = !key.is_empty()
        && key
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-');
    (is_key && !value.is_empty()).then_some((key, value.trim_start()))
}

/// Returns whether a value is an integer for people, but not for YAML or not for a key.
pub(super) fn is_integer_written_badly(value: &Value) -> bool {
    match value {
        Value::Number(number) => !number.is_f64() || whole(number).is_some(),
        Value::String(text) => digits_of(text).is_some(),
        _ => false,
    }
}

/// Returns the finding about a value for which [`is_integer_written_badly`] holds.
pub(super) fn badly_written_integer(at: Place<'_>, value: &Value, subject: Subject<'_>) -> Finding {
    let finding = |message| Finding::new(Code::WrongKind, at.span(), message);
    let write = |digits: &str| format!("write `{digits}`");
    match value {
        Value::Number(number) => match whole(number) {
            Some(digits) => finding(format!(
                "{subject} must be an integer, not a number with a fraction"
            ))
            .hint(write(&digits)),
            None => finding(format!("{subject} is too large: `{number}`")),
        },
        Value::String(text) => {
            let digits = digits_of(text).unwrap_or_default();
            if at.is_quoted() {
                let hint = if digits == *text {
                    "remove the quotes"
                } else {
                    &write(&digits)
                };
                return finding(format!("{subject} must be an integer, not text")).hint(hint);
            }
            let why = if text.contains(['_', ',', '\'', ' ']) {
                "must be written with digits only"
            } else {
                "must not begin with `0`"
            };
            finding(format!("{subject} {why}: `{text}`")).hint(write(&digits))
        }
        _ => finding(format!("{subject} must be an integer")),
    }
}

/// Returns the digits of a number that has a fraction of zero.
fn whole(number: &serde_yaml::Number) -> Option<String> {
    let float = number.as_f64().filter(|_| number.is_f64())?;
    (float.fract() == 0.0 && float.abs() < 1e9).then(|| format!("{float:.0}"))
}

/// Returns the digits of a text that is an integer except for zeros before it and separators in
/// it.
fn digits_of(text: &str) -> Option<String> {
    let digits = text.replace(['_', ',', '\'', ' '], "");
    let is_number = digits.bytes().all(|byte| byte.is_ascii_digit());
    let number: u32 = digits.parse().ok().filter(|_| is_number)?;
    text.starts_with(|first: char| first.is_ascii_digit())
        .then(|| number.to_string())
}
