//! Text sessions: for calls whose types are known only at run time, and for debugging (`RPC_WIRE=text`).

mod pool;
mod reply;
mod session;

pub(crate) use pool::Pool;
