//! [`Expanded`]: the text of a type that a peer can compare with its own type.

use std::cell::RefCell;
use std::collections::HashSet;
use std::fmt;

use super::Type;

/// Displays a type together with the members of its records and enumerations. Each is expanded
/// only where it is mentioned first: `Tuple[Tally{candidate: str, votes: int}, Tally]`.
/// [`Type::parse`] reads the text back.
#[derive(Debug, Clone, Copy)]
pub struct Expanded<'a>(pub &'a Type);

impl fmt::Display for Expanded<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seen = RefCell::default();
        self.0.write(f, &NameStyle::Expanded(&seen))
    }
}

/// How records and enumerations are written.
pub(super) enum NameStyle<'s, 'a> {
    /// Only the name.
    Bare,
    /// The name and the members, but only the name for types that were written before.
    Expanded(&'s RefCell<HashSet<&'a str>>),
}

impl<'a> NameStyle<'_, 'a> {
    /// Returns whether the members of the type with this name must be written.
    pub(super) fn expands(&self, name: &'a str) -> bool {
        match self {
            Self::Bare => false,
            Self::Expanded(seen) => seen.borrow_mut().insert(name),
        }
    }
}
