//! The server of `rpc-runtime`: connections to sessions to handlers, deployment, limits, drain.
//!
//! ```text
//! connection --> text | binary --> calls::dispatch --> registry --> engine
//!                    |
//!                    +--> deployment --> store
//! ```
//!
//! The registry is immutable and swapped whole: a call runs to its end on the generation it was
//! dispatched under.
//!
//! | module | holds |
//! |---|---|
//! | `server`, [`options`], [`limits`] | starting and stopping, and what is set |
//! | `connection` | what every connection has, whatever it speaks |
//! | `text`, `binary` | the two kinds of sessions |
//! | `calls` | from a request to its answer |
//! | `registry` | what is live: services, handlers, clients; and how it is built |
//! | `engine` | what runs a procedure |
//! | `deployment`, `store` | the server's side of an apply, and its data folder |
//! | [`log`] | the log, and how many lines of it anything may cause |

mod binary;
mod calls;
mod connection;
mod deployment;
mod engine;
pub mod limits;
pub mod log;
pub mod options;
mod registry;
mod server;
mod store;
mod text;

pub use limits::Limits;
pub use options::{ServerOptions, StartError};
pub use server::Server;
