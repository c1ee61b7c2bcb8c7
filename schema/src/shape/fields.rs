//! Which keys `init.yaml` knows, and what kind of value each takes.

use crate::diagnostic::Code;

/// A key of a mapping.
pub(super) struct Field {
    pub(super) key: &'static str,
    pub(super) shape: Shape,
    /// How to write it, for a key that must be there.
    pub(super) required: Option<&'static str>,
}

/// The kind of a value.
#[derive(Clone, Copy)]
pub(super) enum Shape {
    Text,
    Integer,
    Flag,
    /// Text that is a number with its unit, such as this example; for a number alone there is a code of its own.
    Quantity(Code, &'static str),
    List(&'static Shape),
    Mapping(&'static [Field]),
    /// Mappings by name, or a list of mappings with a `name` each.
    Entries(&'static [Field]),
    /// Types by name, or a list of types.
    Arguments,
    /// A type, or a list of types.
    Returns,
    /// A server's name; a list is reserved.
    Provider,
    /// Types by name.
    Fields,
    /// Records and enumerations by name, or a list of them with a `name` each.
    Types,
    /// A record or an enumeration: its fields by name, its items, or the keys of [`TYPE`].
    Type,
}

pub(super) const FILE: &[Field] = &[
    optional("version", Shape::Integer),
    required("network", Shape::Mapping(NETWORK), "network: { servers: ..., clients: ... }"),
    optional("types", Shape::Types),
    optional("services", Shape::Entries(SERVICE)),
];

pub(super) const NAME: &[Field] = &[required("name", Shape::Text, "name: ...")];

/// A record or an enumeration with all its keys.
pub(super) const TYPE: &[Field] = &[
    optional("doc", Shape::Text),
    optional("fields", Shape::Fields),
    optional("items", Shape::List(&Shape::Text)),
];

const NETWORK: &[Field] = &[
    optional("servers", Shape::Entries(SERVER)),
    optional("clients", Shape::Entries(CLIENT)),
    optional("deployers", Shape::List(&Shape::Text)),
];

const SERVER: &[Field] =
    &[required("ip", Shape::Text, "ip: 127.0.0.1"), required("port", Shape::Integer, "port: 7101")];

const CLIENT: &[Field] = &[required("ip", Shape::Text, "ip: 127.0.0.1")];

const SERVICE: &[Field] = &[
    required("provider", Shape::Provider, "provider: server1"),
    optional("tenants", Shape::List(&Shape::Text)),
    optional("modules", Shape::List(&Shape::Text)),
    optional("data", Shape::List(&Shape::Text)),
    optional("allow", Shape::Mapping(ALLOW)),
    optional("concurrency", Shape::Integer),
    optional("rpcs", Shape::List(&Shape::Mapping(RPC))),
];

const ALLOW: &[Field] = &[
    optional("connect", Shape::List(&Shape::Integer)),
    optional("read", Shape::List(&Shape::Text)),
    optional("write", Shape::List(&Shape::Text)),
    optional("memory", Shape::Quantity(Code::BadSize, "512MiB")),
    optional("env", Shape::List(&Shape::Text)),
];

const RPC: &[Field] = &[
    required("name", Shape::Text, "name: rpc1"),
    optional("doc", Shape::Text),
    optional("arguments", Shape::Arguments),
    optional("returns", Shape::Returns),
    optional("path", Shape::Text),
    optional("native", Shape::Flag),
    optional("deadline", Shape::Quantity(Code::BadDuration, "5s")),
    optional("idempotent", Shape::Flag),
];

/// Whose key it is, for a key that stands in the wrong mapping.
pub(super) fn home_of(key: &str) -> Option<&'static str> {
    let homes = [
        (FILE, "the file itself, beside `network`"),
        (NETWORK, "`network`"),
        (SERVER, "a server"),
        (SERVICE, "a service"),
        (ALLOW, "`allow`"),
        (RPC, "a procedure, an item of `rpcs`"),
    ];
    let known = |fields: &[Field]| fields.iter().any(|field| field.key == key);
    homes.into_iter().find(|(fields, _)| known(fields)).map(|(_, home)| home)
}

const fn required(key: &'static str, shape: Shape, example: &'static str) -> Field {
    Field { key, shape, required: Some(example) }
}

const fn optional(key: &'static str, shape: Shape) -> Field {
    Field { key, shape, required: None }
}
