//! Mappings whose keys the format knows, with what an editor shows about each key.

use serde_yaml::{Mapping, Value};

use super::value::value;
use super::{entry, mapping, one_of, reference};
use crate::shape::fields::{Field, NAME, Named, Shape, TYPE, Text};

type Property = (&'static str, Mapping);

/// A mapping with the keys of a table and no others.
pub(super) fn object(fields: &[Field]) -> Mapping {
    closed(fields.iter().map(property).collect(), &required(fields))
}

/// The same with a `name`; its other keys are defined with the entry that stands under its name.
pub(super) fn object_in_list(named: Named, fields: &[Field]) -> Mapping {
    let defined = |field: &Field| reference(&format!("{}/properties/{}", entry(named), field.key));
    let mut properties = name_of(named);
    properties.extend(fields.iter().map(|field| (field.key, defined(field))));
    closed(properties, &[required(NAME), required(fields)].concat())
}

/// A record or an enumeration in a list.
pub(super) fn types_in_list() -> Mapping {
    one_of(types_with_keys(&name_of(Named::Type)))
}

/// A record, and an enumeration, with the members below a key; it must have the keys `beside` too.
pub(super) fn types_with_keys(beside: &[Property]) -> Vec<Mapping> {
    let holds_members = |field: &Field| !matches!(field.shape, Shape::Text(_));
    let members = TYPE.iter().filter(|field| holds_members(field));
    let with_keys = members.map(|members| {
        let others = TYPE
            .iter()
            .filter(|field| !holds_members(field))
            .map(property);
        let properties = beside
            .iter()
            .cloned()
            .chain(others)
            .chain([needed(members, members.shape)]);
        let needed: Vec<&str> = beside
            .iter()
            .map(|(key, _)| *key)
            .chain([members.key])
            .collect();
        closed(properties.collect(), &needed)
    });
    with_keys.collect()
}

/// The keys that an entry has in a list alone.
fn name_of(named: Named) -> Vec<Property> {
    NAME.iter()
        .map(|name| needed(name, Shape::Text(Text::Name(named))))
        .collect()
}

fn property(field: &Field) -> Property {
    if field.required.is_some() {
        return needed(field, field.shape);
    }
    let more = format!("{}; default: {}", field.value(), field.default);
    (
        field.key,
        described(or_nothing(value(field.shape)), field.doc, &more),
    )
}

/// A key that must have a value of that shape.
fn needed(field: &Field, shape: Shape) -> Property {
    (
        field.key,
        described(
            value(shape),
            field.doc,
            &format!("{}; required", field.value()),
        ),
    )
}

/// A key with nothing behind it is a key that is not there.
fn or_nothing(mut value: Mapping) -> Mapping {
    let kinds = match value.remove("type") {
        Some(Value::Sequence(kinds)) => kinds,
        kind => kind.into_iter().collect(),
    };
    value.insert(
        "type".into(),
        kinds.into_iter().chain(["null".into()]).collect(),
    );
    if let Some(Value::Sequence(choices)) = value.get_mut("oneOf") {
        choices.push(mapping([("type", "null".into())]).into());
    }
    if let Some(Value::Sequence(values)) = value.get_mut("enum") {
        values.push(Value::Null);
    }
    value
}

/// What an editor shows; `more` in those that show Markdown.
pub(super) fn described(mut value: Mapping, doc: &str, more: &str) -> Mapping {
    let mut described = mapping([
        ("description", doc.into()),
        ("markdownDescription", format!("{doc}\n\n{more}").into()),
    ]);
    // The draft allows nothing beside a reference. All that are described so are texts.
    if let Some(reference) = value.remove("$ref") {
        described.insert("type".into(), "string".into());
        described.insert("allOf".into(), vec![mapping([("$ref", reference)])].into());
    }
    described.extend(value);
    described
}

fn required(fields: &[Field]) -> Vec<&'static str> {
    fields
        .iter()
        .filter(|field| field.required.is_some())
        .map(|field| field.key)
        .collect()
}

fn closed(properties: Vec<Property>, required: &[&str]) -> Mapping {
    let properties: Mapping = properties
        .into_iter()
        .map(|(key, value)| (key.into(), value.into()))
        .collect();
    let mut object = mapping([("type", "object".into()), ("properties", properties.into())]);
    if !required.is_empty() {
        object.insert("required".into(), required.to_vec().into());
    }
    object.insert("additionalProperties".into(), false.into());
    object
}
