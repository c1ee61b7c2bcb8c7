//! A JSON Schema of `init.yaml`, for editors: with it they complete keys, show what a key is for,
//! and mark what has the wrong shape.
//!
//! It is made of the tables that the check itself walks, so that it knows the same keys and kinds.
//! It accepts every right file. Of the wrong ones it sees those with a wrong key, kind or text, but
//! not those whose parts do not fit each other, such as a provider that is no server.
//!
//! ```text
//! tables of keys --object--> properties, required, descriptions --+
//! shapes ---------value--->  type, items, oneOf                 --+--> the schema
//! texts  ----------text--->  pattern                            --+
//! ```
//!
//! The draft is 07, the latest one that every editor knows.

mod object;
mod text;
mod value;

use serde::Serialize;
use serde_yaml::{Mapping, Value};

use crate::shape::fields::{CLIENT, FILE, Named, SERVER, SERVICE};
use object::{described, object, object_in_list, types_in_list};
use value::declared_type;

/// The schema's `$id`.
pub const ID: &str = "urn:rpcgen:init.yaml:1";

const DRAFT: &str = "http://json-schema.org/draft-07/schema#";

/// The schema, with its keys in the order of the reference; `comment`, which comes first, says
/// where it is from.
pub fn json_schema(comment: &str) -> impl Serialize + use<> {
    let mut schema = mapping([
        ("$comment", comment.into()),
        ("$schema", DRAFT.into()),
        ("$id", ID.into()),
        ("title", "init.yaml".into()),
        (
            "description",
            "who there is in a network, what is provided, and who may call it".into(),
        ),
    ]);
    schema.extend(object(FILE));
    let free = described(
        Mapping::new(),
        "free, for anchors; not looked at",
        "anything",
    );
    schema.insert(
        "patternProperties".into(),
        mapping([("^x-", free.into())]).into(),
    );
    schema.insert("definitions".into(), definitions().into());
    schema
}

fn definitions() -> Mapping {
    let mut definitions = text::definitions();
    let mut define = |named, by_name, in_list| {
        definitions.insert(entry(named).into(), about(named, by_name).into());
        definitions.insert(entry_in_list(named).into(), about(named, in_list).into());
    };
    for (named, fields) in [
        (Named::Server, SERVER),
        (Named::Client, CLIENT),
        (Named::Service, SERVICE),
    ] {
        define(named, object(fields), object_in_list(named, fields));
    }
    define(Named::Type, declared_type(), types_in_list());
    definitions
}

/// What an editor shows about an entry as a whole.
fn about(named: Named, entry: Mapping) -> Mapping {
    let words = match named {
        Named::Server => "a server, which provides services",
        Named::Client => "a client, which calls services",
        Named::Deployer => "a deployer, who may apply the file",
        Named::Service => "a service: who runs it, who may call it, and its procedures",
        Named::Procedure => "a procedure",
        Named::Type | Named::Item => "a record or an enumeration",
    };
    let mut about = mapping([("description", words.into())]);
    about.extend(entry);
    about
}

/// The definition of an entry that stands under its name.
fn entry(named: Named) -> &'static str {
    match named {
        Named::Server => "server",
        Named::Client | Named::Deployer => "client",
        Named::Service => "service",
        Named::Procedure => "procedure",
        Named::Type | Named::Item => "declaredType",
    }
}

/// The definition of an entry that stands in a list.
fn entry_in_list(named: Named) -> String {
    format!("{}InList", entry(named))
}

/// What is defined elsewhere in the schema.
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
