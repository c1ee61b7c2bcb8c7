//! The acceptance tests: real processes, real sockets, real Python sources, over loopback.

mod harness;

mod apply;
mod refusals;
mod exceptions;
mod session;
mod swap;
