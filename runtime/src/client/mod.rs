//! The client: sessions to servers, and calls over them.
//!
//! | module | does |
//! |---|---|
//! | `core` | one binary session without a socket: calls in, frames out; frames in, answers out |
//! | `blocking` | system calls on the caller's own thread, for threads that share a session |
//! | `pool` | the sessions to one server |
//! | `text` | text sessions |

mod blocking;
mod connect;
mod core;
mod pool;
pub(crate) mod text;

use std::net::IpAddr;

pub(crate) use pool::Pool;

/// Who is calling, and from where.
#[derive(Debug, Clone)]
pub(crate) struct Caller {
    pub(crate) name: String,
    pub(crate) ip: IpAddr,
}
