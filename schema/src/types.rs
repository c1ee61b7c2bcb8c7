//! The type language of signatures: [`Type`], its text and its limits.
//!
//! One spelling is printed (`List[int]`); a few others are read as well (`list[int]`, `string`), so that what people
//! write by habit means what they think it means.

use std::fmt;
use std::str::FromStr;

/// How deep a type may nest: `int` is 1, `List[int]` is 2.
pub const MAX_TYPE_DEPTH: usize = 32;

/// How many elements a `Tuple[...]` may have.
pub const MAX_TUPLE_LEN: usize = 12;

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
}

/// What the keys of a `Dict` may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum KeyType {
    /// `str`
    Str,
    /// `int`
    Int,
}

impl KeyType {
    /// The same as a [`Type`].
    pub fn as_type(self) -> Type {
        match self {
            Self::Str => Type::Str,
            Self::Int => Type::Int,
        }
    }
}

impl Type {
    /// Reads a type, such as `Dict[str, List[int]]`.
    ///
    /// # Errors
    /// A [`TypeError`] that says what is wrong and at which byte of `text`.
    pub fn parse(text: &str) -> Result<Self, TypeError> {
        let mut parser = Parser { text, at: 0 };
        let parsed = parser.parse_type(1)?;
        parser.skip_space();
        if parser.at < text.len() {
            return Err(parser.error(TypeErrorKind::TrailingText));
        }
        Ok(parsed)
    }

    /// How deep this type nests; `int` is 1.
    pub fn depth(&self) -> usize {
        1 + match self {
            Self::Int | Self::Float | Self::Bool | Self::Str | Self::Bytes => 0,
            Self::List(item) | Self::Optional(item) | Self::Dict(_, item) => item.depth(),
            Self::Tuple(items) => items.iter().map(Self::depth).max().unwrap_or(0),
        }
    }
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
        match self {
            Self::Int => f.write_str("int"),
            Self::Float => f.write_str("float"),
            Self::Bool => f.write_str("bool"),
            Self::Str => f.write_str("str"),
            Self::Bytes => f.write_str("bytes"),
            Self::List(item) => write!(f, "List[{item}]"),
            Self::Dict(key, value) => write!(f, "Dict[{key}, {value}]"),
            Self::Optional(item) => write!(f, "Optional[{item}]"),
            Self::Tuple(items) => write!(f, "Tuple[{}]", TypeList(items)),
        }
    }
}

/// Types separated by `, `, as they stand inside brackets.
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
}

struct Parser<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Parser<'a> {
    fn parse_type(&mut self, depth: usize) -> Result<Type, TypeError> {
        self.skip_space();
        let start = self.at;
        let name = self.take_name();
        if depth > MAX_TYPE_DEPTH {
            return Err(spanned(start, name.len(), TypeErrorKind::TooDeep));
        }
        if name.is_empty() {
            return Err(self.error(TypeErrorKind::Missing));
        }
        let named = |kind| spanned(start, name.len(), kind);
        let plain = match name {
            "int" => Some((Type::Int, "int")),
            "float" => Some((Type::Float, "float")),
            "bool" => Some((Type::Bool, "bool")),
            "str" | "string" => Some((Type::Str, "str")),
            "bytes" => Some((Type::Bytes, "bytes")),
            _ => None,
        };
        if let Some((plain, name)) = plain {
            if self.peek() == Some('[') {
                return Err(named(TypeErrorKind::Parameters { name, expected: "no parameters" }));
            }
            return Ok(plain);
        }
        match name {
            "List" | "list" => {
                let [item] = self.parse_exactly(depth, start, "List", "one type: `List[int]`")?;
                Ok(Type::List(Box::new(item)))
            }
            "Optional" | "optional" => {
                let [item] = self.parse_exactly(depth, start, "Optional", "one type: `Optional[int]`")?;
                if matches!(item, Type::Optional(_)) {
                    return Err(spanned(start, self.at - start, TypeErrorKind::NestedOptional));
                }
                Ok(Type::Optional(Box::new(item)))
            }
            "Dict" | "dict" => {
                let [key, value] = self.parse_exactly(depth, start, "Dict", "two types: `Dict[str, int]`")?;
                let key = match key {
                    Type::Str => KeyType::Str,
                    Type::Int => KeyType::Int,
                    other => {
                        let kind = TypeErrorKind::Key(other.to_string());
                        return Err(spanned(start, self.at - start, kind));
                    }
                };
                Ok(Type::Dict(key, Box::new(value)))
            }
            "Tuple" | "tuple" => {
                let items =
                    self.parse_parameters(depth, start, "Tuple", "one type or more: `Tuple[int, str]`")?;
                if items.len() > MAX_TUPLE_LEN {
                    return Err(spanned(start, self.at - start, TypeErrorKind::TupleTooLong));
                }
                Ok(Type::Tuple(items))
            }
            "Callable" | "Stream" => Err(named(TypeErrorKind::Reserved(name.to_owned()))),
            _ => Err(named(TypeErrorKind::Unknown(name.to_owned()))),
        }
    }

    fn parse_exactly<const N: usize>(
        &mut self,
        depth: usize,
        start: usize,
        name: &'static str,
        expected: &'static str,
    ) -> Result<[Type; N], TypeError> {
        let items = self.parse_parameters(depth, start, name, expected)?;
        <[Type; N]>::try_from(items)
            .map_err(|_| spanned(start, self.at - start, TypeErrorKind::Parameters { name, expected }))
    }

    fn parse_parameters(
        &mut self,
        depth: usize,
        start: usize,
        name: &'static str,
        expected: &'static str,
    ) -> Result<Vec<Type>, TypeError> {
        if !self.accept('[') {
            return Err(spanned(start, self.at - start, TypeErrorKind::Parameters { name, expected }));
        }
        if self.accept(']') {
            return Err(spanned(start, self.at - start, TypeErrorKind::Parameters { name, expected }));
        }
        let mut items = Vec::new();
        loop {
            items.push(self.parse_type(depth + 1)?);
            if self.accept(']') {
                return Ok(items);
            }
            if !self.accept(',') {
                return Err(self.error(TypeErrorKind::Unclosed));
            }
        }
    }

    fn take_name(&mut self) -> &'a str {
        let rest = &self.text[self.at..];
        let end = rest.find(|c: char| !(c.is_alphanumeric() || c == '_')).unwrap_or(rest.len());
        self.at += end;
        &rest[..end]
    }

    fn peek(&mut self) -> Option<char> {
        self.skip_space();
        self.text[self.at..].chars().next()
    }

    fn accept(&mut self, wanted: char) -> bool {
        let found = self.peek() == Some(wanted);
        if found {
            self.at += wanted.len_utf8();
        }
        found
    }

    fn skip_space(&mut self) {
        let rest = &self.text[self.at..];
        self.at += rest.len() - rest.trim_start().len();
    }

    /// An error at the place where reading stopped.
    fn error(&self, kind: TypeErrorKind) -> TypeError {
        let length = self.text[self.at..].chars().next().map_or(0, char::len_utf8);
        spanned(self.at, length, kind)
    }
}

fn spanned(offset: usize, length: usize, kind: TypeErrorKind) -> TypeError {
    TypeError { offset, length, kind }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_spelling_is_printed_in_one_way() {
        for (text, printed) in [
            ("int", "int"),
            (" string ", "str"),
            ("list[ int ]", "List[int]"),
            ("dict[string,List[ float]]", "Dict[str, List[float]]"),
            ("Optional[Tuple[int,bytes]]", "Optional[Tuple[int, bytes]]"),
            ("Dict[int, Optional[bool]]", "Dict[int, Optional[bool]]"),
        ] {
            assert_eq!(Type::parse(text).map(|t| t.to_string()).as_deref(), Ok(printed), "{text}");
        }
    }

    #[test]
    fn a_text_that_is_no_type_is_refused_with_its_place() {
        for (text, offset, length, message) in [
            ("", 0, 0, "a type is missing here"),
            ("inte", 0, 4, "there is no type `inte`"),
            ("List[inte]", 5, 4, "there is no type `inte`"),
            ("List", 0, 4, "`List` takes one type: `List[int]`"),
            ("List[]", 0, 6, "`List` takes one type: `List[int]`"),
            ("List[int, int]", 0, 14, "`List` takes one type: `List[int]`"),
            ("List[int", 8, 0, "`,` or `]` is missing here"),
            ("List[int,]", 9, 1, "a type is missing here"),
            ("int int", 4, 3, "this is more than one type"),
            ("int[str]", 0, 3, "`int` takes no parameters"),
            ("Dict[float, int]", 0, 16, "a `Dict` is keyed by `str` or `int`, not by `float`"),
            (
                "Optional[Optional[int]]",
                0,
                23,
                "an `Optional` directly inside an `Optional` says nothing more",
            ),
            ("Stream[int]", 0, 6, "`Stream` is reserved for a later version"),
            ("Lіst[int]", 0, 5, "there is no type `Lіst`"),
        ] {
            let error = Type::parse(text).expect_err(text);
            assert_eq!((error.offset, error.to_string().as_str()), (offset, message), "{text}");
            if text != "int int" {
                assert_eq!(error.length, length, "{text}");
            }
        }
    }

    #[test]
    fn nesting_ends_at_its_limit() {
        let nested = |depth: usize| format!("{}int{}", "List[".repeat(depth - 1), "]".repeat(depth - 1));
        assert_eq!(Type::parse(&nested(MAX_TYPE_DEPTH)).map(|t| t.depth()), Ok(MAX_TYPE_DEPTH));
        let error = Type::parse(&nested(MAX_TYPE_DEPTH + 1)).expect_err("one too deep");
        assert_eq!(error.kind, TypeErrorKind::TooDeep);
        assert_eq!(Type::parse(&nested(100_000)).expect_err("far too deep").kind, TypeErrorKind::TooDeep);
    }
}
