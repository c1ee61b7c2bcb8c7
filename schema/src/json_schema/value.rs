//! What may stand behind a key, by its shape.
//!
//! There are no defaults: editors write a key that has one into every entry that they complete.

use serde_yaml::{Mapping, Value};

use super::object::{object, types_with_keys};
use super::{entry, entry_in_list, mapping, one_of, reference, text};
use crate::check::VERSION;
use crate::diagnostic::Code;
use crate::shape::fields::{Integer, Named, Shape, Text};
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
        Shape::Types => entries(Named::Type),
        Shape::Type => declared_type(),
        Shape::Fields => record(),
        Shape::Arguments => either(types_by_name(), list(Shape::Text(Text::Type))),
        Shape::Returns => either(text::a_type(), list(Shape::Text(Text::Type))),
    }
}

/// A record or an enumeration, in short or with its members below a key.
pub(super) fn declared_type() -> Mapping {
    let mut choices = vec![record(), list(Shape::Text(Text::Name(Named::Item)))];
    choices.extend(types_with_keys(&[]));
    one_of(choices)
}

fn provider() -> Mapping {
    let mut provider = text::of(Text::NameOf(Named::Server));
    provider.insert(
        "errorMessage".into(),
        Code::ProviderList.explanation().into(),
    );
    provider
}

fn whole_number(integer: Integer) -> Mapping {
    let most = match integer {
        Integer::Version => {
            return mapping([("type", "integer".into()), ("enum", vec![VERSION].into())]);
        }
        Integer::Port => u16::MAX.into(),
        Integer::Calls => u32::MAX,
    };
    mapping([
        ("type", "integer".into()),
        ("minimum", 1.into()),
        ("maximum", most.into()),
    ])
}

/// Names and paths stand in a list once, and the items of an enumeration are as many as it may
/// have.
fn list(item: Shape) -> Mapping {
    let mut list = mapping([("type", "array".into()), ("items", value(item).into())]);
    if matches!(
        item,
        Shape::Text(Text::Name(_) | Text::NameOf(_) | Text::Path)
    ) {
        list.insert("uniqueItems".into(), true.into());
    }
    if matches!(item, Shape::Text(Text::Name(Named::Item))) {
        list.insert("minItems".into(), 1.into());
        list.insert("maxItems".into(), MAX_MEMBERS.into());
    }
    list
}

/// Entries by name, or in a list.
fn entries(named: Named) -> Mapping {
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

/// A value of the one kind or the other. The kinds are said twice: editors complete a key by its
/// `type` alone.
fn either(one: Mapping, other: Mapping) -> Mapping {
    let kinds = [&one, &other]
        .into_iter()
        .filter_map(|choice| choice.get("type"))
        .cloned();
    let mut either = mapping([("type", Value::Sequence(kinds.collect()))]);
    either.extend(one_of(vec![one, other]));
    either
}
