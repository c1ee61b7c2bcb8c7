//! [`TypeError`]: why a text is not a valid type.

use super::{MAX_MEMBERS, MAX_TUPLE_LEN, MAX_TYPE_DEPTH, MAX_TYPE_NODES};
use crate::name::NameError;

/// Why a text is not a valid type.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{kind}")]
pub struct TypeError {
    /// The byte offset at which the wrong part of the text begins.
    pub offset: usize,
    /// The length of the wrong part in bytes; 0 at the end of the text.
    pub length: usize,
    /// What is wrong.
    pub kind: TypeErrorKind,
}

/// What is wrong with the text of a type.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TypeErrorKind {
    /// A name that no type has.
    #[error("there is no type `{0}`")]
    Unknown(String),
    /// A type was expected here.
    #[error("a type is missing here")]
    Missing,
    /// The type has the wrong number of parameters.
    #[error("`{name}` takes {expected}")]
    Parameters {
        /// The type's printed name.
        name: &'static str,
        /// The parameters that it takes, in words.
        expected: &'static str,
    },
    /// A `[` without its `]`, or another character instead of `,` or `]`.
    #[error("`,` or `]` is missing here")]
    Unclosed,
    /// A `{` without its `}`, or another character instead of `,` or `}`.
    #[error("`,` or `}}` is missing here")]
    UnclosedBrace,
    /// Text after a complete type.
    #[error("unexpected text after the type")]
    TrailingText,
    /// A dictionary whose keys are neither `str` nor `int`.
    #[error("the keys of a `Dict` must be `str` or `int`, not `{0}`")]
    Key(String),
    /// An `Optional` directly inside another one.
    #[error("an `Optional` must not stand directly inside another `Optional`")]
    NestedOptional,
    /// More elements than [`MAX_TUPLE_LEN`].
    #[error("a `Tuple` has at most {MAX_TUPLE_LEN} elements")]
    TupleTooLong,
    /// Deeper than [`MAX_TYPE_DEPTH`].
    #[error("a type may nest at most {MAX_TYPE_DEPTH} levels deep")]
    TooDeep,
    /// `Callable` and `Stream` belong to a later version of the language.
    #[error("`{0}` is reserved for a later version")]
    Reserved(String),
    /// A record without fields, or an enumeration without items.
    #[error("`{0}` is empty; it needs at least one field or item")]
    Empty(String),
    /// More fields or items than [`MAX_MEMBERS`].
    #[error("`{0}` has more than {MAX_MEMBERS} members")]
    TooManyMembers(String),
    /// A field or an item that is listed twice.
    #[error("`{name}` has `{member}` twice")]
    MemberTwice {
        /// The record or the enumeration.
        name: String,
        /// Its field or item.
        member: String,
    },
    /// Larger than [`MAX_TYPE_NODES`].
    #[error(
        "a type may contain at most {MAX_TYPE_NODES} types; the types inside a record count each time the record is used"
    )]
    TooLarge,
    /// A name in an expanded type that breaks the rule for names.
    #[error("{0}")]
    Name(NameError),
    /// A text that expands one name twice.
    #[error("`{0}` is expanded twice; after the first time, write only its name")]
    ExpandedTwice(String),
}
