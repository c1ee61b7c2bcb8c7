//! Holds the values of a file against the shapes that its keys take, and brings what may be written
//! in several ways into one form.
//!
//! serde stops at the first thing it does not like. This walk goes on: it takes out every key that
//! is not known and leaves a hole (null) for every value of the wrong kind, each with a finding, so
//! that serde decodes the rest and the rest is checked in the same run.
//!
//! | written | afterwards |
//! |---|---|
//! | entries by name, or a list of entries with a `name` each | a list of pairs `[name, entry]` |
//! | `arguments`: types by name, or a list of types | a list of pairs `[name or null, type]` |
//! | `returns`: one type, or a list of types | a list of types |
//! | under `types`: fields by name, a list of items, or a mapping with `fields` or `items` | that mapping |

pub(crate) mod fields;
mod reference;
mod types;
mod words;

use serde_yaml::{Mapping, Value};

use crate::diagnostic::{Code, Finding, Findings};
use crate::guard::Place;
use crate::suggest::did_you_mean;
use fields::{FILE, Field, NAME, Shape, TYPE, Text};
use words::{What, expected, hint_for, kind_of};

/// Brings the value of a whole file into shape.
pub(crate) fn conform(file: Place<'_>, value: &mut Value, findings: &mut Findings) {
    Walk { findings }.conform(file, value, Shape::Mapping(FILE), What::File);
}

struct Walk<'f> {
    findings: &'f mut Findings,
}

impl Walk<'_> {
    fn conform(&mut self, at: Place<'_>, value: &mut Value, shape: Shape, what: What<'_>) {
        match (shape, &mut *value) {
            (Shape::Text(_) | Shape::Provider | Shape::Quantity(_), Value::String(_))
            | (Shape::Flag, Value::Bool(_)) => {}
            (Shape::Integer(_), Value::Number(number)) if number.as_i64().is_some() => {}
            (Shape::List(item), Value::Sequence(items)) => self.list(at, items, *item, what),
            (Shape::Mapping(fields), Value::Mapping(mapping)) => {
                self.mapping(at, mapping, [fields, &[]], what);
            }
            (Shape::Entries(_, fields), Value::Mapping(mapping)) => {
                *value = Value::Sequence(self.entries_by_name(at, std::mem::take(mapping), fields));
            }
            (Shape::Entries(_, fields), Value::Sequence(items)) => {
                self.entries_in_list(at, items, fields, what);
            }
            (Shape::Arguments | Shape::Fields, Value::Mapping(mapping)) => {
                *value = Value::Sequence(self.arguments_by_name(at, std::mem::take(mapping)));
            }
            (Shape::Arguments, Value::Sequence(items)) => {
                self.list(at, items, Shape::Text(Text::Type), what);
                for ty in items {
                    *ty = pair(Value::Null, std::mem::take(ty));
                }
            }
            (Shape::Returns, Value::Sequence(items)) => {
                self.list(at, items, Shape::Text(Text::Type), what);
            }
            (Shape::Returns, Value::String(_)) => {
                *value = Value::Sequence(vec![std::mem::take(value)]);
            }
            (Shape::Types, Value::Mapping(mapping)) => {
                *value = Value::Sequence(self.types_by_name(at, std::mem::take(mapping)));
            }
            (Shape::Types, Value::Sequence(items)) => self.entries_in_list(at, items, TYPE, what),
            _ => self.refuse_kind(at, value, shape, what),
        }
    }

    fn mapping(
        &mut self,
        at: Place<'_>,
        mapping: &mut Mapping,
        fields: [&'static [Field]; 2],
        what: What<'_>,
    ) {
        if at.children().count() != mapping.len() {
            return self.disagree(at);
        }
        let known = || fields.into_iter().flatten();
        for child in at.children() {
            let key = child.key().unwrap_or_default();
            if let Some(field) = known().find(|field| field.key == key) {
                self.field(child, mapping, field);
            } else {
                mapping.swap_remove(key);
                self.refuse_key(child, key, fields, what);
            }
        }
        for field in known().filter(|field| at.child(field.key).is_none()) {
            if let Some(example) = field.required {
                let finding = Finding::new(
                    Code::MissingKey,
                    what.span(at),
                    format!("{what} has no `{}`", field.key),
                );
                self.findings.push(finding.hint(format!("add `{example}`")));
            }
        }
    }

    fn refuse_key(
        &mut self,
        at: Place<'_>,
        key: &str,
        fields: [&'static [Field]; 2],
        what: What<'_>,
    ) {
        if what.is_free(key) || self.findings.is_full() {
            return;
        }
        let known: Vec<&str> = fields
            .into_iter()
            .flatten()
            .map(|field| field.key)
            .collect();
        let near = || did_you_mean(key, known.iter().copied());
        let hint = what
            .hint_for_key(key)
            .or_else(|| self.findings.name_hint(near));
        let finding = Finding::new(
            Code::UnknownKey,
            at.key_span(),
            format!("unknown key `{key}`"),
        );
        let label = format!("here the keys are {}", known.join(", "));
        self.findings.push(finding.label(label).maybe_hint(hint));
    }

    fn field(&mut self, at: Place<'_>, mapping: &mut Mapping, field: &Field) {
        let Some(value) = mapping.get_mut(field.key) else {
            return self.disagree(at);
        };
        if !value.is_null() {
            return self.conform(at, value, field.shape, What::Key(field.key));
        }
        match (field.required, field.shape) {
            (Some(example), _) => {
                let message = format!("`{}` has no value", field.key);
                let finding = Finding::new(Code::MissingKey, at.head(), message);
                self.findings
                    .push(finding.hint(format!("write `{example}`")));
            }
            (
                None,
                Shape::List(_)
                | Shape::Entries(..)
                | Shape::Arguments
                | Shape::Fields
                | Shape::Returns
                | Shape::Types,
            ) => {
                *value = Value::Sequence(Vec::new());
            }
            (None, _) => {
                mapping.swap_remove(field.key);
            }
        }
    }

    fn list(&mut self, at: Place<'_>, items: &mut [Value], shape: Shape, what: What<'_>) {
        if at.children().count() != items.len() {
            return self.disagree(at);
        }
        for (child, item) in at.children().zip(items) {
            self.conform(child, item, shape, what.item());
        }
    }

    fn entries_by_name(
        &mut self,
        at: Place<'_>,
        mapping: Mapping,
        fields: &'static [Field],
    ) -> Vec<Value> {
        if at.children().count() != mapping.len() {
            self.disagree(at);
        }
        let mut entries = Vec::with_capacity(mapping.len());
        for (child, (name, mut entry)) in at.children().zip(mapping) {
            if entry.is_null() {
                entry = Value::Mapping(Mapping::new());
            }
            let what = What::Entry(child.key().unwrap_or_default());
            self.conform(child, &mut entry, Shape::Mapping(fields), what);
            entries.push(pair(name, entry));
        }
        entries
    }

    fn entries_in_list(
        &mut self,
        at: Place<'_>,
        items: &mut [Value],
        fields: &'static [Field],
        what: What<'_>,
    ) {
        if at.children().count() != items.len() {
            return self.disagree(at);
        }
        for (child, item) in at.children().zip(items) {
            let mut name = Value::Null;
            if let Value::Mapping(mapping) = item {
                self.mapping(child, mapping, [NAME, fields], what.item());
                name = mapping.swap_remove("name").unwrap_or_default();
            } else {
                self.refuse_kind(child, item, Shape::Mapping(fields), what.item());
            }
            *item = pair(name, std::mem::take(item));
        }
    }

    fn arguments_by_name(&mut self, at: Place<'_>, mapping: Mapping) -> Vec<Value> {
        if at.children().count() != mapping.len() {
            self.disagree(at);
        }
        let mut arguments = Vec::with_capacity(mapping.len());
        for (child, (name, mut ty)) in at.children().zip(mapping) {
            self.conform(
                child,
                &mut ty,
                Shape::Text(Text::Type),
                What::Entry(child.key().unwrap_or_default()),
            );
            arguments.push(pair(name, ty));
        }
        arguments
    }

    /// Leaves a hole.
    fn refuse_kind(&mut self, at: Place<'_>, value: &mut Value, shape: Shape, what: What<'_>) {
        let finding = match (shape, &*value) {
            (Shape::Provider, Value::Sequence(_)) => {
                let message =
                    "a service has one provider; a list of them is reserved for a later version";
                Finding::new(Code::ProviderList, at.span(), message)
                    .hint("name one server: `provider: server1`")
            }
            (Shape::Quantity(quantity), Value::Number(number)) => Finding::new(
                quantity.code(),
                at.span(),
                format!("{what} has no unit: `{number}`"),
            )
            .hint(format!("write the unit as in `{}`", quantity.example())),
            (_, value) => {
                let message = format!("{what} must be {}, not {}", expected(shape), kind_of(value));
                Finding::new(Code::WrongKind, at.span(), message)
                    .maybe_hint(hint_for(shape, value, what))
            }
        };
        self.findings.push(finding);
        *value = Value::Null;
    }

    /// The decoder read something else here than the guard.
    fn disagree(&mut self, at: Place<'_>) {
        self.findings.push(
            Finding::new(
                Code::Undecodable,
                at.head(),
                "two readers of YAML do not agree on what this says",
            )
            .hint("write it more plainly, with quotes around texts"),
        );
    }
}

fn pair(first: Value, second: Value) -> Value {
    Value::Sequence(vec![first, second])
}
