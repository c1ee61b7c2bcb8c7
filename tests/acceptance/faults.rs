//! Deployments that break off, race, or send false messages. Each server stays wholly on the old or
//! the new generation, and the next apply converges.

mod crashes;
mod messages;
pub mod proxy;
mod races;
mod stops;

use crate::harness::Network;

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
