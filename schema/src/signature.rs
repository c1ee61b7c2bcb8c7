//! [`Signature`] and [`Key`]: the types of a procedure, and the text that addresses an overload.

use std::collections::HashMap;
use std::fmt;
use std::time::Duration;

use crate::types::{Expanded, MAX_TUPLE_LEN, Type, TypeError, TypeList};

/// Maximum number of arguments of a procedure: as many as a request of the protocol carries.
pub const MAX_ARGUMENTS: usize = 1_000;

/// Maximum number of returned values of a procedure: as many as a tuple in Rust has.
pub const MAX_RETURNS: usize = MAX_TUPLE_LEN;

/// Maximum size of a signature, in bytes: the size of the message that binds it.
pub const MAX_SIGNATURE_BYTES: usize = 256 * 1024;

/// Maximum deadline that a procedure may declare: the longest call of the protocol.
pub const MAX_DEADLINE: Duration = Duration::from_hours(24 * 366);

/// Returns the size of the message that binds a signature, without its kind, in bytes. It has a
/// slot, the names, and the texts of the types with the members of their records. A length of four
/// bytes is before each text and each list.
pub fn bind_bytes<'t>(
    service: &str,
    rpc: &str,
    arguments: impl IntoIterator<Item = &'t Type>,
    returns: &[Type],
) -> usize {
    const LENGTH: usize = 4;
    let text = |ty: &Type| LENGTH + Expanded(ty).to_string().len();
    let arguments: usize = arguments.into_iter().map(text).sum();
    let returns: usize = returns.iter().map(text).sum();
    let slot_and_names = 4 + LENGTH + service.len() + LENGTH + rpc.len();
    slot_and_names + LENGTH + arguments + 1 + LENGTH + returns
}

/// A procedure with the types that it takes and returns, written
/// `svc1.rpc1(int, List[str]) -> (str)`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Signature {
    /// The service's name.
    pub service: String,
    /// The procedure's name.
    pub rpc: String,
    /// The types of the arguments, in order.
    pub arguments: Vec<Type>,
    /// The types of the returned values, in order; empty if the procedure returns nothing.
    pub returns: Vec<Type>,
}

/// A signature without its return types, written `svc1.rpc1(int, List[str])`. A key addresses one
/// overload.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Key(String);

impl Signature {
    /// Returns the key that addresses this overload.
    pub fn key(&self) -> Key {
        Key::new(&self.service, &self.rpc, &self.arguments)
    }

    /// Creates a signature from the texts of its types.
    ///
    /// # Errors
    /// Returns what is wrong with the first text that is not a type.
    pub fn from_texts<S: AsRef<str>>(
        service: &str,
        rpc: &str,
        arguments: &[S],
        returns: &[S],
    ) -> Result<Self, TypeError> {
        let parse_all = |texts: &[S]| {
            texts
                .iter()
                .map(|text| Type::parse(text.as_ref()))
                .collect::<Result<Vec<_>, _>>()
        };
        Ok(Self {
            service: service.to_owned(),
            rpc: rpc.to_owned(),
            arguments: parse_all(arguments)?,
            returns: parse_all(returns)?,
        })
    }
}

/// Returns the records and enumerations that signatures mention, directly or inside other types,
/// by name.
///
/// # Errors
/// Fails if two different types have the same name.
pub fn named_types<'a>(
    signatures: impl IntoIterator<Item = &'a Signature>,
) -> Result<HashMap<String, Type>, String> {
    let mut named: HashMap<String, Type> = HashMap::new();
    let types = signatures
        .into_iter()
        .flat_map(|signature| signature.arguments.iter().chain(&signature.returns));
    let mut open: Vec<&Type> = types.collect();
    while let Some(ty) = open.pop() {
        if let Some(name) = ty.name() {
            match named.get(name) {
                Some(known) if known == ty => continue,
                Some(_) => return Err(format!("the type `{name}` has two different definitions")),
                None => drop(named.insert(name.to_owned(), ty.clone())),
            }
        }
        open.extend(ty.parts());
    }
    Ok(named)
}

impl fmt::Display for Signature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            service,
            rpc,
            arguments,
            returns,
        } = self;
        write!(
            f,
            "{service}.{rpc}({}) -> ({})",
            TypeList(arguments),
            TypeList(returns)
        )
    }
}

impl Key {
    /// Returns the key of `service.rpc` with these argument types.
    pub fn new(service: &str, rpc: &str, arguments: &[Type]) -> Self {
        Self(format!("{service}.{rpc}({})", TypeList(arguments)))
    }

    /// Returns the key as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signatures_and_keys_are_printed_in_their_documented_form() {
        let signature = Signature::from_texts("svc1", "rpc1", &["int", "list[string]"], &["str"])
            .expect("types");
        assert_eq!(signature.to_string(), "svc1.rpc1(int, List[str]) -> (str)");
        assert_eq!(signature.key().as_str(), "svc1.rpc1(int, List[str])");
        let record =
            Signature::from_texts("s", "put", &["Tally{level: Level{low}}"], &["Level{low}"])
                .expect("types");
        assert_eq!(record.to_string(), "s.put(Tally) -> (Level)");
        assert_eq!(named_types([&record]).expect("one meaning each").len(), 2);
        let other = Signature::from_texts("s", "put", &["Level{low, high}"], &[]).expect("types");
        assert_eq!(
            named_types([&record, &other]),
            Err("the type `Level` has two different definitions".to_owned())
        );
        let nothing = Signature::from_texts::<&str>("stats", "reset", &[], &[]).expect("types");
        assert_eq!(nothing.to_string(), "stats.reset() -> ()");
    }
}
