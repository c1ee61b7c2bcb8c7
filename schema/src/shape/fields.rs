//! The keys of `init.yaml`: which keys there are, what kind of value each takes, and what it means.
//!
//! The walk over a file uses these tables, the JSON Schema for editors is generated from them, and
//! a test compares them with the tables in `docs/INIT.md`.

use crate::diagnostic::Code;

/// The rules for one key of a mapping.
pub(crate) struct KeySpec {
    pub(crate) key: &'static str,
    pub(crate) shape: Shape,
    /// An example of a required key; `None` for an optional key.
    pub(crate) required: Option<&'static str>,
    /// What a file without the key means, in words; empty for a required key.
    pub(crate) default: &'static str,
    /// What the key means, in one line.
    pub(crate) doc: &'static str,
}

/// The kind of a value.
#[derive(Clone, Copy)]
pub(crate) enum Shape {
    Text(Text),
    Integer(Integer),
    Flag,
    /// Text that is a number with a unit.
    Quantity(Quantity),
    List(&'static Shape),
    Mapping(&'static [KeySpec]),
    /// Mappings by name, or a list of mappings with a `name` each.
    Entries(NameKind, &'static [KeySpec]),
    /// Types by name, or a list of types.
    Arguments,
    /// A type, or a list of types.
    Returns,
    /// A server's name. A list of names is reserved for a later version.
    Provider,
    /// Types by name.
    Fields,
    /// Records and enumerations by name, or a list of them with a `name` each.
    Types,
    /// A record or an enumeration: its fields by name, its items, or the keys of [`TYPE`].
    Type,
}

/// What a text contains. The walk over a file treats all texts alike; the JSON Schema does not.
#[derive(Clone, Copy)]
pub(crate) enum Text {
    Prose,
    /// A name that is declared here.
    Name(NameKind),
    /// A name that is declared at another place.
    NameOf(NameKind),
    Type,
    Ip,
    /// A path relative to the folder of the file.
    Path,
    /// A path relative to the file itself, which may lead out of its folder.
    File,
    AbsolutePath,
    Variable,
}

/// The kind of thing that a name belongs to.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum NameKind {
    Network,
    Server,
    Client,
    Deployer,
    Type,
    Item,
    Service,
    Procedure,
}

impl NameKind {
    pub(super) fn in_words(self) -> &'static str {
        match self {
            Self::Network => "network",
            Self::Server => "server",
            Self::Client => "client",
            Self::Deployer => "deployer",
            Self::Type => "type",
            Self::Item => "item",
            Self::Service => "service",
            Self::Procedure => "procedure",
        }
    }
}

/// What an integer counts.
#[derive(Clone, Copy)]
pub(crate) enum Integer {
    Version,
    Port,
    Calls,
}

/// What a number with a unit measures.
#[derive(Clone, Copy)]
pub(crate) enum Quantity {
    Duration,
    Size,
}

impl Quantity {
    /// Returns the rule that such a text must follow.
    pub(crate) fn code(self) -> Code {
        match self {
            Self::Duration => Code::BadDuration,
            Self::Size => Code::BadSize,
        }
    }

    pub(crate) fn example(self) -> &'static str {
        match self {
            Self::Duration => "5s",
            Self::Size => "512MiB",
        }
    }
}

pub(crate) const FILE: &[KeySpec] = &[
    optional(
        "version",
        Shape::Integer(Integer::Version),
        "`1`",
        "the version of this format; 1 is the only one",
    ),
    optional(
        "extends",
        Shape::Text(Text::File),
        "none",
        "the file whose content this one changes, relative to this one",
    ),
    optional(
        "name",
        Shape::Text(Text::Name(NameKind::Network)),
        "none",
        "the network's name, for people and for certificates",
    ),
    optional(
        "doc",
        Shape::Text(Text::Prose),
        "none",
        "what the network is for; becomes documentation of the stubs and of the reference page",
    ),
    required(
        "network",
        Shape::Mapping(NETWORK),
        "network: { servers: ..., clients: ... }",
        "the servers, clients and deployers",
    ),
    optional(
        "types",
        Shape::Types,
        "none",
        "records and enumerations, which any signature can use",
    ),
    optional(
        "services",
        Shape::Entries(NameKind::Service, SERVICE),
        "none",
        "the services that the servers provide",
    ),
];

pub(crate) const NAME: &[KeySpec] = &[required(
    "name",
    Shape::Text(Text::Prose),
    "name: ...",
    "the name of the entry",
)];

/// The keys of the long form of a record or an enumeration.
pub(crate) const TYPE: &[KeySpec] = &[
    optional(
        "doc",
        Shape::Text(Text::Prose),
        "none",
        "what it is; becomes the generated type's documentation",
    ),
    optional(
        "fields",
        Shape::Fields,
        "it is an enumeration",
        "the fields of a record, in order",
    ),
    optional(
        "items",
        Shape::List(&Shape::Text(Text::Name(NameKind::Item))),
        "it is a record",
        "the possible values of an enumeration, in order",
    ),
];

pub(crate) const NETWORK: &[KeySpec] = &[
    optional(
        "servers",
        Shape::Entries(NameKind::Server, SERVER),
        "none",
        "the servers, which provide services",
    ),
    optional(
        "clients",
        Shape::Entries(NameKind::Client, CLIENT),
        "none",
        "the clients, which call services",
    ),
    optional(
        "deployers",
        Shape::List(&Shape::Text(Text::Name(NameKind::Deployer))),
        "none",
        "the names that get a deployer's certificate; a deployer may also be a client, but not a server",
    ),
];

pub(crate) const SERVER: &[KeySpec] = &[
    required(
        "ip",
        Shape::Text(Text::Ip),
        "ip: 127.0.0.1",
        "the address at which it listens and clients reach it",
    ),
    required(
        "port",
        Shape::Integer(Integer::Port),
        "port: 7101",
        "the port on which it listens; no two servers may have the same `ip` and `port`",
    ),
];

pub(crate) const CLIENT: &[KeySpec] = &[optional(
    "ip",
    Shape::Text(Text::Ip),
    "none",
    "the address from which it calls and by which servers recognize it; several clients may share one. \
     A client without one can call only with a certificate",
)];

pub(crate) const SERVICE: &[KeySpec] = &[
    required(
        "provider",
        Shape::Provider,
        "provider: server1",
        "the server that runs it",
    ),
    optional(
        "tenants",
        Shape::List(&Shape::Text(Text::NameOf(NameKind::Client))),
        "nobody",
        "the clients that may call it",
    ),
    optional(
        "modules",
        Shape::List(&Shape::Text(Text::Path)),
        "none",
        "Python files that its code imports; they are sent to the server with it. They are imported by \
         file name, so no two may have the same one",
    ),
    optional(
        "data",
        Shape::List(&Shape::Text(Text::Path)),
        "none",
        "files that its code reads; they are sent to the server with it",
    ),
    optional(
        "allow",
        Shape::Mapping(ALLOW),
        "nothing",
        "what its code may use on the server's machine; recorded, but not enforced in this version",
    ),
    optional(
        "concurrency",
        Shape::Integer(Integer::Calls),
        "left to the server",
        "how many calls may run at once; 1 is exclusive access. If a service has several tenants, one tenant gets at most all calls but one",
    ),
    optional(
        "rpcs",
        Shape::List(&Shape::Mapping(RPC)),
        "none",
        "the procedures that it offers",
    ),
];

pub(crate) const ALLOW: &[KeySpec] = &[
    optional(
        "connect",
        Shape::List(&Shape::Integer(Integer::Port)),
        "none",
        "TCP ports that it may connect to",
    ),
    optional(
        "read",
        Shape::List(&Shape::Text(Text::AbsolutePath)),
        "none",
        "paths on the server's machine that it may read",
    ),
    optional(
        "write",
        Shape::List(&Shape::Text(Text::AbsolutePath)),
        "none",
        "paths on the server's machine that it may write",
    ),
    optional(
        "memory",
        Shape::Quantity(Quantity::Size),
        "left to the server",
        "how much memory it may use",
    ),
    optional(
        "env",
        Shape::List(&Shape::Text(Text::Variable)),
        "none",
        "environment variables of the server that it may see",
    ),
];

pub(crate) const RPC: &[KeySpec] = &[
    required(
        "name",
        Shape::Text(Text::Name(NameKind::Procedure)),
        "name: rpc1",
        "its name; several procedures of a service may share one, as overloads",
    ),
    optional(
        "doc",
        Shape::Text(Text::Prose),
        "none",
        "what it does; becomes the stub's documentation",
    ),
    optional(
        "arguments",
        Shape::Arguments,
        "none",
        "the types of its arguments",
    ),
    optional(
        "returns",
        Shape::Returns,
        "nothing",
        "the types of its returned values",
    ),
    optional(
        "path",
        Shape::Text(Text::Path),
        "`services/<service>/<procedure>.py`",
        "the file that defines it",
    ),
    optional(
        "native",
        Shape::Flag,
        "`false`",
        "whether it is compiled into the provider's own binary; then it has no `path`",
    ),
    optional(
        "deadline",
        Shape::Quantity(Quantity::Duration),
        "left to the server",
        "how long a call may take",
    ),
    optional(
        "idempotent",
        Shape::Flag,
        "`false`",
        "whether it is safe to run it twice",
    ),
];

/// Returns where a key belongs, in words, if any mapping has such a key.
pub(super) fn owner_of_key(key: &str) -> Option<&'static str> {
    let owners = [
        (SERVER, "a server"),
        (SERVICE, "a service"),
        (ALLOW, "`allow`"),
        (RPC, "a procedure, an item of `rpcs`"),
        (NETWORK, "`network`"),
        (FILE, "the file itself, beside `network`"),
    ];
    owners
        .into_iter()
        .find(|(fields, _)| has_key(fields, key))
        .map(|(_, owner)| owner)
}

/// Returns whether a key belongs at the top of the file.
pub(super) fn is_key_of_file(key: &str) -> bool {
    has_key(FILE, key)
}

fn has_key(fields: &[KeySpec], key: &str) -> bool {
    fields.iter().any(|field| field.key == key)
}

const fn required(
    key: &'static str,
    shape: Shape,
    example: &'static str,
    doc: &'static str,
) -> KeySpec {
    KeySpec {
        key,
        shape,
        required: Some(example),
        default: "",
        doc,
    }
}

const fn optional(
    key: &'static str,
    shape: Shape,
    default: &'static str,
    doc: &'static str,
) -> KeySpec {
    KeySpec {
        key,
        shape,
        required: None,
        default,
        doc,
    }
}
