//! The schemas of values, by their shape.
//!
//! They have no `default`, because editors would insert every key that has one into each entry that
//! they complete.

use serde_yaml::{Mapping, Value};

use super::object::{object, types_with_keys};
use super::{entry, entry_in_list, mapping, one_of, reference, text};
use crate::check::VERSION;
use crate::diagnostic::Code;
use crate::shape::fields::{Integer, NameKind, Shape, Text};
use crate::signature::{MAX_ARGUMENTS, MAX_RETURNS};
use crate::types::MAX_MEMBERS;

pub(super) fn value(shape: Shape) -> Mapping {
    match shape {
        Shape::Text(text) => text::of(text),
        Shape::Provider => provider(),
        Shape::Quantity(quantity) => text::quantity(quantity),
        Shape::Integer(integer) => whole_number(integer),
        Shape::Flag => mapping([("type", "boolean".into())]),
        Shape::List(item) => list(*item),
        Shape::Mapping(fields) => object(fields),
        Shape::Entries(named, _) => entries(named),
        Shape::Types => entries(NameKind::Type),
        Shape::Type => declared_type(),
        Shape::Fields => record(),
        Shape::Arguments => {
            let mut by_name = types_by_name();
            by_name.insert("maxProperties".into(), MAX_ARGUMENTS.into());
            either(by_name, types(MAX_ARGUMENTS))
        }
        Shape::Returns => either(text::type_text(), types(MAX_RETURNS)),
    }
}

/// Returns the schema of a record or an enumeration, in the short or in the long form.
pub(super) fn declared_type() -> Mapping {
    let mut choices = vec![record(), list(Shape::Text(Text::Name(NameKind::Item)))];
    choices.extend(types_with_keys(&[]));
    one_of(choices)
}

fn provider() -> Mapping {
    let mut provider = text::of(Text::NameOf(NameKind::Server));
    provider.insert("errorMessage".into(), Code::ProviderList.rule().into());
    provider
}

fn whole_number(integer: Integer) -> Mapping {
    let maximum = match integer {
        Integer::Version => {
            return mapping([("type", "integer".into()), ("enum", vec![VERSION].into())]);
        }
        Integer::Port => u16::MAX.into(),
        Integer::Calls => u32::MAX,
    };
    mapping([
        ("type", "integer".into()),
        ("minimum", 1.into()),
        ("maximum", maximum.into()),
    ])
}

/// Returns the schema of a list. Names and paths must be unique in it. The number of items of an
/// enumeration is limited.
fn list(item: Shape) -> Mapping {
    let mut list = mapping([("type", "array".into()), ("items", value(item).into())]);
    if matches!(
        item,
        Shape::Text(Text::Name(_) | Text::NameOf(_) | Text::Path)
    ) {
        list.insert("uniqueItems".into(), true.into());
    }
    if matches!(item, Shape::Text(Text::Name(NameKind::Item))) {
        list.insert("minItems".into(), 1.into());
        list.insert("maxItems".into(), MAX_MEMBERS.into());
    }
    list
}

/// Returns the schema of a list of types.
fn types(max_items: usize) -> Mapping {
    let mut types = list(Shape::Text(Text::Type));
    types.insert("maxItems".into(), max_items.into());
    types
}

/// Returns the schema of entries: a mapping of names to entries, or a list.
fn entries(named: NameKind) -> Mapping {
    let by_name = mapping([
        ("type", "object".into()),
        ("propertyNames", text::of(Text::Name(named)).into()),
        ("additionalProperties", reference(entry(named)).into()),
    ]);
    let in_list = mapping([
        ("type", "array".into()),
        ("items", reference(&entry_in_list(named)).into()),
    ]);
    either(by_name, in_list)
}

fn record() -> Mapping {
    let mut fields = types_by_name();
    fields.insert("minProperties".into(), 1.into());
    fields.insert("maxProperties".into(), MAX_MEMBERS.into());
    fields
}

fn types_by_name() -> Mapping {
    mapping([
        ("type", "object".into()),
        ("propertyNames", reference(text::NAME).into()),
        ("additionalProperties", text::of(Text::Type).into()),
    ])
}

/// Returns the schema of a value that matches one of two schemas. Their types are repeated in
/// `type`, because editors look only there when they complete a key.
fn either(one: Mapping, other: Mapping) -> Mapping {
    let kinds = [&one, &other]
        .into_iter()
        .filter_map(|choice| choice.get("type"))
        .cloned();
    let mut either = mapping([("type", Value::Sequence(kinds.collect()))]);
    either.extend(one_of(vec![one, other]));
    either
}
