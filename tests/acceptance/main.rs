//! Acceptance tests: real processes, real sockets and real Python sources, over loopback.

mod harness;

mod apply;
mod binary;
mod certificates;
mod commands;
mod deployers;
mod escapes;
mod exceptions;
mod faults;
mod identity;
mod library;
mod limits;
mod log;
mod modules;
mod native;
mod operations;
mod records;
mod refusals;
mod restart;
mod returns;
mod session;
mod stubs;
mod swap;
mod trust;
mod values;
mod workers;
