//! [`Difference`]: where the types of two sides differ.

use std::fmt;

use super::{Enumeration, Record, Type};

/// The first part in which two types differ, such as one field of a record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    /// The part that differs, in words: the type, a field of a record, the order of the fields, or
    /// an item of an enumeration.
    pub what: String,
    /// The part as the first type has it; `None` if the first type does not have it.
    pub ours: Option<String>,
    /// The part as the second type has it; `None` if the second type does not have it.
    pub theirs: Option<String>,
}

/// Writes the difference from the server's point of view: the first type is the server's, the
/// second one is the caller's.
impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { what, ours, theirs } = self;
        write!(
            f,
            "{what} is {} at the server and {} at the caller",
            Quoted(ours.as_deref()),
            Quoted(theirs.as_deref())
        )
    }
}

/// Displays one side of a difference: its text in backticks, or `missing`.
#[derive(Debug, Clone, Copy)]
pub struct Quoted<'a>(pub Option<&'a str>);

impl fmt::Display for Quoted<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(text) => write!(f, "`{text}`"),
            None => f.write_str("missing"),
        }
    }
}

impl Type {
    /// Returns the first part in which another type differs from this one.
    pub fn difference(&self, other: &Self) -> Option<Difference> {
        difference(self, other, "the type")
    }
}

/// Returns the first position, from 0, at which two lists of types differ, and the difference.
pub fn first_difference(ours: &[Type], theirs: &[Type]) -> Option<(usize, Difference)> {
    let mut pairs = ours.iter().zip(theirs).enumerate();
    pairs.find_map(|(position, (ours, theirs))| Some((position, ours.difference(theirs)?)))
}

fn difference(ours: &Type, theirs: &Type, what: &str) -> Option<Difference> {
    match (ours, theirs) {
        (Type::List(ours), Type::List(theirs)) | (Type::Optional(ours), Type::Optional(theirs)) => {
            difference(ours, theirs, what)
        }
        (Type::Dict(our_key, ours), Type::Dict(their_key, theirs)) if our_key == their_key => {
            difference(ours, theirs, what)
        }
        (Type::Tuple(ours), Type::Tuple(theirs)) if ours.len() == theirs.len() => ours
            .iter()
            .zip(theirs)
            .find_map(|(ours, theirs)| difference(ours, theirs, what)),
        (Type::Record(ours), Type::Record(theirs)) => record_difference(ours, theirs, what),
        (Type::Enumeration(ours), Type::Enumeration(theirs)) => {
            enumeration_difference(ours, theirs, what)
        }
        _ if ours == theirs => None,
        _ => Some(Difference {
            what: what.to_owned(),
            ours: Some(ours.to_string()),
            theirs: Some(theirs.to_string()),
        }),
    }
}

fn record_difference(ours: &Record, theirs: &Record, what: &str) -> Option<Difference> {
    if ours == theirs {
        return None;
    }
    let name = ours.name();
    if name != theirs.name() {
        return Some(renamed(what, name.as_str(), theirs.name().as_str()));
    }
    let field = |field: &str| format!("the field `{field}` of `{name}`");
    for declared in ours.fields() {
        let what = field(declared.name.as_str());
        let Some(position) = theirs.position(declared.name.as_str()) else {
            return Some(Difference {
                what,
                ours: Some(declared.ty.to_string()),
                theirs: None,
            });
        };
        if let Some(found) = difference(&declared.ty, &theirs.fields()[position].ty, &what) {
            return Some(found);
        }
    }
    if let Some(added) = theirs
        .fields()
        .iter()
        .find(|added| ours.position(added.name.as_str()).is_none())
    {
        let what = field(added.name.as_str());
        return Some(Difference {
            what,
            ours: None,
            theirs: Some(added.ty.to_string()),
        });
    }
    let order = |record: &Record| {
        let names: Vec<&str> = record
            .fields()
            .iter()
            .map(|field| field.name.as_str())
            .collect();
        Some(names.join(", "))
    };
    Some(Difference {
        what: format!("the order of the fields of `{name}`"),
        ours: order(ours),
        theirs: order(theirs),
    })
}

fn enumeration_difference(
    ours: &Enumeration,
    theirs: &Enumeration,
    what: &str,
) -> Option<Difference> {
    let name = ours.name();
    if name != theirs.name() {
        return Some(renamed(what, name.as_str(), theirs.name().as_str()));
    }
    if ours == theirs {
        return None;
    }
    let item = |item: &str| format!("the item `{item}` of `{name}`");
    if let Some(removed) = ours
        .items()
        .iter()
        .find(|item| theirs.position(item).is_none())
    {
        return Some(Difference {
            what: item(removed),
            ours: Some(removed.clone()),
            theirs: None,
        });
    }
    if let Some(added) = theirs
        .items()
        .iter()
        .find(|item| ours.position(item).is_none())
    {
        return Some(Difference {
            what: item(added),
            ours: None,
            theirs: Some(added.clone()),
        });
    }
    let items = |enumeration: &Enumeration| Some(enumeration.items().join(", "));
    Some(Difference {
        what: format!("the order of the items of `{name}`"),
        ours: items(ours),
        theirs: items(theirs),
    })
}

fn renamed(what: &str, ours: &str, theirs: &str) -> Difference {
    Difference {
        what: what.to_owned(),
        ours: Some(ours.to_owned()),
        theirs: Some(theirs.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(ours: &str, theirs: &str, expected: Option<&str>) {
        let parse = |text: &str| Type::parse(text).expect(text);
        let found = parse(ours)
            .difference(&parse(theirs))
            .map(|difference| difference.to_string());
        assert_eq!(found.as_deref(), expected, "{ours} {theirs}");
    }

    #[test]
    fn the_part_that_differs_is_named() {
        let tally = "Tally{candidate: str, votes: int}";
        check(tally, tally, None);
        check(
            "int",
            "float",
            Some("the type is `int` at the server and `float` at the caller"),
        );
        check(
            tally,
            "Talley{candidate: str, votes: int}",
            Some("the type is `Tally` at the server and `Talley` at the caller"),
        );
        check(
            tally,
            "Tally{candidate: str, votes: float}",
            Some("the field `votes` of `Tally` is `int` at the server and `float` at the caller"),
        );
        check(
            tally,
            "Tally{candidate: str}",
            Some("the field `votes` of `Tally` is `int` at the server and missing at the caller"),
        );
        check(
            "List[Tally{votes: int}]",
            "List[Tally{votes: int, at: str}]",
            Some("the field `at` of `Tally` is missing at the server and `str` at the caller"),
        );
        check(
            tally,
            "Tally{votes: int, candidate: str}",
            Some(
                "the order of the fields of `Tally` is `candidate, votes` at the server and `votes, candidate` at the caller",
            ),
        );
        check(
            "Box1{level: Level{low, high}}",
            "Box1{level: Level{low, high, top}}",
            Some("the item `top` of `Level` is missing at the server and `top` at the caller"),
        );
        check(
            "Dict[str, Outer{inner: Optional[Inner{a: int}]}]",
            "Dict[str, Outer{inner: Optional[Inner{a: bool}]}]",
            Some("the field `a` of `Inner` is `int` at the server and `bool` at the caller"),
        );
    }
}
