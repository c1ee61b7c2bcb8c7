//! [`TypeError`]: why a text is no type.

use super::{MAX_MEMBERS, MAX_TUPLE_LEN, MAX_TYPE_DEPTH, MAX_TYPE_NODES};
use crate::name::NameError;

/// Why a text is no type.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{kind}")]
pub struct TypeError {
    /// The byte of the text at which it goes wrong.
    pub offset: usize,
    /// How many bytes from there are to blame; 0 at the end of the text.
    pub length: usize,
    /// What is wrong.
    pub kind: TypeErrorKind,
}

/// What is wrong with the text of a type.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TypeErrorKind {
    /// A name that is no type.
    #[error("there is no type `{0}`")]
    Unknown(String),
    /// A type was expected here.
    #[error("a type is missing here")]
    Missing,
    /// The type takes no parameters, or none was given to one that does.
    #[error("`{name}` takes {expected}")]
    Parameters {
        /// The type's printed name.
        name: &'static str,
        /// What it takes.
        expected: &'static str,
    },
    /// A `[` without its `]`, or another character where one of `,` and `]` belongs.
    #[error("`,` or `]` is missing here")]
    Unclosed,
    /// A `{` without its `}`, or another character where one of `,` and `}` belongs.
    #[error("`,` or `}}` is missing here")]
    UnclosedBrace,
    /// Text after a complete type.
    #[error("this is more than one type")]
    TrailingText,
    /// A dictionary keyed by something other than `str` or `int`.
    #[error("a `Dict` is keyed by `str` or `int`, not by `{0}`")]
    Key(String),
    /// An `Optional` directly inside another.
    #[error("an `Optional` directly inside an `Optional` says nothing more")]
    NestedOptional,
    /// More elements than [`MAX_TUPLE_LEN`].
    #[error("a `Tuple` has at most {MAX_TUPLE_LEN} elements")]
    TupleTooLong,
    /// Deeper than [`MAX_TYPE_DEPTH`].
    #[error("a type nests at most {MAX_TYPE_DEPTH} deep")]
    TooDeep,
    /// `Callable` and `Stream` belong to a later version of the language.
    #[error("`{0}` is reserved for a later version")]
    Reserved(String),
    /// A record without fields, or an enumeration without items.
    #[error("`{0}` has nothing in it")]
    Empty(String),
    /// More fields or items than [`MAX_MEMBERS`].
    #[error("`{0}` has more than {MAX_MEMBERS} members")]
    TooManyMembers(String),
    /// A field or an item that stands twice.
    #[error("`{name}` has `{member}` twice")]
    MemberTwice {
        /// The record or the enumeration.
        name: String,
        /// Its field or item.
        member: String,
    },
    /// Larger than [`MAX_TYPE_NODES`].
    #[error(
        "a type mentions at most {MAX_TYPE_NODES} types, those inside its records counted each time"
    )]
    TooLarge,
    /// A name in an expanded type that follows no rule of names.
    #[error("{0}")]
    Name(NameError),
    /// A type whose text expands one name twice.
    #[error("`{0}` is expanded twice; behind the first time its name alone stands for it")]
    ExpandedTwice(String),
}
