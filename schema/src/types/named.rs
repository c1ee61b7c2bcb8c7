//! [`Record`] and [`Enumeration`]: the types that a file declares under names.

use std::collections::HashSet;

use super::{MAX_TYPE_DEPTH, MAX_TYPE_NODES, Type, TypeErrorKind};
use crate::name::{Name, NameError};

/// Maximum number of fields of a record, and of items of an enumeration.
pub const MAX_MEMBERS: usize = 1_000;

/// Named values in a fixed order. Two records are equal if they have the same name and the same
/// fields: same names, same order, same types.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Record {
    name: Name,
    /// `1 <= fields.len() <= MAX_MEMBERS`; no two fields have the same name.
    fields: Vec<Field>,
    /// `depth <= MAX_TYPE_DEPTH`
    depth: usize,
    /// `nodes <= MAX_TYPE_NODES`
    nodes: usize,
}

/// One value of a record.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Field {
    /// Its name.
    pub name: Name,
    /// Its type.
    pub ty: Type,
}

/// One of several words. Two enumerations are equal if they have the same name and the same items
/// in the same order.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Enumeration {
    name: Name,
    /// `1 <= items.len() <= MAX_MEMBERS`; no two items are the same.
    items: Vec<String>,
}

impl Record {
    /// Creates a record with these fields.
    ///
    /// # Errors
    /// Fails if there is no field, if there are too many, if two have the same name, or if the
    /// record as a whole nests too deep or is too large.
    pub fn new(name: Name, fields: Vec<Field>) -> Result<Self, TypeErrorKind> {
        check_members(&name, fields.iter().map(|field| field.name.as_str()))?;
        let depth = 1 + fields
            .iter()
            .map(|field| field.ty.depth())
            .max()
            .unwrap_or(0);
        if depth > MAX_TYPE_DEPTH {
            return Err(TypeErrorKind::TooDeep);
        }
        let nodes = 1 + fields.iter().map(|field| field.ty.nodes()).sum::<usize>();
        if nodes > MAX_TYPE_NODES {
            return Err(TypeErrorKind::TooLarge);
        }
        Ok(Self {
            name,
            fields,
            depth,
            nodes,
        })
    }

    /// Returns the name of the record.
    pub fn name(&self) -> &Name {
        &self.name
    }

    /// Returns the fields, in order.
    pub fn fields(&self) -> &[Field] {
        &self.fields
    }

    /// Returns the position of a field, from 0.
    pub fn position(&self, field: &str) -> Option<usize> {
        self.fields
            .iter()
            .position(|declared| declared.name == *field)
    }

    pub(super) fn depth(&self) -> usize {
        self.depth
    }

    pub(super) fn nodes(&self) -> usize {
        self.nodes
    }
}

impl Enumeration {
    /// Creates an enumeration with these items.
    ///
    /// # Errors
    /// Fails if there is no item, if there are too many, if one is listed twice, or if one breaks
    /// the rule for [items](check_item).
    pub fn new(name: Name, items: Vec<String>) -> Result<Self, TypeErrorKind> {
        check_members(&name, items.iter().map(String::as_str))?;
        if let Some(error) = items.iter().find_map(|item| check_item(item).err()) {
            return Err(TypeErrorKind::Name(error));
        }
        Ok(Self { name, items })
    }

    /// Returns the name of the enumeration.
    pub fn name(&self) -> &Name {
        &self.name
    }

    /// Returns the items, in order.
    pub fn items(&self) -> &[String] {
        &self.items
    }

    /// Returns the position of an item, from 0.
    pub fn position(&self, item: &str) -> Option<usize> {
        self.items.iter().position(|declared| declared == item)
    }
}

/// Checks an item of an enumeration. An item follows the rule for names, but may also be a Python
/// keyword, because items are texts in Python.
///
/// # Errors
/// Returns the part of the rule that the item breaks.
pub fn check_item(text: &str) -> Result<(), NameError> {
    match Name::new(text) {
        Ok(_) | Err(NameError::PythonKeyword(_)) => Ok(()),
        Err(error) => Err(error),
    }
}

fn check_members<'a>(
    name: &Name,
    members: impl ExactSizeIterator<Item = &'a str>,
) -> Result<(), TypeErrorKind> {
    if members.len() == 0 {
        return Err(TypeErrorKind::Empty(name.to_string()));
    }
    if members.len() > MAX_MEMBERS {
        return Err(TypeErrorKind::TooManyMembers(name.to_string()));
    }
    let mut seen = HashSet::with_capacity(members.len());
    for member in members {
        if !seen.insert(member) {
            return Err(TypeErrorKind::MemberTwice {
                name: name.to_string(),
                member: member.to_owned(),
            });
        }
    }
    Ok(())
}
