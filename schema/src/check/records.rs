//! Records and enumerations: the types that a file declares under `types`.

use std::collections::HashMap;
use std::ops::Range;
use std::sync::Arc;

use super::all_or_none;
use super::declarations::DeclaredTypes;
use super::names::{Names, check_name};
use super::types::check_type;
use crate::diagnostic::{Code, Finding, Findings};
use crate::guard::Place;
use crate::model::TypeDecl;
use crate::name::Name;
use crate::naming::{RESERVED_TYPES, variant};
use crate::raw::{NamedEntries, RawType, Texts};
use crate::types::{
    Enumeration, Field, MAX_MEMBERS, MAX_TYPE_DEPTH, Record, Type, TypeErrorKind, check_item,
    is_builtin_name,
};

/// Checks the types of a file. A type is checked after the types that it uses.
pub(super) fn check_types(
    raw: NamedEntries<RawType>,
    at: Place<'_>,
    findings: &mut Findings,
) -> (Option<Vec<TypeDecl>>, DeclaredTypes) {
    let mut names = Names::new("type");
    let mut pending = Vec::with_capacity(raw.len());
    for (at, (written, body)) in at.children().zip(raw) {
        let name = written
            .as_deref()
            .and_then(|name| check_type_name(name, at, &mut names, findings));
        pending.push(PendingType {
            name,
            written,
            body,
            at,
            state: ResolveState::Waiting,
        });
    }
    let names = pending
        .iter()
        .filter_map(|pending| pending.written.clone())
        .collect();
    let types = DeclaredTypes::new(names);
    let mut resolver = Resolver {
        indices: indices_by_name(&pending),
        pending,
        types,
        findings,
    };
    let types = (0..resolver.pending.len())
        .map(|index| resolver.declaration(index))
        .collect();
    (all_or_none(types), resolver.types)
}

/// Returns the index of each type by its name. Of several types with one name, the first counts.
fn indices_by_name(pending: &[PendingType<'_>]) -> HashMap<String, usize> {
    let mut indices = HashMap::new();
    for (index, pending) in pending.iter().enumerate() {
        if let Some(written) = &pending.written {
            indices.entry(written.clone()).or_insert(index);
        }
    }
    indices
}

fn check_type_name(
    written: &str,
    at: Place<'_>,
    names: &mut Names,
    findings: &mut Findings,
) -> Option<Name> {
    let name = names.declare(written, at.head(), findings)?;
    if !is_builtin_name(name.as_str()) && !RESERVED_TYPES.contains(&name.as_str()) {
        return Some(name);
    }
    let message = format!("a record or an enumeration cannot be called `{name}`");
    let hint = "the name has a meaning of its own in `init.yaml` or in Rust; rename the type";
    findings.push(Finding::new(Code::ReservedName, at.head(), message).hint(hint));
    None
}

/// A type that is declared but not yet checked.
struct PendingType<'a> {
    name: Option<Name>,
    /// The name as the file writes it, valid or not.
    written: Option<String>,
    body: Option<RawType>,
    at: Place<'a>,
    state: ResolveState,
}

enum ResolveState {
    Waiting,
    /// The type is being built. A type that uses it in this state is inside it.
    Open,
    Done,
}

struct Resolver<'a, 'f> {
    pending: Vec<PendingType<'a>>,
    /// The index of each type in `pending`, by name.
    indices: HashMap<String, usize>,
    types: DeclaredTypes,
    findings: &'f mut Findings,
}

impl Resolver<'_, '_> {
    fn declaration(&mut self, index: usize) -> Option<TypeDecl> {
        self.resolve(index, &mut Vec::new());
        let pending = self.pending.get_mut(index)?;
        let name = pending.name.clone()?;
        let doc = pending.body.as_mut().and_then(|body| body.doc.take());
        let ty = self.types.find(name.as_str())?;
        Some(TypeDecl { name, doc, ty })
    }

    /// Builds a type and all types that it uses. `trail` holds the types that contain this one.
    fn resolve(&mut self, index: usize, trail: &mut Vec<usize>) {
        if !matches!(self.pending[index].state, ResolveState::Waiting) {
            return;
        }
        if trail.len() >= MAX_TYPE_DEPTH {
            return self.refuse_depth(index);
        }
        self.pending[index].state = ResolveState::Open;
        trail.push(index);
        let built = self.build(index, trail);
        trail.pop();
        self.pending[index].state = ResolveState::Done;
        if let Some(written) = self.pending[index].written.clone()
            && self.indices.get(&written) == Some(&index)
        {
            self.types.insert(written, built);
        }
    }

    fn build(&mut self, index: usize, trail: &mut Vec<usize>) -> Option<Type> {
        let at = self.pending[index].at;
        let name = self.pending[index].name.clone();
        let body = self.pending[index].body.as_mut()?;
        let fields = body.fields.take();
        let items = body.items.take();
        let count = fields
            .as_ref()
            .map(Vec::len)
            .max(items.as_ref().map(Vec::len));
        if count > Some(MAX_MEMBERS) {
            let name = self.pending[index].written.clone().unwrap_or_default();
            return self.refuse(&TypeErrorKind::TooManyMembers(name), at);
        }
        match (fields, items) {
            (Some(fields), None) => self.record(name, fields, at, trail),
            (None, Some(items)) => self.enumeration(name, items, at),
            (fields, _) => {
                let message = if fields.is_some() {
                    "this type has both fields and items"
                } else {
                    "this type has neither fields nor items"
                };
                let finding = Finding::new(Code::TypeMembers, at.head(), message);
                let hint = "write `{ name: str, age: int }` for a record, `[low, high]` for an enumeration";
                self.findings.push(finding.hint(hint));
                None
            }
        }
    }

    fn record(
        &mut self,
        name: Option<Name>,
        raw: NamedEntries<String>,
        at: Place<'_>,
        trail: &mut Vec<usize>,
    ) -> Option<Type> {
        let fields = members(at, "fields")
            .children()
            .zip(raw)
            .map(|(at, (written, ty))| {
                let name = check_name(&written?, &at.key_span(), self.findings);
                let ty = ty.and_then(|ty| self.field_type(&ty, at, trail));
                Some(Field {
                    name: name?,
                    ty: ty?,
                })
            });
        let fields = all_or_none(fields.collect())?;
        match Record::new(name?, fields) {
            Ok(record) => Some(Type::Record(Arc::new(record))),
            Err(kind) => self.refuse(&kind, at),
        }
    }

    fn field_type(&mut self, text: &str, at: Place<'_>, trail: &mut Vec<usize>) -> Option<Type> {
        for (offset, word) in words(text) {
            let Some(&index) = self.indices.get(word) else {
                continue;
            };
            if matches!(self.pending[index].state, ResolveState::Open) {
                self.refuse_recursion(index, at.part(offset, word.len()), trail);
                return None;
            }
            self.resolve(index, trail);
            // Still waiting: the type was refused because it nests too deep.
            if matches!(self.pending[index].state, ResolveState::Waiting) {
                return None;
            }
        }
        check_type(text, at, &self.types, self.findings)
    }

    fn enumeration(&mut self, name: Option<Name>, raw: Texts, at: Place<'_>) -> Option<Type> {
        let mut variants = HashMap::new();
        let items = members(at, "items")
            .children()
            .zip(raw)
            .map(|(at, item)| check_one_item(item?, at, &mut variants, self.findings));
        let items = all_or_none(items.collect())?;
        match Enumeration::new(name?, items) {
            Ok(enumeration) => Some(Type::Enumeration(Arc::new(enumeration))),
            Err(kind) => self.refuse(&kind, at),
        }
    }

    fn refuse(&mut self, kind: &TypeErrorKind, at: Place<'_>) -> Option<Type> {
        let code = match kind {
            TypeErrorKind::TooDeep | TypeErrorKind::TooLarge => Code::TypeTooLarge,
            _ => Code::TypeMembers,
        };
        self.findings
            .push(Finding::new(code, at.head(), kind.to_string()));
        None
    }

    fn refuse_depth(&mut self, index: usize) {
        let at = self.pending[index].at;
        self.refuse(&TypeErrorKind::TooDeep, at);
    }

    fn refuse_recursion(&mut self, index: usize, span: Range<usize>, trail: &[usize]) {
        let name = |index: usize| self.pending[index].written.as_deref().unwrap_or_default();
        let cycle: Vec<&str> = trail
            .iter()
            .skip_while(|open| **open != index)
            .chain([&index])
            .map(|open| name(*open))
            .collect();
        let message = format!("the record `{}` contains itself", name(index));
        let label = cycle.join(" -> ");
        let finding = Finding::new(Code::RecursiveType, span, message).label(label);
        self.findings.push(
            finding.hint("store a name or a number of the other record instead of the record"),
        );
    }
}

/// Checks one item and the name of its generated variant. `variants` maps the variants of the
/// items before it to the item and its span.
fn check_one_item(
    item: String,
    at: Place<'_>,
    variants: &mut HashMap<String, (String, Range<usize>)>,
    findings: &mut Findings,
) -> Option<String> {
    if let Err(error) = check_item(&item) {
        findings.push(Finding::new(
            Code::BadName,
            at.span(),
            format!("invalid item `{item}`: {error}"),
        ));
        return None;
    }
    let variant = variant(&item);
    if let Some((other, first)) = variants.get(&variant).filter(|(other, _)| *other != item) {
        let message = format!("two items would get the generated variant `{variant}`");
        let finding = Finding::new(Code::GeneratedName, at.span(), message);
        let finding = finding.related(first.clone(), format!("the other item is `{other}`"));
        findings.push(finding.hint("rename one of the items"));
        return None;
    }
    variants.insert(variant, (item.clone(), at.span()));
    Some(item)
}

/// Returns the fields or items of a type. In the long form they are the value of `key`, in the
/// short form they are the type itself.
fn members<'a>(at: Place<'a>, key: &str) -> Place<'a> {
    at.child(key)
        .filter(|members| members.children().next().is_some())
        .unwrap_or(at)
}

/// Returns the words in the text of a type, each with its offset.
fn words(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let mut at = 0;
    text.split_inclusive(|c: char| !(c.is_alphanumeric() || c == '_'))
        .filter_map(move |part| {
            let start = at;
            at += part.len();
            let word = part.trim_end_matches(|c: char| !(c.is_alphanumeric() || c == '_'));
            (!word.is_empty()).then_some((start, word))
        })
}
