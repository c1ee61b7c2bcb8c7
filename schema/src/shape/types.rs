//! The entries under `types`: records and enumerations, in the short or in the long form.

use serde_yaml::{Mapping, Value};

use super::fields::{NameKind, Shape, TYPE, Text};
use super::words::Subject;
use super::{Walk, pair};
use crate::guard::Place;

impl Walk<'_> {
    pub(super) fn types_by_name(&mut self, at: Place<'_>, mapping: Mapping) -> Vec<Value> {
        if at.children().count() != mapping.len() {
            self.report_disagreement(at);
        }
        let mut types = Vec::with_capacity(mapping.len());
        for (child, (name, mut declared)) in at.children().zip(mapping) {
            self.declared_type(child, &mut declared);
            types.push(pair(name, declared));
        }
        types
    }

    fn declared_type(&mut self, at: Place<'_>, value: &mut Value) {
        let subject = Subject::Entry(at.key().unwrap_or_default());
        match value {
            Value::Mapping(mapping) if is_long_form(mapping) => {
                let without_value = ["fields", "items"]
                    .map(|key| mapping.get(key).is_some_and(Value::is_null).then_some(key));
                self.conform(at, value, Shape::Mapping(TYPE), subject);
                if let Value::Mapping(mapping) = value {
                    without_value
                        .into_iter()
                        .flatten()
                        .for_each(|key| drop(mapping.swap_remove(key)));
                }
            }
            Value::Mapping(mapping) => {
                let fields = self.arguments_by_name(at, std::mem::take(mapping));
                *value = keyed("fields", fields);
            }
            Value::Sequence(items) => {
                self.list(
                    at,
                    items,
                    Shape::Text(Text::Name(NameKind::Item)),
                    Subject::Item("items"),
                );
                *value = keyed("items", std::mem::take(items));
            }
            _ => self.refuse_kind(at, value, Shape::Type, subject),
        }
    }
}

/// Returns whether a mapping is the long form of a type. Otherwise it holds the fields of a record.
fn is_long_form(mapping: &Mapping) -> bool {
    mapping.get("fields").is_some_and(Value::is_mapping)
        || mapping.get("items").is_some_and(Value::is_sequence)
}

fn keyed(key: &str, members: Vec<Value>) -> Value {
    Value::Mapping(Mapping::from_iter([(
        Value::from(key),
        Value::Sequence(members),
    )]))
}
