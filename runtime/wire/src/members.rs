//! [`Members`]: a JSON object whose members are told apart and not decoded further; none of them
//! twice.

use std::borrow::Cow;
use std::fmt;

use serde::de::{self, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

use super::json::shortened;

/// More members than this in one object are refused, known or not.
pub const MAX_MEMBERS: usize = 64;

/// More arguments than this in one request are refused.
pub const MAX_ARGUMENTS: usize = 1000;

/// The members of an object, none of them twice.
#[derive(Debug, Default)]
pub struct Members<'a>(Vec<(Cow<'a, str>, &'a RawValue)>);

impl<'a> Members<'a> {
    pub(super) fn parse(text: &'a str) -> Result<Self, String> {
        serde_json::from_str(text).map_err(|error| describe(&error, text))
    }

    /// The JSON text of a member, if it is there.
    pub fn get(&self, name: &str) -> Option<&'a RawValue> {
        self.0
            .iter()
            .find(|(member, _)| member == name)
            .map(|(_, value)| *value)
    }

    /// The JSON text of a member that must be there.
    ///
    /// # Errors
    /// That it is missing.
    pub fn required(&self, name: &str) -> Result<&'a RawValue, String> {
        self.get(name)
            .ok_or_else(|| format!("the member `{name}` is missing"))
    }

    /// A member that must be there and be a string.
    ///
    /// # Errors
    /// That it is not.
    pub fn string(&self, name: &str) -> Result<Cow<'a, str>, String> {
        as_string(name, self.required(name)?)
    }

    /// A member that may be absent or null.
    ///
    /// # Errors
    /// That `read` does not take it.
    pub fn optional<T>(
        &self,
        name: &str,
        read: impl FnOnce(&str, &'a RawValue) -> Result<T, String>,
    ) -> Result<Option<T>, String> {
        match self.get(name) {
            Some(value) if value.get() != "null" => read(name, value).map(Some),
            _ => Ok(None),
        }
    }

    /// A member of any shape that serde knows.
    ///
    /// # Errors
    /// That it is missing or of another shape.
    pub fn decode<T: de::Deserialize<'a>>(&self, name: &str) -> Result<T, String> {
        serde_json::from_str(self.required(name)?.get())
            .map_err(|error| format!("`{name}`: {error}"))
    }
}

/// A member that is a string.
pub fn as_string<'a>(name: &str, raw: &'a RawValue) -> Result<Cow<'a, str>, String> {
    let text = raw.get();
    let inside = text
        .strip_prefix('"')
        .and_then(|text| text.strip_suffix('"'));
    match inside.ok_or_else(|| format!("`{name}` is not a string"))? {
        plain if !plain.contains('\\') => Ok(Cow::Borrowed(plain)),
        _ => serde_json::from_str(text)
            .map(Cow::Owned)
            .map_err(|error| format!("`{name}`: {error}")),
    }
}

pub(super) fn as_milliseconds(name: &str, raw: &RawValue) -> Result<u64, String> {
    raw.get()
        .parse()
        .map_err(|_| format!("`{name}` is not a whole number of milliseconds"))
}

pub(super) fn as_list<'a>(name: &str, raw: &'a RawValue) -> Result<Vec<&'a RawValue>, String> {
    if !raw.get().starts_with('[') {
        return Err(format!("`{name}` is not a list"));
    }
    serde_json::from_str::<ShortList>(raw.get())
        .map(|list| list.0)
        .map_err(|error| format!("`{name}`: {}", describe(&error, raw.get())))
}

pub(super) fn as_strings<'a>(name: &str, raw: &'a RawValue) -> Result<Vec<Cow<'a, str>>, String> {
    let not_a_string = |_| format!("`{name}` holds something that is not a string");
    as_list(name, raw)?
        .into_iter()
        .map(|item| as_string(name, item).map_err(not_a_string))
        .collect()
}

/// The words of a JSON error with the byte at which it arose.
fn describe(error: &serde_json::Error, text: &str) -> String {
    let words = error.to_string();
    let words = words
        .rsplit_once(" at line ")
        .map_or(words.as_str(), |(words, _)| words);
    let before: usize = text
        .split_inclusive('\n')
        .take(error.line().saturating_sub(1))
        .map(str::len)
        .sum();
    match error.classify() {
        serde_json::error::Category::Data => words.to_owned(),
        _ => format!("not JSON at byte {}: {words}", before + error.column()),
    }
}

impl<'de: 'a, 'a> de::Deserialize<'de> for Members<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct MembersVisitor;
        impl<'de> Visitor<'de> for MembersVisitor {
            type Value = Members<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a JSON object")
            }

            fn visit_map<A: MapAccess<'de>>(
                self,
                mut entries: A,
            ) -> Result<Members<'de>, A::Error> {
                let mut members = Members::default();
                while let Some(Key(name)) = entries.next_key::<Key<'de>>()? {
                    if members.get(&name).is_some() {
                        return Err(de::Error::custom(format_args!(
                            "the member `{}` stands twice",
                            shortened(&name)
                        )));
                    }
                    if members.0.len() == MAX_MEMBERS {
                        return Err(de::Error::custom(format_args!(
                            "an object has more than {MAX_MEMBERS} members"
                        )));
                    }
                    members.0.push((name, entries.next_value()?));
                }
                Ok(members)
            }
        }
        deserializer.deserialize_map(MembersVisitor)
    }
}

/// A member's name, borrowed where it has no escapes.
struct Key<'a>(Cow<'a, str>);

impl<'de> de::Deserialize<'de> for Key<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct KeyVisitor;
        impl<'de> Visitor<'de> for KeyVisitor {
            type Value = Key<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a member's name")
            }

            fn visit_borrowed_str<E: de::Error>(self, name: &'de str) -> Result<Key<'de>, E> {
                Ok(Key(Cow::Borrowed(name)))
            }

            fn visit_str<E: de::Error>(self, name: &str) -> Result<Key<'de>, E> {
                Ok(Key(Cow::Owned(name.to_owned())))
            }
        }
        deserializer.deserialize_str(KeyVisitor)
    }
}

/// A list of at most [`MAX_ARGUMENTS`] values.
struct ShortList<'a>(Vec<&'a RawValue>);

impl<'de: 'a, 'a> de::Deserialize<'de> for ShortList<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct ListVisitor;
        impl<'de> Visitor<'de> for ListVisitor {
            type Value = ShortList<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a list")
            }

            fn visit_seq<A: SeqAccess<'de>>(
                self,
                mut items: A,
            ) -> Result<ShortList<'de>, A::Error> {
                let mut list = Vec::new();
                while let Some(item) = items.next_element()? {
                    if list.len() == MAX_ARGUMENTS {
                        return Err(de::Error::custom(format_args!(
                            "more than {MAX_ARGUMENTS} elements"
                        )));
                    }
                    list.push(item);
                }
                Ok(ShortList(list))
            }
        }
        deserializer.deserialize_seq(ListVisitor)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_object_with_too_many_members_is_refused() {
        let object = |count: usize| {
            let members: Vec<_> = (0..count).map(|index| format!("\"m{index}\":0")).collect();
            format!("{{{}}}", members.join(","))
        };
        assert_eq!(
            Members::parse(&object(MAX_MEMBERS)).map(|members| members.0.len()),
            Ok(MAX_MEMBERS)
        );
        assert!(Members::parse(&object(MAX_MEMBERS + 1)).is_err());
    }
}
