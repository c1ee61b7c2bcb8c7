//! Deployments that break off, race, or lie: each server is old or new, whole, and the next apply
//! converges.

mod crashes;
mod messages;
pub mod proxy;
mod races;

use crate::harness::Network;

/// Both servers on generation 1, and both sources changed: the values are 1, and 2 after the next
/// apply.
fn about_to_change() -> Network {
    let network = Network::serving_two();
    network.write_value("one.py", 2);
    network.write_value("two.py", 2);
    network
}

/// The generation and the value of both servers.
#[track_caller]
fn values(network: &Network) -> [(u64, u64); 2] {
    ["server1", "server2"].map(|name| network.value(name))
}
