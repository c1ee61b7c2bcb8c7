//! What `initializer` prints: results on stdout, for people or as JSON lines.

mod difference;
mod look;
mod outcome;
mod plan;

use rpc_schema::visible;
use serde_json::Value;

pub(super) use self::difference::differences;
pub(super) use self::look::{history, status};
pub(super) use self::outcome::{applied, failure, nothing_to_do, restarted, saved, watched};
pub(super) use self::plan::plan;
use crate::report;

/// The version of the JSON lines.
const SCHEMA: u32 = 1;

fn json_line(value: &Value) {
    let mut value = value.clone();
    value["schema"] = SCHEMA.into();
    report::out(visible(&value.to_string()));
}

fn counted(count: usize, what: &str) -> String {
    if count == 1 {
        format!("1 {what}")
    } else {
        format!("{count} {what}s")
    }
}
