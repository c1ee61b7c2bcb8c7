//! Engines: what runs a source. They take and give binary values and know nothing of messages.

pub mod python;
