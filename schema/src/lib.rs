//! `init.yaml`, read, guarded and checked, and the type language of its signatures.
//!
//! ```text
//! init.yaml --guard--> span table --serde--> raw mirror --check--> model
//!               |                    |                    |
//!               +------ findings ----+------ findings ----+
//! ```
//!
//! This crate starts no process, opens no socket and generates no code. Without its feature `yaml` it is the type
//! language alone ([`Type`], [`Signature`], [`Key`], [`Name`]), which is what a stub needs at run time.

pub mod name;
pub mod signature;
pub mod types;

#[cfg(feature = "yaml")]
pub mod model;
#[cfg(feature = "yaml")]
pub mod naming;

pub use name::{Name, NameError};
pub use signature::{Key, Signature};
pub use types::{KeyType, Type, TypeError, TypeErrorKind, TypeList};
