//! The blocking client: system calls on the caller's own thread, over a small pool of sessions per server.

mod pool;
mod reply;
mod session;

use std::net::IpAddr;

pub(crate) use pool::Pool;

/// Who is calling, and from where.
#[derive(Debug, Clone)]
pub(crate) struct Caller {
    pub(crate) name: String,
    pub(crate) ip: IpAddr,
}
