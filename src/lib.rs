//! The three programs, `rpc-server`, `initializer` and `rpc-client`, as functions, so that a
//! program which embeds them can start itself as any of them.
//!
//! Each takes its command line (without the program's name) and returns its exit code: 0 done, 1
//! failed, 2 wrong usage, 3 there is a difference. Results go to stdout, words for people to
//! stderr.

pub mod client;
pub mod initializer;
pub mod server;

mod args;
mod report;

pub use args::ExitStatus;
