//! Merges a file with the file that it extends.
//!
//! A key of the file replaces the same key of its base. Mappings of keys, and entries by name, are
//! merged key by key; which values these are is told by the [shapes](crate::shape::fields) of the
//! keys. Everything else, such as a list or a declared type, is replaced as a whole. A key without a
//! value changes nothing.
//!
//! The spans and the values of both files are merged in one walk, in the same order: first the keys
//! of the base, then those that only the file has.

use serde_yaml::{Mapping, Value};

use crate::diagnostic::{Code, Finding, Findings};
use crate::guard::{NodeId, SpanTable};
use crate::shape::fields::{FILE, KeySpec, Shape};

/// What one file says, or several that extend each other.
pub(crate) struct Layer {
    pub(crate) table: SpanTable<'static>,
    pub(crate) value: Value,
}

impl Layer {
    /// Merges this file with its base.
    pub(crate) fn over(mut self, base: Self, findings: &mut Findings) -> Self {
        let Some(over) = self.table.root_id() else {
            return self;
        };
        let Some(base_root) = self.table.absorb(base.table) else {
            return self;
        };
        if !base.value.is_mapping() && !base.value.is_null() {
            let span = self.table.span(base_root);
            findings.push(
                Finding::new(Code::WrongKind, span, "the file must be a mapping")
                    .hint("begin it with `network:`"),
            );
        }
        let mut merge = Merge {
            table: self.table,
            findings,
        };
        let (root, value) = merge.by_key(
            Part {
                node: over,
                value: self.value,
            },
            Part {
                node: base_root,
                value: base.value,
            },
            |key| shape_in(FILE, key),
        );
        merge.table.set_root(root);
        Self {
            table: merge.table,
            value,
        }
    }
}

/// A value, and its node in the table.
struct Part {
    node: NodeId,
    value: Value,
}

struct Merge<'f> {
    table: SpanTable<'static>,
    findings: &'f mut Findings,
}

impl Merge<'_> {
    /// Merges the values of one key. Returns the node and the value of the result.
    fn value(
        &mut self,
        shape: Option<Shape>,
        key: &str,
        over: Part,
        base: Part,
    ) -> (NodeId, Value) {
        if over.value.is_null() {
            return (base.node, base.value);
        }
        let both_mappings = over.value.is_mapping() && base.value.is_mapping();
        match shape {
            Some(Shape::Mapping(fields)) if both_mappings => {
                self.by_key(over, base, |key| shape_in(fields, key))
            }
            Some(Shape::Entries(_, fields)) if both_mappings => {
                self.by_key(over, base, |_| Some(Shape::Mapping(fields)))
            }
            Some(Shape::Types) if both_mappings => self.by_key(over, base, |_| None),
            Some(Shape::Entries(..) | Shape::Types)
                if over.value.is_sequence() || base.value.is_sequence() =>
            {
                self.refuse_list(key, &over, &base);
                (over.node, over.value)
            }
            _ => (over.node, over.value),
        }
    }

    /// Merges two mappings, whose values have the shape that `shape_of` returns for their key.
    fn by_key(
        &mut self,
        over: Part,
        base: Part,
        shape_of: impl Fn(&str) -> Option<Shape>,
    ) -> (NodeId, Value) {
        let merged = self.table.add_like(over.node);
        let mut over_values = into_mapping(over.value);
        let mut base_values = into_mapping(base.value);
        let mut values = Mapping::new();
        let of_base = self.table.keyed_children(base.node);
        let of_over = self.table.keyed_children(over.node);
        for (key, base) in &of_base {
            let Some(base_value) = base_values.swap_remove(key.as_str()) else {
                continue;
            };
            let base = Part {
                node: *base,
                value: base_value,
            };
            let same = of_over.iter().find(|(over_key, _)| over_key == key);
            let over = same.zip(over_values.swap_remove(key.as_str()));
            let (node, value) = match over {
                Some(((_, node), value)) => {
                    self.value(shape_of(key), key, Part { node: *node, value }, base)
                }
                None => (base.node, base.value),
            };
            self.table.add_alias(merged, node);
            values.insert(key.as_str().into(), value);
        }
        for (key, node) in of_over {
            if let Some(value) = over_values.swap_remove(key.as_str()) {
                self.table.add_alias(merged, node);
                values.insert(key.into(), value);
            }
        }
        (merged, Value::Mapping(values))
    }

    fn refuse_list(&mut self, key: &str, over: &Part, base: &Part) {
        let finding = Finding::new(
            Code::Extends,
            self.table.key_span(over.node),
            format!("`{key}` cannot be merged with that of the base: only entries by name can"),
        )
        .related(self.table.key_span(base.node), "the base has it here")
        .hint("write the entries of both files by name: `NAME: { ... }`, not `- name: NAME`");
        self.findings.push(finding);
    }
}

fn shape_in(fields: &[KeySpec], key: &str) -> Option<Shape> {
    let field = fields.iter().find(|field| field.key == key);
    field.map(|field| field.shape)
}

fn into_mapping(value: Value) -> Mapping {
    match value {
        Value::Mapping(mapping) => mapping,
        _ => Mapping::new(),
    }
}
