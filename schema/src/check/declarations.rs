//! What the services and types of a file may refer to.

use std::collections::HashMap;

use super::network::NetworkNames;
use crate::types::Type;

/// The declarations of a file that its services may refer to.
pub(super) struct Declarations {
    pub(super) network_names: NetworkNames,
    pub(super) types: DeclaredTypes,
}

/// The declared types, by name.
pub(super) struct DeclaredTypes {
    /// The names, in the file's order.
    names: Vec<String>,
    /// The types that have been checked; `None` for a wrong type, which has a finding.
    by_name: HashMap<String, Option<Type>>,
}

impl DeclaredTypes {
    /// Makes a table in which no type has been checked yet. `names` are all names of the file.
    pub(super) fn new(names: Vec<String>) -> Self {
        Self {
            names,
            by_name: HashMap::new(),
        }
    }

    /// Returns the type of this name, if it is declared and correct.
    pub(super) fn find(&self, name: &str) -> Option<Type> {
        self.by_name.get(name).cloned().flatten()
    }

    /// Adds a type that was checked; `None` if it is wrong and has a finding.
    pub(super) fn insert(&mut self, name: String, checked: Option<Type>) {
        self.by_name.insert(name, checked);
    }

    pub(super) fn declares(&self, name: &str) -> bool {
        self.by_name.contains_key(name)
    }

    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.names.iter().map(String::as_str)
    }
}
