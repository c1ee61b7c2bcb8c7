//! The server of `rpc-runtime`: connections to sessions to handlers, deployment, limits, drain.
//!
//! ```text
//! connection --> text | binary --> calls::dispatch --> registry --> engine
//!                    |
//!                    +--> deployment --> store
//! ```
//!
//! The registry is immutable and is replaced as a whole. A call runs to its end on the generation
//! under which it was dispatched.
//!
//! | module | holds |
//! |---|---|
//! | `server`, [`options`], [`limits`] | starting and stopping a server; its settings |
//! | `shared` | what all sessions of a server share |
//! | `resources` | whether the operating system grants what the limits may need |
//! | `connection` | what all connections have, whatever protocol they speak |
//! | `text`, `binary` | the two kinds of sessions |
//! | `trust` | the server's certificates and revocation list, read again when they change |
//! | `calls` | from a request to its answer |
//! | `registry` | the live services, handlers and clients, and how they are built |
//! | `engine` | runs procedures |
//! | `deployment`, `store` | the server's side of an apply, and its data folder |
//! | [`log`] | the log, and its limits on repeated lines |

mod binary;
mod blocking;
mod calls;
mod connection;
mod deployment;
mod engine;
#[cfg(feature = "fuzzing")]
#[doc(hidden)]
pub mod fuzzing;
pub mod limits;
pub mod log;
pub mod options;
mod registry;
mod resources;
mod server;
mod shared;
mod store;
mod text;
mod trust;

pub use limits::Limits;
pub use options::{ServerOptions, StartError};
pub use server::Server;
