//! [`Flavour`].

use clap::ValueEnum;

/// The runtime of a server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Flavour {
    /// No runtime: a thread for each connection.
    Threads,
    /// tokio on one thread.
    CurrentThread,
    /// tokio with as many threads as cores.
    MultiThread,
    /// The Python interpreter.
    Python,
}
