//! Deployments that break off, race, or send false messages: each server stays wholly on the old or
//! the new generation, and the next apply converges. Networks, machines and processes that fail:
//! nothing partial runs, and each caller learns what can be known.

mod clock;
mod crashes;
mod cuts;
mod disk;
mod files;
mod floods;
mod messages;
mod network;
pub mod proxy;
mod races;
mod resources;
mod signals;
mod stops;

use rpc_runtime::private::Procedure;

use crate::harness::{Network, Witness};

/// `mark`, which notes its run in a [`Witness`] and returns its number.
static MARK: Procedure = Procedure::new("svc1", "mark", &["int"], &["int"]);

/// Serves `mark` with these flags, one call at a time.
fn serve_witness(witness: &Witness, flags: &[&str]) -> Network {
    Network::with_procedures(&[("mark", "int", "int", &witness.source("mark"))])
        .amended(
            "tenants: [client1]",
            "tenants: [client1]\n    concurrency: 1",
        )
        .served(flags)
}

/// Serves both servers at generation 1 and then changes both sources. The values are 1, and become
/// 2 with the next apply.
fn about_to_change() -> Network {
    let network = Network::serving_two();
    network.write_value("one.py", 2);
    network.write_value("two.py", 2);
    network
}

/// Returns the generation and the value of both servers.
#[track_caller]
fn values(network: &Network) -> [(u64, u64); 2] {
    ["server1", "server2"].map(|name| network.value(name))
}
