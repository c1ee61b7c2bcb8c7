//! Which keys `init.yaml` knows, what kind of value each takes, and what it is for.
//!
//! The walk over a file reads these tables, the JSON Schema for editors is made of them, and the
//! tables of `docs/INIT.md` are held against them.

use crate::diagnostic::Code;

/// A key of a mapping.
pub(crate) struct Field {
    pub(crate) key: &'static str,
    pub(crate) shape: Shape,
    /// How to write it, for a key that must be there.
    pub(crate) required: Option<&'static str>,
    /// What holds without it, in words; empty for a key that must be there.
    pub(crate) default: &'static str,
    /// What it says, in one line.
    pub(crate) doc: &'static str,
}

/// The kind of a value.
#[derive(Clone, Copy)]
pub(crate) enum Shape {
    Text(Text),
    Integer(Integer),
    Flag,
    /// Text that is a number with its unit.
    Quantity(Quantity),
    List(&'static Shape),
    Mapping(&'static [Field]),
    /// Mappings by name, or a list of mappings with a `name` each.
    Entries(Named, &'static [Field]),
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

/// What a text says. To the walk over a file all texts are of one kind.
#[derive(Clone, Copy)]
pub(crate) enum Text {
    Prose,
    /// A name that is given here.
    Name(Named),
    /// A name that is given elsewhere.
    NameOf(Named),
    Type,
    Ip,
    /// Relative to the folder of the file.
    Path,
    AbsolutePath,
    Variable,
}

/// What has a name.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Named {
    Server,
    Client,
    Deployer,
    Type,
    Item,
    Service,
    Procedure,
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
    /// The rule that such a text follows.
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

pub(crate) const FILE: &[Field] = &[
    optional(
        "version",
        Shape::Integer(Integer::Version),
        "`1`",
        "the version of this format; 1 is the only one",
    ),
    required(
        "network",
        Shape::Mapping(NETWORK),
        "network: { servers: ..., clients: ... }",
        "who there is",
    ),
    optional(
        "types",
        Shape::Types,
        "none",
        "types with a name of their own, for any signature to use",
    ),
    optional(
        "services",
        Shape::Entries(Named::Service, SERVICE),
        "none",
        "what is provided",
    ),
];

pub(crate) const NAME: &[Field] = &[required(
    "name",
    Shape::Text(Text::Prose),
    "name: ...",
    "what the entry is called",
)];

/// A record or an enumeration with all its keys.
pub(crate) const TYPE: &[Field] = &[
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
        "what a record holds, in order",
    ),
    optional(
        "items",
        Shape::List(&Shape::Text(Text::Name(Named::Item))),
        "it is a record",
        "the words of which an enumeration is one, in order",
    ),
];

pub(crate) const NETWORK: &[Field] = &[
    optional(
        "servers",
        Shape::Entries(Named::Server, SERVER),
        "none",
        "who provides services",
    ),
    optional(
        "clients",
        Shape::Entries(Named::Client, CLIENT),
        "none",
        "who calls them",
    ),
    optional(
        "deployers",
        Shape::List(&Shape::Text(Text::Name(Named::Deployer))),
        "none",
        "who gets a deployer's certificate; a deployer may be a client, but not a server",
    ),
];

pub(crate) const SERVER: &[Field] = &[
    required(
        "ip",
        Shape::Text(Text::Ip),
        "ip: 127.0.0.1",
        "where it listens and clients reach it",
    ),
    required(
        "port",
        Shape::Integer(Integer::Port),
        "port: 7101",
        "where it listens; no two servers have one `ip` and `port`",
    ),
];

pub(crate) const CLIENT: &[Field] = &[required(
    "ip",
    Shape::Text(Text::Ip),
    "ip: 127.0.0.1",
    "where it calls from, by which servers know it; several clients may share one",
)];

pub(crate) const SERVICE: &[Field] = &[
    required(
        "provider",
        Shape::Provider,
        "provider: server1",
        "who runs it",
    ),
    optional(
        "tenants",
        Shape::List(&Shape::Text(Text::NameOf(Named::Client))),
        "nobody",
        "who may call it",
    ),
    optional(
        "modules",
        Shape::List(&Shape::Text(Text::Path)),
        "none",
        "Python files that its code imports; they travel with it. No two have one file name, by which they are \
         imported",
    ),
    optional(
        "data",
        Shape::List(&Shape::Text(Text::Path)),
        "none",
        "files that its code reads; they travel with it",
    ),
    optional(
        "allow",
        Shape::Mapping(ALLOW),
        "nothing",
        "what its code may touch beyond computing; recorded, and not enforced in this version",
    ),
    optional(
        "concurrency",
        Shape::Integer(Integer::Calls),
        "left to the server",
        "how many calls run at once; 1 is exclusive access. Where a service has several tenants, one of them gets at most all but one",
    ),
    optional(
        "rpcs",
        Shape::List(&Shape::Mapping(RPC)),
        "none",
        "the procedures that it offers",
    ),
];

pub(crate) const ALLOW: &[Field] = &[
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
        "what it may read on the server's machine",
    ),
    optional(
        "write",
        Shape::List(&Shape::Text(Text::AbsolutePath)),
        "none",
        "what it may write on the server's machine",
    ),
    optional(
        "memory",
        Shape::Quantity(Quantity::Size),
        "left to the server",
        "how much memory it may have",
    ),
    optional(
        "env",
        Shape::List(&Shape::Text(Text::Variable)),
        "none",
        "environment variables of the server that it sees",
    ),
];

pub(crate) const RPC: &[Field] = &[
    required(
        "name",
        Shape::Text(Text::Name(Named::Procedure)),
        "name: rpc1",
        "what it is called; several of a service may share one, as overloads",
    ),
    optional(
        "doc",
        Shape::Text(Text::Prose),
        "none",
        "what it does; becomes the stub's documentation",
    ),
    optional("arguments", Shape::Arguments, "none", "what it takes"),
    optional("returns", Shape::Returns, "nothing", "what it returns"),
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
        "the longest that a call may take",
    ),
    optional(
        "idempotent",
        Shape::Flag,
        "`false`",
        "whether it is safe to run it twice",
    ),
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
    homes
        .into_iter()
        .find(|(fields, _)| known(fields))
        .map(|(_, home)| home)
}

const fn required(
    key: &'static str,
    shape: Shape,
    example: &'static str,
    doc: &'static str,
) -> Field {
    Field {
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
) -> Field {
    Field {
        key,
        shape,
        required: None,
        default,
        doc,
    }
}
