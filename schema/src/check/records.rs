//! Records and enumerations: what the names under `types` stand for.

use std::collections::HashMap;
use std::ops::Range;
use std::sync::Arc;

use super::names::{Names, check_name};
use super::types::check_type;
use super::whole;
use crate::diagnostic::{Code, Finding, Findings};
use crate::guard::Place;
use crate::model::TypeDecl;
use crate::name::Name;
use crate::naming::{RESERVED_TYPES, variant};
use crate::raw::{Named, RawType, Texts};
use crate::types::{
    Enumeration, Field, MAX_MEMBERS, MAX_TYPE_DEPTH, Record, Type, TypeErrorKind, check_item,
    is_builtin_name,
};

/// The declared types, by name.
pub(super) struct Types {
    /// In the file's order.
    names: Vec<String>,
    /// Those that have been looked at; `None` for one about which a finding has been made.
    by_name: HashMap<String, Option<Type>>,
}

impl Types {
    /// What a name stands for, where that is sound.
    pub(super) fn find(&self, name: &str) -> Option<Type> {
        self.by_name.get(name).cloned().flatten()
    }

    pub(super) fn declares(&self, name: &str) -> bool {
        self.by_name.contains_key(name)
    }

    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.names.iter().map(String::as_str)
    }
}

/// Checks the types of a file, in the order in which they build on each other.
pub(super) fn check_types(
    raw: Named<RawType>,
    at: Place<'_>,
    findings: &mut Findings,
) -> (Option<Vec<TypeDecl>>, Types) {
    let mut names = Names::new("type");
    let mut declared = Vec::with_capacity(raw.len());
    for (at, (written, body)) in at.children().zip(raw) {
        let name = written
            .as_deref()
            .and_then(|name| check_type_name(name, at, &mut names, findings));
        declared.push(Declared {
            name,
            written,
            body,
            at,
            state: State::Waiting,
        });
    }
    let names = declared
        .iter()
        .filter_map(|declared| declared.written.clone())
        .collect();
    let types = Types {
        names,
        by_name: HashMap::new(),
    };
    let mut resolver = Resolver {
        places: index(&declared),
        declared,
        types,
        findings,
    };
    let types = (0..resolver.declared.len())
        .map(|place| resolver.declaration(place))
        .collect();
    (whole(types), resolver.types)
}

/// Of several types with one name, the first.
fn index(declared: &[Declared<'_>]) -> HashMap<String, usize> {
    let mut places = HashMap::new();
    for (place, declared) in declared.iter().enumerate() {
        if let Some(written) = &declared.written {
            places.entry(written.clone()).or_insert(place);
        }
    }
    places
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
    let message = format!("no record and no enumeration can be called `{name}`");
    let hint = "the name has a meaning in this file or in Rust; rename the type";
    findings.push(Finding::new(Code::ReservedName, at.head(), message).hint(hint));
    None
}

/// A type on its way from what is written to what it stands for.
struct Declared<'a> {
    name: Option<Name>,
    written: Option<String>,
    body: Option<RawType>,
    at: Place<'a>,
    state: State,
}

enum State {
    Waiting,
    /// It is being built, so that whoever mentions it is inside it.
    Open,
    Done,
}

struct Resolver<'a, 'f> {
    declared: Vec<Declared<'a>>,
    places: HashMap<String, usize>,
    types: Types,
    findings: &'f mut Findings,
}

impl Resolver<'_, '_> {
    fn declaration(&mut self, place: usize) -> Option<TypeDecl> {
        self.resolve(place, &mut Vec::new());
        let declared = self.declared.get_mut(place)?;
        let name = declared.name.clone()?;
        let doc = declared.body.as_mut().and_then(|body| body.doc.take());
        let ty = self.types.find(name.as_str())?;
        Some(TypeDecl { name, doc, ty })
    }

    /// Builds a type and all that it mentions; `trail` has the types that it is inside of.
    fn resolve(&mut self, place: usize, trail: &mut Vec<usize>) {
        if !matches!(self.declared[place].state, State::Waiting) {
            return;
        }
        if trail.len() >= MAX_TYPE_DEPTH {
            return self.refuse_depth(place);
        }
        self.declared[place].state = State::Open;
        trail.push(place);
        let built = self.build(place, trail);
        trail.pop();
        self.declared[place].state = State::Done;
        if let Some(written) = self.declared[place].written.clone()
            && self.places.get(&written) == Some(&place)
        {
            self.types.by_name.insert(written, built);
        }
    }

    fn build(&mut self, place: usize, trail: &mut Vec<usize>) -> Option<Type> {
        let at = self.declared[place].at;
        let name = self.declared[place].name.clone();
        let body = self.declared[place].body.as_mut()?;
        let (fields, items) = (body.fields.take(), body.items.take());
        let count = fields
            .as_ref()
            .map(Vec::len)
            .max(items.as_ref().map(Vec::len));
        if count > Some(MAX_MEMBERS) {
            let name = self.declared[place].written.clone().unwrap_or_default();
            return self.refuse(&TypeErrorKind::TooManyMembers(name), at);
        }
        match (fields, items) {
            (Some(fields), None) => self.record(name, fields, at, trail),
            (None, Some(items)) => self.enumeration(name, items, at),
            (fields, _) => {
                let what = if fields.is_some() {
                    "fields and items"
                } else {
                    "neither fields nor items"
                };
                let finding = Finding::new(
                    Code::TypeMembers,
                    at.head(),
                    format!("this type has {what}"),
                );
                let hint = "write `{ name: str, age: int }` for a record, `[low, high]` for an enumeration";
                self.findings.push(finding.hint(hint));
                None
            }
        }
    }

    fn record(
        &mut self,
        name: Option<Name>,
        raw: Named<String>,
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
        let fields = whole(fields.collect())?;
        match Record::new(name?, fields) {
            Ok(record) => Some(Type::Record(Arc::new(record))),
            Err(kind) => self.refuse(&kind, at),
        }
    }

    fn field_type(&mut self, text: &str, at: Place<'_>, trail: &mut Vec<usize>) -> Option<Type> {
        for (offset, word) in words(text) {
            let Some(&place) = self.places.get(word) else {
                continue;
            };
            if matches!(self.declared[place].state, State::Open) {
                self.refuse_recursion(place, at.part(offset, word.len()), trail);
                return None;
            }
            self.resolve(place, trail);
            if matches!(self.declared[place].state, State::Waiting) {
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
        let items = whole(items.collect())?;
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

    fn refuse_depth(&mut self, place: usize) {
        let at = self.declared[place].at;
        self.refuse(&TypeErrorKind::TooDeep, at);
    }

    fn refuse_recursion(&mut self, place: usize, span: Range<usize>, trail: &[usize]) {
        let name = |place: usize| self.declared[place].written.as_deref().unwrap_or_default();
        let cycle: Vec<&str> = trail
            .iter()
            .skip_while(|open| **open != place)
            .chain([&place])
            .map(|open| name(*open))
            .collect();
        let message = format!("the record `{}` contains itself", name(place));
        let label = cycle.join(" -> ");
        let finding = Finding::new(Code::RecursiveType, span, message).label(label);
        self.findings.push(
            finding.hint("keep a name or a number of the other record instead of the record"),
        );
    }
}

/// An item whose variant no other item has; `variants` has those before it, each with its item and
/// place.
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
            format!("`{item}` is no item: {error}"),
        ));
        return None;
    }
    let variant = variant(&item);
    if let Some((other, first)) = variants.get(&variant).filter(|(other, _)| *other != item) {
        let message = format!("the generated variant `{variant}` would stand for two items");
        let finding = Finding::new(Code::GeneratedName, at.span(), message);
        let finding = finding.related(first.clone(), format!("`{other}` is the other"));
        findings.push(finding.hint("rename one of the items"));
        return None;
    }
    variants.insert(variant, (item.clone(), at.span()));
    Some(item)
}

/// The fields or items of a type: below a key of their own, or the type itself.
fn members<'a>(at: Place<'a>, key: &str) -> Place<'a> {
    at.child(key)
        .filter(|members| members.children().next().is_some())
        .unwrap_or(at)
}

/// The words of a type's text, each with its place.
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
