//! Other RPC systems in Rust, each set up as its authors recommend.

pub mod capnp;
pub mod jsonrpsee;
pub mod tarpc;
pub mod tonic;
pub mod volo;
