//! The acceptance tests: real processes, real sockets, real Python sources, over loopback.

mod harness;

mod apply;
mod deployers;
mod exceptions;
mod faults;
mod modules;
mod refusals;
mod restart;
mod returns;
mod session;
mod swap;
mod values;
