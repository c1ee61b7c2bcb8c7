//! The blocking client: system calls on the caller's own thread, over a small pool of sessions per server.

mod pool;
mod reply;
mod session;

pub(crate) use pool::{Caller, Pool};
