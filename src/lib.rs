//! The three programs `rpc-server`, `initializer` and `rpc-client`, as functions. A program that
//! embeds them can start itself as any of them.
//!
//! Each function takes a command line without the program's name, and returns the exit status. The
//! exit codes are: 0 done, 1 failed, 2 wrong usage, 3 there is a difference. Results go to stdout,
//! errors and notes to stderr.

pub mod client;
pub mod initializer;
pub mod server;

mod args;
mod exit_status;
mod report;
mod service_manager;
mod signals;

pub use exit_status::ExitStatus;
