//! [`Members`]: the members of a JSON object. Their values are not decoded. Duplicate members are
//! refused.

use std::borrow::Cow;
use std::fmt;

use serde::de::{self, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

use super::json::shortened;

/// Maximum number of members of one object, known or unknown.
pub const MAX_MEMBERS: usize = 64;

/// Maximum number of arguments of one request.
pub const MAX_ARGUMENTS: usize = 1000;

/// The members of a JSON object, without duplicates.
#[derive(Debug, Default)]
pub struct Members<'a>(Vec<(Cow<'a, str>, &'a RawValue)>);

impl<'a> Members<'a> {
    pub(super) fn parse(text: &'a str) -> Result<Self, String> {
        serde_json::from_str(text).map_err(|error| describe(&error, text))
    }

    /// Returns the JSON text of a member. `None` if the member is absent.
    pub fn get(&self, name: &str) -> Option<&'a RawValue> {
        self.0
            .iter()
            .find(|(member, _)| member == name)
            .map(|(_, value)| *value)
    }

    /// Returns the JSON text of a required member.
    ///
    /// # Errors
    /// The member is missing.
    pub fn required(&self, name: &str) -> Result<&'a RawValue, String> {
        self.get(name)
            .ok_or_else(|| format!("the member `{name}` is missing"))
    }

    /// Returns a required member that is a string.
    ///
    /// # Errors
    /// The member is missing or is not a string.
    pub fn string(&self, name: &str) -> Result<Cow<'a, str>, String> {
        as_string(name, self.required(name)?)
    }

    /// Returns a member that may be absent or null, as `read` decodes it.
    ///
    /// # Errors
    /// The error of `read`.
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

    /// Decodes a required member with serde.
    ///
    /// # Errors
    /// The member is missing or has another shape.
    pub fn decode<T: de::Deserialize<'a>>(&self, name: &str) -> Result<T, String> {
        serde_json::from_str(self.required(name)?.get())
            .map_err(|error| format!("`{name}`: {error}"))
    }
}

/// Decodes a string.
///
/// # Errors
/// The JSON text is not a string. The message names it `name`.
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
    serde_json::from_str::<BoundedList>(raw.get())
        .map(|list| list.0)
        .map_err(|error| format!("`{name}`: {}", describe(&error, raw.get())))
}

pub(super) fn as_strings<'a>(name: &str, raw: &'a RawValue) -> Result<Vec<Cow<'a, str>>, String> {
    let not_a_string = |_| format!("`{name}` has an element that is not a string");
    as_list(name, raw)?
        .into_iter()
        .map(|item| as_string(name, item).map_err(not_a_string))
        .collect()
}

/// Describes a JSON error. For a syntax error the text names the byte where it is.
fn describe(error: &serde_json::Error, text: &str) -> String {
    let message = error.to_string();
    let reason = message
        .rsplit_once(" at line ")
        .map_or(message.as_str(), |(reason, _)| reason);
    let before: usize = text
        .split_inclusive('\n')
        .take(error.line().saturating_sub(1))
        .map(str::len)
        .sum();
    if error.classify() == serde_json::error::Category::Data {
        return reason.to_owned();
    }
    let byte = before.saturating_add(error.column());
    format!("not JSON at byte {byte}: {reason}")
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
                while let Some(MemberName(name)) = entries.next_key::<MemberName<'de>>()? {
                    if members.get(&name).is_some() {
                        return Err(de::Error::custom(format_args!(
                            "duplicate member `{}`",
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

/// The name of a member. It is borrowed if it has no escapes.
struct MemberName<'a>(Cow<'a, str>);

impl<'de> de::Deserialize<'de> for MemberName<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct NameVisitor;
        impl<'de> Visitor<'de> for NameVisitor {
            type Value = MemberName<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a member's name")
            }

            fn visit_borrowed_str<E: de::Error>(
                self,
                name: &'de str,
            ) -> Result<MemberName<'de>, E> {
                Ok(MemberName(Cow::Borrowed(name)))
            }

            fn visit_str<E: de::Error>(self, name: &str) -> Result<MemberName<'de>, E> {
                Ok(MemberName(Cow::Owned(name.to_owned())))
            }
        }
        deserializer.deserialize_str(NameVisitor)
    }
}

/// A list of at most [`MAX_ARGUMENTS`] values.
struct BoundedList<'a>(Vec<&'a RawValue>);

impl<'de: 'a, 'a> de::Deserialize<'de> for BoundedList<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct ListVisitor;
        impl<'de> Visitor<'de> for ListVisitor {
            type Value = BoundedList<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a list")
            }

            fn visit_seq<A: SeqAccess<'de>>(
                self,
                mut items: A,
            ) -> Result<BoundedList<'de>, A::Error> {
                let mut list = Vec::new();
                while let Some(item) = items.next_element()? {
                    if list.len() == MAX_ARGUMENTS {
                        return Err(de::Error::custom(format_args!(
                            "more than {MAX_ARGUMENTS} elements"
                        )));
                    }
                    list.push(item);
                }
                Ok(BoundedList(list))
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
        let refused = Members::parse(&object(MAX_MEMBERS + 1)).expect_err("too many");
        assert_eq!(refused, "an object has more than 64 members");
    }

    #[test]
    fn a_list_with_too_many_arguments_is_refused() {
        let list = |count: usize| {
            let text = format!("{{\"list\":[{}]}}", vec!["0"; count].join(","));
            let members = Members::parse(&text).expect("an object");
            members
                .required("list")
                .and_then(|list| as_list("list", list))
                .map(|list| list.len())
        };
        assert_eq!(list(MAX_ARGUMENTS), Ok(MAX_ARGUMENTS));
        let refused = list(MAX_ARGUMENTS + 1).expect_err("too many");
        assert_eq!(refused, "`list`: more than 1000 elements");
    }
}
