//! Engines: what runs a procedure. They take and give binary values and know nothing of messages.

mod in_flight;
pub mod native;
pub mod python;
mod shares;

pub use in_flight::{InFlight, SessionLoad};
pub use shares::{Share, Shares};
