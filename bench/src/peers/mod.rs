//! Other RPC systems from Rust, each set up as its authors would have it.

pub mod tarpc;
