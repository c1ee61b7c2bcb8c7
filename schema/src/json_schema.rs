//! A JSON Schema of `init.yaml`, for editors. With it, an editor completes keys, shows what a key
//! means, and marks values of the wrong shape.
//!
//! The schema is generated from the tables that the check itself uses, so both know the same keys
//! and kinds. The schema accepts every correct file. It refuses files with a wrong key, kind or
//! text. It cannot see whether the parts of a file fit each other, for example whether a provider
//! is one of the servers.
//!
//! ```text
//! tables of keys --object--> properties, required, descriptions --+
//! shapes ---------value--->  type, items, oneOf                 --+--> the schema
//! texts  ----------text--->  pattern                            --+
//! ```
//!
//! The schema uses draft 07, the latest draft that all common editors support.

mod object;
mod text;
mod value;

use serde::Serialize;
use serde_yaml::{Mapping, Value};

use crate::shape::fields::{CLIENT, FILE, NameKind, SERVER, SERVICE};
use object::{described, object_in_list, optional_keys, required_keys, types_in_list};
use value::declared_type;

/// The schema's `$id`.
pub const ID: &str = "urn:rpcgen:init.yaml:1";

const DRAFT: &str = "http://json-schema.org/draft-07/schema#";

/// Returns the schema, with its keys in the order of the reference. `comment` is its first key; it
/// says how the schema was generated.
pub fn json_schema(comment: &str) -> impl Serialize + use<> {
    let mut schema = mapping([
        ("$comment", comment.into()),
        ("$schema", DRAFT.into()),
        ("$id", ID.into()),
        ("title", "init.yaml".into()),
        (
            "description",
            "the servers and clients of a network, its services, and who may call them".into(),
        ),
    ]);
    schema.extend(optional_keys(FILE));
    let free = described(
        Mapping::new(),
        "free for your own use, such as anchors; ignored",
        "anything",
    );
    schema.insert(
        "patternProperties".into(),
        mapping([("^x-", free.into())]).into(),
    );
    schema.insert("definitions".into(), definitions().into());
    // A file that extends another one may leave the required keys to it.
    let extends = mapping([("required", vec!["extends"].into())]);
    schema.insert("if".into(), extends.into());
    schema.insert("else".into(), required_keys(FILE).into());
    schema
}

fn definitions() -> Mapping {
    let mut definitions = text::definitions();
    let mut define = |named, by_name, in_list| {
        definitions.insert(entry(named).into(), about(named, by_name).into());
        definitions.insert(entry_in_list(named).into(), about(named, in_list).into());
    };
    for (named, fields) in [
        (NameKind::Server, SERVER),
        (NameKind::Client, CLIENT),
        (NameKind::Service, SERVICE),
    ] {
        let mut by_name = optional_keys(fields);
        by_name.insert("type".into(), vec!["object", "null"].into());
        define(named, by_name, object_in_list(named, fields));
    }
    define(NameKind::Type, declared_type(), types_in_list());
    definitions
}

/// Adds the description that an editor shows for a whole entry.
fn about(named: NameKind, entry: Mapping) -> Mapping {
    let words = match named {
        NameKind::Network => "the network",
        NameKind::Server => "a server, which provides services",
        NameKind::Client => "a client, which calls services",
        NameKind::Deployer => "a deployer, who may apply the file",
        NameKind::Service => "a service: its provider, its tenants and its procedures",
        NameKind::Procedure => "a procedure",
        NameKind::Type | NameKind::Item => "a record or an enumeration",
    };
    let mut about = mapping([("description", words.into())]);
    about.extend(entry);
    about
}

/// Returns the name of the definition for an entry in a mapping of names to entries.
fn entry(named: NameKind) -> &'static str {
    match named {
        NameKind::Network => "network",
        NameKind::Server => "server",
        NameKind::Client | NameKind::Deployer => "client",
        NameKind::Service => "service",
        NameKind::Procedure => "procedure",
        NameKind::Type | NameKind::Item => "declaredType",
    }
}

/// Returns the name of the definition for an entry in a list.
fn entry_in_list(named: NameKind) -> String {
    format!("{}InList", entry(named))
}

/// Returns a reference to a definition of the schema.
fn reference(definition: &str) -> Mapping {
    mapping([("$ref", format!("#/definitions/{definition}").into())])
}

fn one_of(choices: Vec<Mapping>) -> Mapping {
    mapping([("oneOf", choices.into())])
}

fn mapping<const N: usize>(entries: [(&str, Value); N]) -> Mapping {
    entries
        .into_iter()
        .map(|(key, value)| (key.into(), value))
        .collect()
}
