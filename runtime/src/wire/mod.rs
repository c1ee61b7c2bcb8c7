//! The protocol's bytes: bytes in, events out. No I/O, no clock, no panic on input.
//!
//! ```text
//! bytes --frame--> message text --message--> request, answer or exception
//!                                   |
//!                                  json: JSON text <-> binary values, by type
//! ```

pub mod exception;
pub mod frame;
pub mod json;
pub mod members;
pub mod message;
pub mod value;
