//! What `initializer` prints: results on stdout, as text for people or as JSON lines.

mod difference;
mod look;
mod outcome;
mod plan;

use rpc_schema::visible;
use serde_json::Value;

pub(super) use self::difference::differences;
pub(super) use self::look::{history, status};
pub(super) use self::outcome::{
    applied, error, nothing_to_do, restarted, saved, unlocked, watch_outcome,
};
pub(super) use self::plan::{plan, plan_as_commands};
use crate::report;

/// Version of the JSON lines. It is their member `schema`.
const JSON_VERSION: u32 = 1;

/// How plans and their outcome are printed.
#[derive(Debug, Clone, Copy)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "they are flags of the command line"
)]
pub(super) struct PrintOptions {
    pub(super) json: bool,
    pub(super) verbose: bool,
    /// Whether the servers that were removed from the file are emptied.
    pub(super) retire: bool,
    /// Whether the marks of a plan are explained.
    pub(super) legend: bool,
}

pub(super) fn json_line(value: &Value) {
    let mut value = value.clone();
    value["schema"] = JSON_VERSION.into();
    report::out(visible(&value.to_string()));
}

/// Returns a number with its noun, such as `1 server` or `2 servers`.
pub(super) fn counted(count: usize, noun: &str) -> String {
    if count == 1 {
        format!("1 {noun}")
    } else {
        format!("{count} {noun}s")
    }
}
