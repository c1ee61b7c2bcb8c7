//! Text sessions: for calls whose types are known only at run time, and for debugging
//! (`RPC_WIRE=text`).

mod incoming_message;
mod pool;
mod session;
mod stream;

pub(crate) use pool::TextPool;
