//! Every server limit that has a flag: what is accepted at the limit, and what happens beyond it.

mod answers;
mod connections;
mod dead_peers;
mod descriptors;
mod drain;
mod flags;
mod neighbours;
mod queues;
mod time;
mod workers;

use crate::harness::{ADD, Gate, Network, Request, request};

/// Returns a request for 2 + 3, without an id.
fn add() -> Request {
    request("svc1", "add").arg("int", 2).arg("int", 3)
}

/// Returns a request for `wait`, which returns `id` after it passes the gate.
fn wait(id: i64) -> Request {
    request("svc1", "wait").arg("int", id).id(id)
}

/// Serves `add`, and `wait` at this gate. The flags apply only after everything is deployed, so
/// that they do not affect the apply.
fn serving(gate: &Gate, flags: &[&str]) -> Network {
    let source = gate.source("wait");
    let mut network = Network::with_procedures(&[ADD, ("wait", "int", "int", &source)]).served(&[]);
    network.start("server1", flags);
    network
}
