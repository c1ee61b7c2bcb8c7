//! Compares the values of a file with the shapes that its keys take, and converts values that may
//! be written in several ways into one form.
//!
//! serde stops at the first mistake. This walk does not: it removes every unknown key, replaces
//! every value of the wrong kind by null, and makes a finding about each. Then serde can decode
//! everything else, which is checked in the same run.
//!
//! | written | converted to |
//! |---|---|
//! | entries by name, or a list of entries with a `name` each | a list of pairs `[name, entry]` |
//! | `arguments`: types by name, or a list of types | a list of pairs `[name or null, type]` |
//! | `returns`: one type, or a list of types | a list of types |
//! | under `types`: fields by name, a list of items, or a mapping with `fields` or `items` | that mapping |

pub(crate) mod fields;
mod reference;
mod slips;
mod types;
mod words;

use serde_yaml::{Mapping, Value};

use crate::diagnostic::{Code, Finding, Findings};
use crate::guard::Place;
use crate::suggest::did_you_mean;
use fields::{FILE, KeySpec, NAME, NameKind, Shape, TYPE, Text};
use words::{Subject, expected_kind, hint_for, kind_of};

/// Converts the value of a whole file, and reports what has the wrong shape.
pub(crate) fn conform(file: Place<'_>, value: &mut Value, findings: &mut Findings) {
    Walk { findings }.conform(file, value, Shape::Mapping(FILE), Subject::File);
}

struct Walk<'f> {
    findings: &'f mut Findings,
}

impl Walk<'_> {
    fn conform(&mut self, at: Place<'_>, value: &mut Value, shape: Shape, subject: Subject<'_>) {
        match (shape, &mut *value) {
            (Shape::Text(_) | Shape::Provider | Shape::Quantity(_), Value::String(_))
            | (Shape::Flag, Value::Bool(_)) => {}
            (Shape::Integer(_), Value::Number(number)) if number.as_i64().is_some() => {}
            (Shape::List(item), Value::Sequence(items)) => self.list(at, items, *item, subject),
            (Shape::Mapping(fields), Value::Mapping(mapping)) => {
                self.mapping(at, mapping, [fields, &[]], subject, &[]);
            }
            (Shape::Entries(kind, fields), Value::Mapping(mapping)) => {
                let mapping = std::mem::take(mapping);
                *value = Value::Sequence(self.entries_by_name(at, mapping, kind, fields));
            }
            (Shape::Entries(_, fields), Value::Sequence(items)) => {
                self.entries_in_list(at, items, fields, subject);
            }
            (Shape::Arguments | Shape::Fields, Value::Mapping(mapping)) => {
                *value = Value::Sequence(self.arguments_by_name(at, std::mem::take(mapping)));
            }
            (Shape::Arguments, Value::Sequence(items)) => {
                self.list(at, items, Shape::Text(Text::Type), subject);
                for ty in items {
                    *ty = pair(Value::Null, std::mem::take(ty));
                }
            }
            (Shape::Returns, Value::Sequence(items)) => {
                self.list(at, items, Shape::Text(Text::Type), subject);
            }
            (Shape::Returns, Value::String(_)) => {
                *value = Value::Sequence(vec![std::mem::take(value)]);
            }
            (Shape::Types, Value::Mapping(mapping)) => {
                *value = Value::Sequence(self.types_by_name(at, std::mem::take(mapping)));
            }
            (Shape::Types, Value::Sequence(items)) => {
                self.entries_in_list(at, items, TYPE, subject);
            }
            _ => self.refuse_kind(at, value, shape, subject),
        }
    }

    /// Looks at the keys of a mapping. `excused` are keys that are missing because of a mistake that
    /// has its finding already.
    fn mapping(
        &mut self,
        at: Place<'_>,
        mapping: &mut Mapping,
        fields: [&'static [KeySpec]; 2],
        subject: Subject<'_>,
        excused: &[&str],
    ) {
        if at.children().count() != mapping.len() {
            return self.report_disagreement(at);
        }
        let known = || fields.into_iter().flatten();
        let mut mistaken = excused.to_vec();
        for child in at.children() {
            let key = child.key().unwrap_or_default();
            if let Some(field) = known().find(|field| field.key == key) {
                self.field(child, mapping, field);
            } else if let Some(key) = self.refuse_missing_space(child, mapping) {
                mistaken.push(key);
            } else {
                mapping.swap_remove(key);
                self.refuse_key(child, key, fields, subject);
            }
        }
        let is_absent =
            |field: &&KeySpec| at.child(field.key).is_none() && !mistaken.contains(&field.key);
        for field in known().filter(is_absent) {
            if let Some(example) = field.required {
                let finding = Finding::new(
                    Code::MissingKey,
                    subject.span(at),
                    format!("{subject} has no `{}`", field.key),
                );
                self.findings.push(finding.hint(format!("add `{example}`")));
            }
        }
    }

    fn refuse_key(
        &mut self,
        at: Place<'_>,
        key: &str,
        fields: [&'static [KeySpec]; 2],
        subject: Subject<'_>,
    ) {
        if subject.is_free(key) || self.findings.is_full() {
            return;
        }
        let known: Vec<&str> = fields
            .into_iter()
            .flatten()
            .map(|field| field.key)
            .collect();
        let near = || did_you_mean(key, known.iter().copied());
        let hint = subject
            .hint_for_key(key)
            .or_else(|| self.findings.name_hint(near));
        let finding = Finding::new(
            Code::UnknownKey,
            at.key_span(),
            format!("unknown key `{key}`"),
        );
        let label = format!("the keys here are {}", known.join(", "));
        self.findings.push(finding.label(label).maybe_hint(hint));
    }

    fn field(&mut self, at: Place<'_>, mapping: &mut Mapping, field: &KeySpec) {
        let Some(value) = mapping.get_mut(field.key) else {
            return self.report_disagreement(at);
        };
        if !value.is_null() {
            return self.conform(at, value, field.shape, Subject::Key(field.key));
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

    fn list(&mut self, at: Place<'_>, items: &mut [Value], shape: Shape, subject: Subject<'_>) {
        if at.children().count() != items.len() {
            return self.report_disagreement(at);
        }
        for (child, item) in at.children().zip(items) {
            self.conform(child, item, shape, subject.item());
        }
    }

    fn entries_by_name(
        &mut self,
        at: Place<'_>,
        mapping: Mapping,
        kind: NameKind,
        fields: &'static [KeySpec],
    ) -> Vec<Value> {
        if at.children().count() != mapping.len() {
            self.report_disagreement(at);
        }
        let misplaced = slips::misplaced_keys(at, &mapping, fields);
        let mut entries = Vec::with_capacity(mapping.len());
        let mut owner = None;
        for (child, (name, mut entry)) in at.children().zip(mapping) {
            let key = child.key().unwrap_or_default();
            if misplaced.contains(&key) {
                self.refuse_misplaced_key(child, key, owner, kind);
                entries.push(pair(Value::Null, Value::Null));
                continue;
            }
            if entry.is_null() && self.refuse_missing_space_in_name(child).is_some() {
                let name = key.split(':').next().map(Value::from);
                entries.push(pair(name.unwrap_or_default(), Value::Null));
                continue;
            }
            owner = Some(key);
            if entry.is_null() {
                entry = Value::Mapping(Mapping::new());
            }
            let subject = Subject::Entry(key);
            match &mut entry {
                Value::Mapping(entry) => {
                    self.mapping(child, entry, [fields, &[]], subject, &misplaced);
                }
                _ => self.refuse_kind(child, &mut entry, Shape::Mapping(fields), subject),
            }
            entries.push(pair(name, entry));
        }
        entries
    }

    fn entries_in_list(
        &mut self,
        at: Place<'_>,
        items: &mut [Value],
        fields: &'static [KeySpec],
        subject: Subject<'_>,
    ) {
        if at.children().count() != items.len() {
            return self.report_disagreement(at);
        }
        for (child, item) in at.children().zip(items) {
            let mut name = Value::Null;
            if let Value::Mapping(mapping) = item {
                self.mapping(child, mapping, [NAME, fields], subject.item(), &[]);
                name = mapping.swap_remove("name").unwrap_or_default();
            } else {
                self.refuse_kind(child, item, Shape::Mapping(fields), subject.item());
            }
            *item = pair(name, std::mem::take(item));
        }
    }

    fn arguments_by_name(&mut self, at: Place<'_>, mapping: Mapping) -> Vec<Value> {
        if at.children().count() != mapping.len() {
            self.report_disagreement(at);
        }
        let mut arguments = Vec::with_capacity(mapping.len());
        for (child, (name, mut ty)) in at.children().zip(mapping) {
            if ty.is_null() && self.refuse_missing_space_in_name(child).is_some() {
                arguments.push(pair(Value::Null, Value::Null));
                continue;
            }
            self.conform(
                child,
                &mut ty,
                Shape::Text(Text::Type),
                Subject::Entry(child.key().unwrap_or_default()),
            );
            arguments.push(pair(name, ty));
        }
        arguments
    }

    /// Reports a value of the wrong kind and replaces it by null.
    fn refuse_kind(
        &mut self,
        at: Place<'_>,
        value: &mut Value,
        shape: Shape,
        subject: Subject<'_>,
    ) {
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
                format!("{subject} has no unit: `{number}`"),
            )
            .hint(format!("add a unit, as in `{}`", quantity.example())),
            (Shape::Integer(_), value) if slips::is_integer_written_badly(value) => {
                slips::badly_written_integer(at, value, subject)
            }
            (shape, Value::String(text)) if slips::lacks_space(at, text, shape) => {
                slips::missing_space(at.span(), text)
            }
            (_, value) => {
                let message = format!(
                    "{subject} must be {}, not {}",
                    expected_kind(shape),
                    kind_of(value)
                );
                Finding::new(Code::WrongKind, at.span(), message)
                    .maybe_hint(hint_for(shape, value, subject))
            }
        };
        self.findings.push(finding);
        *value = Value::Null;
    }

    /// Reports that the decoder read something else here than the guard.
    fn report_disagreement(&mut self, at: Place<'_>) {
        self.findings.push(
            Finding::new(
                Code::Undecodable,
                at.head(),
                "two YAML parsers disagree about what this says",
            )
            .hint("write it in a simpler way, with quotes around texts"),
        );
    }
}

fn pair(first: Value, second: Value) -> Value {
    Value::Sequence(vec![first, second])
}
