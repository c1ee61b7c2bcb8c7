//! Python workers, forked by a zygote that holds no code of any user.
//!
//! ```text
//! server --SOCK_SEQPACKET--> zygote --fork--> worker (one service at one version, one call at a time)
//!    |                                          ^  |  |
//!    +-------------requests (pipe)--------------+  |  +--output (pipe)--> the server's log
//!    +<------------answers (pipe)------------------+
//! ```
//!
//! The Python side is in `shim/`: `rpc_zygote` forks, `rpc_worker` loads and calls, `rpc_codec`
//! reads and writes values, `rpc_records` makes the classes of records. What holds sources against
//! signatures is the crate `rpc-conformance`'s.
//!
//! A [`WorkerPool`] that nobody holds any more kills its idle workers; a busy one is killed when
//! its call has ended.

mod interpreter;
mod pool;
mod worker;
mod zygote;

pub(crate) use pool::WorkerPool;
pub(crate) use zygote::PythonEngine;
