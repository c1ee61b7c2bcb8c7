//! Reads and checks `init.yaml`, and defines the type language of its signatures.
//!
//! ```text
//! init.yaml --guard--> span table --shape--> values of one form --serde--> raw mirror --check--> model
//!     |         |                    |                               |                    |
//!  extends      +---------------- findings, each with its place in the text -------------+
//! ```
//!
//! [`load`] does all of these steps for a file; [`parse`] does them for a text:
//!
//! ```
//! # #[cfg(feature = "yaml")] {
//! # use std::path::Path;
//! let text = "
//! network:
//!   servers: { server1: { ip: 127.0.0.1, port: 7101 } }
//!   clients: { client1: { ip: 127.0.0.1 } }
//! services:
//!   svc1:
//!     provider: server1
//!     tenants: [clint1]
//! ";
//! let report = rpc_schema::parse(Path::new("init.yaml"), text).expect_err("a client is misspelt");
//! assert_eq!(report.findings[0].message, "unknown tenant `clint1`");
//! assert_eq!(report.findings[0].hint.as_deref(), Some("did you mean `client1`?"));
//! # }
//! ```
//!
//! This crate starts no process, opens no socket and generates no code. Without its feature `yaml`,
//! it contains only the type language ([`Type`], [`Signature`], [`Key`], [`Name`]), which stubs
//! need at run time.

pub mod name;
pub mod signature;
pub mod types;
mod visible;

#[cfg(feature = "yaml")]
pub mod breaking;
#[cfg(feature = "yaml")]
mod check;
#[cfg(feature = "yaml")]
pub mod diagnostic;
#[cfg(feature = "yaml")]
mod document;
#[cfg(feature = "yaml")]
mod guard;
#[cfg(feature = "yaml")]
pub mod json_schema;
#[cfg(feature = "yaml")]
mod layers;
#[cfg(feature = "yaml")]
pub mod model;
#[cfg(feature = "yaml")]
pub mod naming;
#[cfg(feature = "yaml")]
pub mod overloads;
#[cfg(feature = "yaml")]
mod raw;
#[cfg(feature = "yaml")]
mod read;
#[cfg(feature = "yaml")]
mod shape;
#[cfg(feature = "yaml")]
mod suggest;
#[cfg(feature = "yaml")]
mod wrap;

#[cfg(feature = "yaml")]
pub use diagnostic::{Code, ExternalPlace, Finding, Report};
#[cfg(feature = "yaml")]
pub use document::{Document, MAX_FILES, MAX_SOURCE_BYTES, SourceFolder, load, parse, parse_with};
#[cfg(feature = "yaml")]
pub use guard::{MAX_DEPTH, MAX_NODES};
#[cfg(feature = "yaml")]
pub use model::Schema;
pub use name::{Name, NameError};
#[cfg(feature = "yaml")]
pub use read::MAX_FILE_BYTES;
pub use signature::{Key, Signature};
#[cfg(feature = "yaml")]
pub use suggest::did_you_mean;
pub use types::{Enumeration, Expanded, KeyType, Record, Type, TypeError, TypeErrorKind, TypeList};
pub use visible::visible;
#[cfg(feature = "yaml")]
pub use wrap::{wrapped, wrapped_report};
