//! The schemas of mappings with known keys, with the text that an editor shows for each key.

use serde_yaml::{Mapping, Value};

use super::value::value;
use super::{entry, mapping, one_of, reference};
use crate::shape::fields::{KeySpec, NAME, NameKind, Shape, TYPE, Text};

type Property = (&'static str, Mapping);

/// Returns the schema of a mapping with the keys of a table and no others.
pub(super) fn object(fields: &[KeySpec]) -> Mapping {
    closed(fields.iter().map(property).collect(), &required(fields))
}

/// Returns the schema of a mapping with the keys of a table and no others, none of them required.
pub(super) fn optional_keys(fields: &[KeySpec]) -> Mapping {
    closed(fields.iter().map(property).collect(), &[])
}

/// Returns the schema that requires the keys that a mapping and the mappings in it must have.
pub(super) fn required_keys(fields: &[KeySpec]) -> Mapping {
    let inside = |field: &KeySpec| {
        let inside = match field.shape {
            Shape::Mapping(fields) => required_keys(fields),
            Shape::Entries(_, fields) => {
                let keys = required_keys(fields);
                if keys.is_empty() {
                    return None;
                }
                let mut by_name = mapping([("type", "object".into())]);
                by_name.extend(keys.clone());
                mapping([
                    ("additionalProperties", by_name.into()),
                    ("items", keys.into()),
                ])
            }
            _ => return None,
        };
        (!inside.is_empty()).then(|| (field.key.into(), inside.into()))
    };
    let properties: Mapping = fields.iter().filter_map(inside).collect();
    let required = required(fields);
    let mut keys = Mapping::new();
    if !required.is_empty() {
        keys.insert("required".into(), required.into());
    }
    if !properties.is_empty() {
        keys.insert("properties".into(), properties.into());
    }
    keys
}

/// Returns the schema of an entry in a list. It has a `name`; its other keys refer to the
/// definition of the entry in a mapping.
pub(super) fn object_in_list(named: NameKind, fields: &[KeySpec]) -> Mapping {
    let defined =
        |field: &KeySpec| reference(&format!("{}/properties/{}", entry(named), field.key));
    let mut properties = name_of(named);
    properties.extend(fields.iter().map(|field| (field.key, defined(field))));
    closed(properties, &required(NAME))
}

/// Returns the schema of a record or an enumeration in a list.
pub(super) fn types_in_list() -> Mapping {
    one_of(types_with_keys(&name_of(NameKind::Type)))
}

/// Returns the schemas of the long forms of a record and of an enumeration. Each requires its
/// members and the keys `beside`.
pub(super) fn types_with_keys(beside: &[Property]) -> Vec<Mapping> {
    let holds_members = |field: &KeySpec| !matches!(field.shape, Shape::Text(_));
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
            .chain([required_property(members, members.shape)]);
        let required: Vec<&str> = beside
            .iter()
            .map(|(key, _)| *key)
            .chain([members.key])
            .collect();
        closed(properties.collect(), &required)
    });
    with_keys.collect()
}

/// Returns the keys that an entry has only in a list: its name.
fn name_of(named: NameKind) -> Vec<Property> {
    NAME.iter()
        .map(|name| required_property(name, Shape::Text(Text::Name(named))))
        .collect()
}

fn property(field: &KeySpec) -> Property {
    if field.required.is_some() {
        return required_property(field, field.shape);
    }
    let more = format!("{}; default: {}", field.value(), field.default);
    (
        field.key,
        described(or_null(value(field.shape)), field.doc, &more),
    )
}

/// Returns the property for a key that must have a value of this shape.
fn required_property(field: &KeySpec, shape: Shape) -> Property {
    (
        field.key,
        described(
            value(shape),
            field.doc,
            &format!("{}; required", field.value()),
        ),
    )
}

/// Makes a schema accept null as well, because a key without a value means the same as no key.
fn or_null(mut value: Mapping) -> Mapping {
    let null = || mapping([("type", "null".into())]).into();
    if let Some(reference) = value.remove("$ref") {
        let choices = vec![mapping([("$ref", reference)]).into(), null()];
        return mapping([("oneOf", choices.into())]);
    }
    let kinds = match value.remove("type") {
        Some(Value::Sequence(kinds)) => kinds,
        kind => kind.into_iter().collect(),
    };
    value.insert(
        "type".into(),
        kinds.into_iter().chain(["null".into()]).collect(),
    );
    if let Some(Value::Sequence(choices)) = value.get_mut("oneOf") {
        choices.push(null());
    }
    if let Some(Value::Sequence(values)) = value.get_mut("enum") {
        values.push(Value::Null);
    }
    value
}

/// Adds the text that an editor shows. Editors that show Markdown also show `more`.
pub(super) fn described(mut value: Mapping, doc: &str, more: &str) -> Mapping {
    let mut described = mapping([
        ("description", doc.into()),
        ("markdownDescription", format!("{doc}\n\n{more}").into()),
    ]);
    // The draft allows no other key beside `$ref`. All described references are texts.
    if let Some(reference) = value.remove("$ref") {
        described.insert("type".into(), "string".into());
        described.insert("allOf".into(), vec![mapping([("$ref", reference)])].into());
    }
    described.extend(value);
    described
}

fn required(fields: &[KeySpec]) -> Vec<&'static str> {
    fields
        .iter()
        .filter(|field| field.required.is_some())
        .map(|field| field.key)
        .collect()
}

/// Returns the schema of an object with these properties and no others.
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
