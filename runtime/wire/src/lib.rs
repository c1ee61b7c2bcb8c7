//! The protocol's bytes: bytes in, events out. No I/O, no clock, no panic on invalid input.
//!
//! ```text
//! bytes --frame--> message text --message--> request, answer or exception
//!                                   |
//!                                  json: JSON text <-> binary values, by type
//!
//! bytes --inbox--> frame --link--> binary message --outbox--> bytes
//!                                   |
//!                                  calls: which call an answer belongs to, at either end
//! ```

#![cfg_attr(
    not(test),
    deny(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic,
        clippy::indexing_slicing,
        clippy::arithmetic_side_effects
    )
)]

pub mod binary;
pub mod block;
pub mod calls;
pub mod check;
pub mod exception;
pub mod frame;
pub mod inbox;
pub mod json;
pub mod keep_alive;
pub mod link;
pub mod members;
pub mod message;
mod message_writer;
pub mod outbox;
pub mod procedure;
pub mod sniff;
pub mod value;

/// Maximum time until the first message of a server on a connection: its HELLO, its `RPC-PONG`, or
/// its answer to `INIT-CHALLENGE`.
pub const GREETING_TIMEOUT: std::time::Duration = std::time::Duration::from_secs(5);

/// Maximum time of a call, whatever its deadline: a year. An end that is later than this may be
/// beyond what a clock can tell.
pub const LONGEST_CALL: std::time::Duration = std::time::Duration::from_hours(24 * 366);
