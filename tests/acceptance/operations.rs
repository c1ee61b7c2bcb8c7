//! `initializer` as a tool for operators: plans in files, status, history, rollback, watch, partial
//! applies.

mod consent;
mod damage;
mod health;
mod history;
mod kills;
mod partial;
mod plans;
mod status;
mod stops;
mod watch;

use serde_json::Value;

use crate::harness::Network;

/// Applies a value to each server. Returns the apply's id.
#[track_caller]
fn apply_values(network: &Network, values: [u64; 2]) -> String {
    network.write_value("one.py", values[0]);
    network.write_value("two.py", values[1]);
    let summary = network
        .initializer(&["apply", "init.yaml", "--json"])
        .succeeds()
        .summary();
    summary["apply"].as_str().expect("an id").to_owned()
}

/// Returns the generation and the value of each server.
fn values(network: &Network) -> [(u64, u64); 2] {
    ["server1", "server2"].map(|name| network.value(name))
}

/// Returns the JSON lines of one kind of event.
fn events(lines: Vec<Value>, event: &str) -> Vec<Value> {
    lines
        .into_iter()
        .filter(|line| line["event"] == event)
        .collect()
}
