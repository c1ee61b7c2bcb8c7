//! Every limit of a server that has a flag: what passes at the limit, and what happens beyond it.

mod answers;
mod connections;
mod descriptors;
mod drain;
mod flags;
mod neighbours;
mod queues;
mod time;
mod workers;

use crate::harness::{Gate, Network, Request, request};

const ADD: (&str, &str, &str, &str) = (
    "add",
    "int, int",
    "int",
    "def add(a, b):\n    return a + b\n",
);

/// 2 + 3.
fn add() -> Request {
    request("svc1", "add").arg("int", 2).arg("int", 3)
}

/// A call that waits at the gate, and its id.
fn wait(id: i64) -> Request {
    request("svc1", "wait").arg("int", id).id(id)
}

/// `add`, and `wait` at this gate. The flags hold once everything is deployed and nobody is
/// connected.
fn serving(gate: &Gate, flags: &[&str]) -> Network {
    let source = gate.source("wait");
    let mut network = Network::with_procedures(&[ADD, ("wait", "int", "int", &source)]).served(&[]);
    network.start("server1", flags);
    network
}
