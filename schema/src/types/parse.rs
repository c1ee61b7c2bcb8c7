//! Parses the text of a type into a [`Type`].

use std::collections::HashMap;
use std::sync::Arc;

use super::{
    Enumeration, Field, KeyType, MAX_MEMBERS, MAX_TUPLE_LEN, MAX_TYPE_BYTES, MAX_TYPE_DEPTH,
    MAX_TYPE_NODES, Record, Type, TypeError, TypeErrorKind,
};
use crate::name::Name;

/// The names of the built-in types, as they are printed.
pub const BUILTIN_NAMES: [&str; 9] = [
    "int", "float", "bool", "str", "bytes", "List", "Dict", "Optional", "Tuple",
];

/// Other spellings of the built-in types, and names that are reserved for a later version.
pub(crate) const OTHER_NAMES: [&str; 7] = [
    "string", "list", "dict", "optional", "tuple", "Callable", "Stream",
];

/// Returns whether the type language itself uses this name.
pub fn is_builtin_name(name: &str) -> bool {
    BUILTIN_NAMES.contains(&name) || OTHER_NAMES.contains(&name)
}

impl Type {
    /// Parses a type, such as `Dict[str, List[int]]` or `List[Tally{candidate: str, votes: int}]`.
    ///
    /// # Errors
    /// Returns a [`TypeError`] that says what is wrong, and at which byte of `text`.
    pub fn parse(text: &str) -> Result<Self, TypeError> {
        Self::parse_in(text, &|_| None)
    }

    /// Parses a type like [`parse`](Self::parse), and looks up the names of declared types with
    /// `scope`.
    ///
    /// # Errors
    /// Fails for the same reasons as [`parse`](Self::parse).
    pub fn parse_in(text: &str, scope: &dyn Fn(&str) -> Option<Self>) -> Result<Self, TypeError> {
        if text.len() > MAX_TYPE_BYTES {
            return Err(spanned(0, text.len(), TypeErrorKind::TooLarge));
        }
        let mut parser = Parser {
            text,
            offset: 0,
            scope,
            expanded: HashMap::new(),
        };
        let parsed = parser.parse_type(1)?;
        parser.skip_space();
        if parser.offset < text.len() {
            return Err(parser.error(TypeErrorKind::TrailingText));
        }
        if parsed.depth() > MAX_TYPE_DEPTH {
            return Err(spanned(0, text.len(), TypeErrorKind::TooDeep));
        }
        if parsed.nodes() > MAX_TYPE_NODES {
            return Err(spanned(0, text.len(), TypeErrorKind::TooLarge));
        }
        Ok(parsed)
    }
}

struct Parser<'a> {
    text: &'a str,
    /// The byte offset of the text that is read next.
    offset: usize,
    scope: &'a dyn Fn(&str) -> Option<Type>,
    /// The types that the text has expanded so far, by name.
    expanded: HashMap<&'a str, Type>,
}

impl<'a> Parser<'a> {
    fn parse_type(&mut self, depth: usize) -> Result<Type, TypeError> {
        self.skip_space();
        let start = self.offset;
        let name = self.take_name();
        if depth > MAX_TYPE_DEPTH {
            return Err(spanned(start, name.len(), TypeErrorKind::TooDeep));
        }
        if name.is_empty() {
            return Err(self.error(TypeErrorKind::Missing));
        }
        match name {
            "int" => self.parse_plain(start, Type::Int, "int"),
            "float" => self.parse_plain(start, Type::Float, "float"),
            "bool" => self.parse_plain(start, Type::Bool, "bool"),
            "str" | "string" => self.parse_plain(start, Type::Str, "str"),
            "bytes" => self.parse_plain(start, Type::Bytes, "bytes"),
            "List" | "list" => {
                let [item] = self.parse_exactly(depth, start, "List", "one type: `List[int]`")?;
                Ok(Type::List(Box::new(item)))
            }
            "Optional" | "optional" => self.parse_optional(depth, start),
            "Dict" | "dict" => self.parse_dict(depth, start),
            "Tuple" | "tuple" => self.parse_tuple(depth, start),
            "Callable" | "Stream" => Err(spanned(
                start,
                name.len(),
                TypeErrorKind::Reserved(name.to_owned()),
            )),
            _ => self.parse_named(depth, start, name),
        }
    }

    /// Parses what follows the name of a type without parameters, and returns the type.
    fn parse_plain(
        &mut self,
        start: usize,
        plain: Type,
        name: &'static str,
    ) -> Result<Type, TypeError> {
        let length = self.offset - start;
        if matches!(self.peek(), Some('[' | '{')) {
            let kind = TypeErrorKind::Parameters {
                name,
                expected: "no parameters",
            };
            return Err(spanned(start, length, kind));
        }
        Ok(plain)
    }

    fn parse_optional(&mut self, depth: usize, start: usize) -> Result<Type, TypeError> {
        let [item] = self.parse_exactly(depth, start, "Optional", "one type: `Optional[int]`")?;
        if matches!(item, Type::Optional(_)) {
            return Err(spanned(
                start,
                self.offset - start,
                TypeErrorKind::NestedOptional,
            ));
        }
        Ok(Type::Optional(Box::new(item)))
    }

    fn parse_dict(&mut self, depth: usize, start: usize) -> Result<Type, TypeError> {
        let [key, value] =
            self.parse_exactly(depth, start, "Dict", "two types: `Dict[str, int]`")?;
        let key = match key {
            Type::Str => KeyType::Str,
            Type::Int => KeyType::Int,
            other => {
                let kind = TypeErrorKind::Key(other.to_string());
                return Err(spanned(start, self.offset - start, kind));
            }
        };
        Ok(Type::Dict(key, Box::new(value)))
    }

    fn parse_tuple(&mut self, depth: usize, start: usize) -> Result<Type, TypeError> {
        let items =
            self.parse_parameters(depth, start, "Tuple", "one type or more: `Tuple[int, str]`")?;
        if items.len() > MAX_TUPLE_LEN {
            return Err(spanned(
                start,
                self.offset - start,
                TypeErrorKind::TupleTooLong,
            ));
        }
        Ok(Type::Tuple(items))
    }

    /// Parses a record or an enumeration, which is expanded here or already known.
    fn parse_named(
        &mut self,
        depth: usize,
        start: usize,
        name: &'a str,
    ) -> Result<Type, TypeError> {
        let named = |kind| spanned(start, name.len(), kind);
        if self.peek() != Some('{') {
            let known = self
                .expanded
                .get(name)
                .cloned()
                .or_else(|| (self.scope)(name));
            return known.ok_or_else(|| named(TypeErrorKind::Unknown(name.to_owned())));
        }
        let parsed_name = Name::new(name).map_err(|error| named(TypeErrorKind::Name(error)))?;
        let expanded = self
            .parse_members(depth, parsed_name)
            .map_err(|error| match error {
                MemberError::Inside(error) => error,
                MemberError::Whole(kind) => named(kind),
            })?;
        match self.expanded.insert(name, expanded.clone()) {
            None => Ok(expanded),
            Some(_) => Err(named(TypeErrorKind::ExpandedTwice(name.to_owned()))),
        }
    }

    /// Parses the members in braces: `a: int, b: str` makes a record, `a, b` an enumeration.
    fn parse_members(&mut self, depth: usize, name: Name) -> Result<Type, MemberError> {
        let mut fields = Vec::new();
        let mut items = Vec::new();
        self.accept('{');
        if !self.accept('}') {
            loop {
                self.skip_space();
                let start = self.offset;
                let member = self.take_name();
                if self.accept(':') && items.is_empty() {
                    let name = Name::new(member).map_err(|error| {
                        spanned(start, member.len(), TypeErrorKind::Name(error))
                    })?;
                    fields.push(Field {
                        name,
                        ty: self.parse_type(depth + 1)?,
                    });
                } else if !member.is_empty() && fields.is_empty() {
                    items.push(member.to_owned());
                } else {
                    return Err(self.error(TypeErrorKind::Missing).into());
                }
                if self.accept('}') {
                    break;
                }
                if fields.len().max(items.len()) > MAX_MEMBERS {
                    return Err(MemberError::Whole(TypeErrorKind::TooManyMembers(
                        name.to_string(),
                    )));
                }
                if !self.accept(',') {
                    return Err(self.error(TypeErrorKind::UnclosedBrace).into());
                }
            }
        }
        let named = if items.is_empty() {
            Record::new(name, fields).map(|record| Type::Record(Arc::new(record)))
        } else {
            Enumeration::new(name, items)
                .map(|enumeration| Type::Enumeration(Arc::new(enumeration)))
        };
        named.map_err(MemberError::Whole)
    }

    fn parse_exactly<const N: usize>(
        &mut self,
        depth: usize,
        start: usize,
        name: &'static str,
        expected: &'static str,
    ) -> Result<[Type; N], TypeError> {
        let items = self.parse_parameters(depth, start, name, expected)?;
        <[Type; N]>::try_from(items).map_err(|_| {
            spanned(
                start,
                self.offset - start,
                TypeErrorKind::Parameters { name, expected },
            )
        })
    }

    fn parse_parameters(
        &mut self,
        depth: usize,
        start: usize,
        name: &'static str,
        expected: &'static str,
    ) -> Result<Vec<Type>, TypeError> {
        if !self.accept('[') {
            return Err(spanned(
                start,
                self.offset - start,
                TypeErrorKind::Parameters { name, expected },
            ));
        }
        if self.accept(']') {
            return Err(spanned(
                start,
                self.offset - start,
                TypeErrorKind::Parameters { name, expected },
            ));
        }
        let mut items = Vec::new();
        loop {
            items.push(self.parse_type(depth + 1)?);
            if self.accept(']') {
                return Ok(items);
            }
            // Stop early: no type takes this many parameters.
            if items.len() > MAX_TUPLE_LEN {
                return Ok(items);
            }
            if !self.accept(',') {
                return Err(self.error(TypeErrorKind::Unclosed));
            }
        }
    }

    fn take_name(&mut self) -> &'a str {
        let rest = &self.text[self.offset..];
        let end = rest
            .find(|c: char| !(c.is_alphanumeric() || c == '_'))
            .unwrap_or(rest.len());
        self.offset += end;
        &rest[..end]
    }

    fn peek(&mut self) -> Option<char> {
        self.skip_space();
        self.text[self.offset..].chars().next()
    }

    /// Skips a character if it comes next, and returns whether it did.
    fn accept(&mut self, wanted: char) -> bool {
        let found = self.peek() == Some(wanted);
        if found {
            self.offset += wanted.len_utf8();
        }
        found
    }

    fn skip_space(&mut self) {
        let rest = &self.text[self.offset..];
        self.offset += rest.len() - rest.trim_start().len();
    }

    /// Returns an error at the current offset.
    fn error(&self, kind: TypeErrorKind) -> TypeError {
        let length = self.text[self.offset..]
            .chars()
            .next()
            .map_or(0, char::len_utf8);
        spanned(self.offset, length, kind)
    }
}

fn spanned(offset: usize, length: usize, kind: TypeErrorKind) -> TypeError {
    TypeError {
        offset,
        length,
        kind,
    }
}

/// What is wrong with the members in braces.
enum MemberError {
    /// One part is wrong, at its own offset.
    Inside(TypeError),
    /// The members as a whole are wrong.
    Whole(TypeErrorKind),
}

impl From<TypeError> for MemberError {
    fn from(error: TypeError) -> Self {
        Self::Inside(error)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_spelling_of_a_type_is_printed_in_the_same_way() {
        for (text, printed) in [
            ("int", "int"),
            (" string ", "str"),
            ("list[ int ]", "List[int]"),
            ("dict[string,List[ float]]", "Dict[str, List[float]]"),
            ("Optional[Tuple[int,bytes]]", "Optional[Tuple[int, bytes]]"),
            ("Dict[int, Optional[bool]]", "Dict[int, Optional[bool]]"),
            (
                "List[ Tally { candidate : str, votes: int } ]",
                "List[Tally]",
            ),
            ("Level{low,high}", "Level"),
        ] {
            assert_eq!(
                Type::parse(text).map(|t| t.to_string()).as_deref(),
                Ok(printed),
                "{text}"
            );
        }
    }

    #[test]
    fn an_invalid_type_is_refused_with_the_offset_of_the_mistake() {
        for (text, offset, length, message) in [
            ("", 0, 0, "a type is missing here"),
            ("inte", 0, 4, "there is no type `inte`"),
            ("List[inte]", 5, 4, "there is no type `inte`"),
            ("List", 0, 4, "`List` takes one type: `List[int]`"),
            ("List[]", 0, 6, "`List` takes one type: `List[int]`"),
            (
                "List[int, int]",
                0,
                14,
                "`List` takes one type: `List[int]`",
            ),
            ("List[int", 8, 0, "`,` or `]` is missing here"),
            ("List[int,]", 9, 1, "a type is missing here"),
            ("int int", 4, 3, "unexpected text after the type"),
            ("int[str]", 0, 3, "`int` takes no parameters"),
            (
                "Dict[float, int]",
                0,
                16,
                "the keys of a `Dict` must be `str` or `int`, not `float`",
            ),
            (
                "Optional[Optional[int]]",
                0,
                23,
                "an `Optional` must not stand directly inside another `Optional`",
            ),
            (
                "Stream[int]",
                0,
                6,
                "`Stream` is reserved for a later version",
            ),
            ("Lіst[int]", 0, 5, "there is no type `Lіst`"),
            ("Tally", 0, 5, "there is no type `Tally`"),
            (
                "Tally{}",
                0,
                5,
                "`Tally` is empty; it needs at least one field or item",
            ),
            ("Tally{a: inte}", 9, 4, "there is no type `inte`"),
            ("Tally{a: int, a: str}", 0, 5, "`Tally` has `a` twice"),
            ("Tally{a: int, b}", 15, 1, "a type is missing here"),
            ("Level{a, b: int}", 12, 1, "`,` or `}` is missing here"),
            ("Level{low high}", 10, 1, "`,` or `}` is missing here"),
            ("Level{low", 9, 0, "`,` or `}` is missing here"),
            ("int{a: int}", 0, 3, "`int` takes no parameters"),
            ("List{a: int}", 0, 4, "`List` takes one type: `List[int]`"),
            ("def{a: int}", 0, 3, "`def` is a keyword in Python"),
            (
                "Tuple[A{a: int}, A{a: str}]",
                17,
                1,
                "`A` is expanded twice; after the first time, write only its name",
            ),
        ] {
            let error = Type::parse(text).expect_err(text);
            assert_eq!(
                (error.offset, error.to_string().as_str()),
                (offset, message),
                "{text}"
            );
            if text != "int int" {
                assert_eq!(error.length, length, "{text}");
            }
        }
    }

    #[test]
    fn types_nest_up_to_the_limit_and_no_deeper() {
        let nested =
            |depth: usize| format!("{}int{}", "List[".repeat(depth - 1), "]".repeat(depth - 1));
        assert_eq!(
            Type::parse(&nested(MAX_TYPE_DEPTH)).map(|t| t.depth()),
            Ok(MAX_TYPE_DEPTH)
        );
        let error = Type::parse(&nested(MAX_TYPE_DEPTH + 1)).expect_err("one too deep");
        assert_eq!(error.kind, TypeErrorKind::TooDeep);
        assert_eq!(
            Type::parse(&nested(100_000))
                .expect_err("far too deep")
                .kind,
            TypeErrorKind::TooDeep
        );
    }

    #[test]
    fn a_tuple_and_a_record_have_a_limited_number_of_members() {
        let tuple = |count: usize| Type::parse(&format!("Tuple[{}]", vec!["int"; count].join(",")));
        assert!(tuple(MAX_TUPLE_LEN).is_ok());
        let too_long = tuple(MAX_TUPLE_LEN + 1).expect_err("too long");
        assert_eq!(too_long.to_string(), "a `Tuple` has at most 12 elements");
        let record = |count: usize| {
            let fields: Vec<_> = (0..count).map(|field| format!("f{field}: int")).collect();
            Type::parse(&format!("R{{{}}}", fields.join(", ")))
        };
        assert!(record(MAX_MEMBERS).is_ok());
        let too_many = record(MAX_MEMBERS + 1).expect_err("too many");
        assert_eq!(too_many.to_string(), "`R` has more than 1000 members");
    }

    #[test]
    fn a_type_has_a_limited_number_of_types_inside() {
        // A record of 999 fields, used ten times in a record, and as many `int` as are left.
        let fields: Vec<_> = (0..998).map(|field| format!("f{field}: int")).collect();
        let inner = format!("I{{{}}}", fields.join(", "));
        let outer = |ints: usize| {
            let others = (1..10).map(|field| format!("i{field}: I"));
            let ints = (0..ints).map(|field| format!("n{field}: int"));
            let fields: Vec<_> = [format!("i0: {inner}")]
                .into_iter()
                .chain(others)
                .chain(ints)
                .collect();
            Type::parse(&format!("O{{{}}}", fields.join(", ")))
        };
        let nodes = outer(0).map(|ty| ty.nodes()).expect("a type");
        let left = MAX_TYPE_NODES - nodes;
        assert_eq!(outer(left).map(|ty| ty.nodes()), Ok(MAX_TYPE_NODES));
        assert_eq!(
            outer(left + 1).expect_err("too large").kind,
            TypeErrorKind::TooLarge
        );
    }

    #[test]
    fn a_named_type_is_expanded_only_where_it_is_mentioned_first() {
        let text = "Tuple[Tally{votes: int, level: Level{low, high}}, List[Tally], Level]";
        let parsed = Type::parse(text).expect(text);
        assert_eq!(super::super::Expanded(&parsed).to_string(), text);
        assert_eq!(parsed.to_string(), "Tuple[Tally, List[Tally], Level]");
        let scope =
            |name: &str| (name == "Tally").then(|| Type::parse("Tally{a: int}").expect("a record"));
        let bare = Type::parse_in("List[Tally]", &scope).expect("a known name");
        assert_eq!(
            super::super::Expanded(&bare).to_string(),
            "List[Tally{a: int}]"
        );
    }

    #[test]
    fn a_short_text_cannot_describe_a_huge_type() {
        let mut text = "A0{a: int}".to_owned();
        for depth in 1..20 {
            text = format!("A{depth}{{a: {text}, b: A{}}}", depth - 1);
        }
        assert_eq!(
            Type::parse(&text).expect_err("2^20 types").kind,
            TypeErrorKind::TooLarge
        );
        let doubled = "Tuple[".to_owned() + &"A{a: int}, ".repeat(50) + "A]";
        let twice = TypeErrorKind::ExpandedTwice("A".to_owned());
        assert_eq!(
            Type::parse(&doubled).expect_err("expanded twice").kind,
            twice
        );
        let long = format!("List[{}int]", " ".repeat(MAX_TYPE_BYTES));
        assert_eq!(
            Type::parse(&long).expect_err("too long").kind,
            TypeErrorKind::TooLarge
        );
        let nested = |depth: usize| {
            (0..depth).fold("int".to_owned(), |inner, level| {
                format!("A{level}{{a: {inner}}}")
            })
        };
        assert!(Type::parse(&nested(MAX_TYPE_DEPTH - 1)).is_ok());
        assert_eq!(
            Type::parse(&nested(MAX_TYPE_DEPTH)).expect_err("deep").kind,
            TypeErrorKind::TooDeep
        );
    }
}
