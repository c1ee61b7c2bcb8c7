//! The clients: the declared network as one process sees it, and calls through it.
//!
//! ```text
//! stub --> Network --> Resolver --> ServerEntry --> a pool of sessions --> a session --> socket
//!             |                                        ^
//!          CallOptions, CallHooks                  RetryPolicy: after each attempt, resend or fail
//! ```
//!
//! | module | does |
//! |---|---|
//! | [`network`], `builder`, `options`, `hooks` | what users set and call |
//! | [`topology`], `resolver`, `endpoint` | which server provides a service, and where it is |
//! | `retry` | decides after an attempt whether another one follows; knows no clock and no socket |
//! | `binary_pool`, `blocking` | binary sessions that threads share |
//! | `multiplexed_pool`, `multiplexed` | binary sessions that tasks share (feature `async`) |
//! | `text` | text sessions, for calls whose types are known only at run time |
//! | `tls_connect` | opens a TLS connection (feature `tls`) |
//! | `connect`, `pending_arguments`, `explain` | connecting, arguments until they are sent, failures in words |
//! | [`transport`], `async_transport`, [`mock`], [`request`], [`arg`] | what generated code is written with |

pub mod arg;
#[cfg(feature = "async")]
mod async_stream;
#[cfg(feature = "async")]
pub mod async_transport;
mod binary_pool;
mod blocking;
mod builder;
mod connect;
mod dynamic;
mod endpoint;
mod error;
mod explain;
mod hooks;
mod installed;
pub mod mock;
#[cfg(feature = "async")]
mod multiplexed;
#[cfg(feature = "async")]
mod multiplexed_pool;
pub mod network;
mod options;
mod pending_arguments;
#[cfg(feature = "async")]
pub mod request;
mod resolver;
mod retry;
mod text;
#[cfg(feature = "tls")]
mod tls_connect;
pub mod topology;
pub mod transport;

pub use builder::NetworkBuilder;
pub use dynamic::{Answer, Argument};
pub use error::{Error, ErrorKind};
pub use hooks::{CallEnd, CallHooks, CallStart};
pub use installed::installed;
pub use network::{Network, ServerHandle};
pub use options::CallOptions;
pub use topology::{StaticTopology, Topology};
