//! Other RPC systems from Rust, each set up as its authors would have it.

pub mod capnp;
pub mod jsonrpsee;
pub mod tarpc;
pub mod tonic;
pub mod volo;
