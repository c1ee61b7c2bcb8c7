//! The protocol's bytes: bytes in, events out. No I/O, no clock, no panic on input.

pub mod exception;
pub mod value;
