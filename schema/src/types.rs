//! The type language of signatures: [`Type`], its text and its limits.
//!
//! Every type is printed in one spelling, such as `List[int]`. A few other common spellings are
//! accepted as well, such as `list[int]` and `string`.
//!
//! Records and enumerations are usually written as their names. [`Expanded`] also writes their
//! members in braces, so that a peer can compare them with its own definition.

mod difference;
mod error;
mod expanded;
mod named;
mod parse;

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

pub use difference::{Difference, Quoted, first_difference};
pub use error::{TypeError, TypeErrorKind};
pub use expanded::Expanded;
use expanded::NameStyle;
pub use named::{Enumeration, Field, MAX_MEMBERS, Record, check_item};
#[cfg(feature = "yaml")]
pub(crate) use parse::OTHER_NAMES;
pub use parse::{BUILTIN_NAMES, is_builtin_name};

/// Maximum nesting depth of a type: `int` has depth 1, `List[int]` has depth 2.
pub const MAX_TYPE_DEPTH: usize = 32;

/// Maximum number of elements of a `Tuple[...]`.
pub const MAX_TUPLE_LEN: usize = 12;

/// Maximum number of types that one type contains, itself included. The types inside a record are
/// counted each time the record is used.
pub const MAX_TYPE_NODES: usize = 10_000;

/// Maximum length of the text of a type, in bytes.
pub const MAX_TYPE_BYTES: usize = 1 << 20;

/// The type of an argument or of a returned value.
///
/// | text | Rust | Python |
/// |---|---|---|
/// | `int` | `i64` | `int` |
/// | `float` | `f64` | `float` |
/// | `bool` | `bool` | `bool` |
/// | `str` | `String` | `str` |
/// | `bytes` | `Vec<u8>` | `bytes` |
/// | `List[T]` | `Vec<T>` | `list` |
/// | `Dict[K, V]` | `BTreeMap<K, V>` | `dict` |
/// | `Optional[T]` | `Option<T>` | `None` or the value |
/// | `Tuple[A, B]` | `(A, B)` | `tuple` |
/// | a record | struct | object with attributes |
/// | an enumeration | enum | `str` |
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Type {
    /// A 64-bit signed integer.
    Int,
    /// An IEEE 754 double.
    Float,
    /// True or false.
    Bool,
    /// Unicode text.
    Str,
    /// Raw bytes.
    Bytes,
    /// Any number of values of one type.
    List(Box<Type>),
    /// Values by key.
    Dict(KeyType, Box<Type>),
    /// A value or nothing; never directly inside another `Optional`.
    Optional(Box<Type>),
    /// A fixed number of values, 1 to [`MAX_TUPLE_LEN`].
    Tuple(Vec<Type>),
    /// Named values.
    Record(Arc<Record>),
    /// One of several words.
    Enumeration(Arc<Enumeration>),
}

/// The type of the keys of a `Dict`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum KeyType {
    /// `str`
    Str,
    /// `int`
    Int,
}

impl KeyType {
    /// Returns the key type as a [`Type`].
    pub fn as_type(self) -> Type {
        match self {
            Self::Str => Type::Str,
            Self::Int => Type::Int,
        }
    }
}

impl Type {
    /// Returns the nesting depth of this type; `int` has depth 1.
    pub fn depth(&self) -> usize {
        match self {
            Self::Int
            | Self::Float
            | Self::Bool
            | Self::Str
            | Self::Bytes
            | Self::Enumeration(_) => 1,
            Self::List(item) | Self::Optional(item) | Self::Dict(_, item) => 1 + item.depth(),
            Self::Tuple(items) => 1 + items.iter().map(Self::depth).max().unwrap_or(0),
            Self::Record(record) => record.depth(),
        }
    }

    /// Returns the number of types that this type contains, itself included; see
    /// [`MAX_TYPE_NODES`].
    pub fn nodes(&self) -> usize {
        match self {
            Self::Int
            | Self::Float
            | Self::Bool
            | Self::Str
            | Self::Bytes
            | Self::Enumeration(_) => 1,
            Self::List(item) | Self::Optional(item) | Self::Dict(_, item) => 1 + item.nodes(),
            Self::Tuple(items) => 1 + items.iter().map(Self::nodes).sum::<usize>(),
            Self::Record(record) => record.nodes(),
        }
    }

    /// Returns the name of a record or an enumeration, and `None` for every other type.
    pub fn name(&self) -> Option<&str> {
        match self {
            Self::Record(record) => Some(record.name().as_str()),
            Self::Enumeration(enumeration) => Some(enumeration.name().as_str()),
            _ => None,
        }
    }

    /// Returns the types directly inside this one: items, values, elements or fields.
    pub fn parts(&self) -> Vec<&Self> {
        match self {
            Self::Int
            | Self::Float
            | Self::Bool
            | Self::Str
            | Self::Bytes
            | Self::Enumeration(_) => Vec::new(),
            Self::List(item) | Self::Optional(item) | Self::Dict(_, item) => vec![item],
            Self::Tuple(items) => items.iter().collect(),
            Self::Record(record) => record.fields().iter().map(|field| &field.ty).collect(),
        }
    }

    fn write<'a>(&'a self, f: &mut fmt::Formatter<'_>, style: &NameStyle<'_, 'a>) -> fmt::Result {
        match self {
            Self::Int => f.write_str("int"),
            Self::Float => f.write_str("float"),
            Self::Bool => f.write_str("bool"),
            Self::Str => f.write_str("str"),
            Self::Bytes => f.write_str("bytes"),
            Self::List(item) => write_inside(f, "List[", [&**item], style),
            Self::Optional(item) => write_inside(f, "Optional[", [&**item], style),
            Self::Dict(key, value) => {
                write!(f, "Dict[{key}, ")?;
                write_inside(f, "", [&**value], style)
            }
            Self::Tuple(items) => write_inside(f, "Tuple[", items, style),
            Self::Record(record) => write_record(f, record, style),
            Self::Enumeration(enumeration) => {
                let name = enumeration.name().as_str();
                f.write_str(name)?;
                if style.expands(name) {
                    write!(f, "{{{}}}", enumeration.items().join(", "))
                } else {
                    Ok(())
                }
            }
        }
    }
}

fn write_inside<'a>(
    f: &mut fmt::Formatter<'_>,
    opening: &str,
    items: impl IntoIterator<Item = &'a Type>,
    style: &NameStyle<'_, 'a>,
) -> fmt::Result {
    f.write_str(opening)?;
    for (index, item) in items.into_iter().enumerate() {
        f.write_str(if index > 0 { ", " } else { "" })?;
        item.write(f, style)?;
    }
    f.write_str("]")
}

fn write_record<'a>(
    f: &mut fmt::Formatter<'_>,
    record: &'a Record,
    style: &NameStyle<'_, 'a>,
) -> fmt::Result {
    let name = record.name().as_str();
    f.write_str(name)?;
    if !style.expands(name) {
        return Ok(());
    }
    for (index, Field { name, ty }) in record.fields().iter().enumerate() {
        write!(f, "{}{name}: ", if index > 0 { ", " } else { "{" })?;
        ty.write(f, style)?;
    }
    f.write_str("}")
}

impl FromStr for Type {
    type Err = TypeError;

    fn from_str(text: &str) -> Result<Self, TypeError> {
        Self::parse(text)
    }
}

impl fmt::Display for KeyType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.as_type().fmt(f)
    }
}

impl fmt::Display for Type {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.write(f, &NameStyle::Bare)
    }
}

/// Displays types separated by `, `, as inside brackets.
#[derive(Debug, Clone, Copy)]
pub struct TypeList<'a>(pub &'a [Type]);

impl fmt::Display for TypeList<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, item) in self.0.iter().enumerate() {
            if index > 0 {
                f.write_str(", ")?;
            }
            item.fmt(f)?;
        }
        Ok(())
    }
}
