//! Python workers. They are forked by a zygote: a Python process that has loaded no code of a
//! service.
//!
//! ```text
//! server --SOCK_SEQPACKET--> zygote --fork--> worker (one service at one version, one call at a time)
//!    |                                          ^  |  |
//!    +-------------requests (pipe)--------------+  |  +--output (pipe)--> the server's log
//!    +<------------answers (pipe)------------------+
//! ```
//!
//! The Python side is in `shim/`: `rpc_zygote` forks, `rpc_worker` loads and calls, `rpc_codec`
//! reads and writes values, `rpc_records` makes the classes of records, `rpc_names` names classes,
//! `rpc_modules` says what sources can import, `rpc_process` sets the process back after a call.
//! The crate `rpc-conformance` has the code that checks sources against their signatures.
//!
//! Dropping a [`WorkerPool`] kills its idle workers. A busy worker keeps the pool alive until its
//! call has ended.

mod interpreter;
mod pool;
pub(crate) mod worker;
mod zygote;

pub(crate) use pool::WorkerPool;
pub(crate) use zygote::PythonEngine;
