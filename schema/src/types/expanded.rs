//! [`Expanded`]: a type as the other side can hold it against its own.

use std::cell::RefCell;
use std::collections::HashSet;
use std::fmt;

use super::Type;

/// A type whose records and enumerations show what they hold, each where it is mentioned first:
/// `Tuple[Tally{candidate: str, votes: int}, Tally]`. [`Type::parse`] reads it back.
#[derive(Debug, Clone, Copy)]
pub struct Expanded<'a>(pub &'a Type);

impl fmt::Display for Expanded<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seen = RefCell::default();
        self.0.write(f, &Naming::Expanded(&seen))
    }
}

/// How named types are written.
pub(super) enum Naming<'s, 'a> {
    /// By name alone.
    Bare,
    /// With what they hold, but for those seen before.
    Expanded(&'s RefCell<HashSet<&'a str>>),
}

impl<'a> Naming<'_, 'a> {
    /// Whether what this name holds is to be written.
    pub(super) fn expands(&self, name: &'a str) -> bool {
        match self {
            Self::Bare => false,
            Self::Expanded(seen) => seen.borrow_mut().insert(name),
        }
    }
}
