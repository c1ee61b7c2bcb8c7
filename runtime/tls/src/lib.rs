//! Mutual TLS of this project: who a certificate names, which certificates are trusted, which are
//! revoked, and the settings of rustls for both ends of a connection.
//!
//! ```text
//! folder --Credentials::load--> credentials --> ServerTls, ClientTls --> rustls
//!                                    |
//!                                    +-- Trust: chain, identity, revocation list
//! ```
//!
//! TLS 1.3 only, with the certificates of both ends. A program checks the URI in a certificate
//! alone; host names in it are for other tools. This crate does no network I/O.

#[cfg(feature = "tokio")]
mod any_stream;
mod buffers;
mod certificate;
mod client;
mod credentials;
mod error;
mod folder;
mod identity;
#[cfg(feature = "issue")]
pub mod issue;
mod provider;
mod revocation;
mod server;
mod session;
#[cfg(feature = "issue")]
pub mod stored;
#[cfg(feature = "tokio")]
mod stream;
mod trust;

#[cfg(feature = "tokio")]
pub use any_stream::Stream;
pub use buffers::Arrivals;
pub use certificate::{Certificate, Time};
pub use client::ClientTls;
pub use credentials::{CA_FILE, CERTIFICATE_FILE, Credentials, FolderStamp, KEY_FILE, LIST_FILE};
pub use error::{Refusal, TlsError, explain, explain_refusal, is_refusal};
pub use folder::ClientFolder;
pub use identity::{Identity, NotAnIdentity, Role};
pub use revocation::RevocationList;
pub use server::{Accepting, ServerTls};
pub use session::{TlsSession, rustls_error};
#[cfg(feature = "tokio")]
pub use stream::{HandshakeError, TlsStream};
pub use trust::Trust;

pub use rustls;

/// The protocol of this project, as TLS names it (ALPN).
pub const ALPN: &[u8] = b"rpc";
