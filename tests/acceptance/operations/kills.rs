//! Servers and initializers that are killed at any instant of an apply: a moment of what
//! `cargo run --release --example kills` does two hundred times.

use std::time::Duration;

use super::values;
use crate::harness::{Network, finish};

const ROUNDS: u64 = 8;

#[test]
fn a_server_killed_at_any_instant_is_old_or_new_and_the_next_apply_converges() {
    let mut network = Network::serving_two();
    for round in 1..=ROUNDS {
        let before = values(&network).map(|(_, value)| value);
        network.write_value("one.py", 10 + round);
        network.write_value("two.py", 10 + round);
        let applying = network.begin_initializer(&["apply", "init.yaml"]);
        // What is awaited here is no event but an instant.
        std::thread::park_timeout(Duration::from_millis(round * 17 % 130));
        network.server_mut("server2").kill();
        let finished = finish(applying);
        network.start("server2", &[]);
        let after = values(&network).map(|(_, value)| value);
        for (before, after) in before.into_iter().zip(after) {
            assert!(
                after == before || after == 10 + round,
                "{before} -> {after}\n{finished:#?}"
            );
        }
        assert!(
            finished.status == 1 || after == [10 + round; 2],
            "{finished:#?}"
        );
        eventually_applies(&network);
        assert_eq!(values(&network).map(|(_, value)| value), [10 + round; 2]);
    }
}

#[test]
fn an_initializer_killed_at_any_instant_leaves_each_server_old_or_new() {
    let network = Network::serving_two();
    for round in 1..=ROUNDS {
        let before = values(&network).map(|(_, value)| value);
        network.write_value("one.py", 10 + round);
        network.write_value("two.py", 10 + round);
        let mut applying = network.begin_initializer(&["apply", "init.yaml"]);
        std::thread::park_timeout(Duration::from_millis(round * 17 % 130));
        let _ = applying.kill();
        finish(applying);
        let after = values(&network).map(|(_, value)| value);
        for (before, after) in before.into_iter().zip(after) {
            assert!(
                after == before || after == 10 + round,
                "{before} -> {after}"
            );
        }
        for name in ["server1", "server2"] {
            abort_what_is_left(&network, name);
        }
        eventually_applies(&network);
        assert_eq!(values(&network).map(|(_, value)| value), [10 + round; 2]);
    }
}

/// What a killed initializer held is given free, as its lease would.
fn abort_what_is_left(network: &Network, server: &str) {
    let mut script = network.script(server);
    let status = script
        .ask("INIT-STATUS", serde_json::json!({}))
        .expect("a status");
    if let Some(under_way) = status["under-way"].as_str() {
        let txn = under_way.split(' ').nth(1).expect("an id");
        script.step("INIT-ABORT", txn).expect("aborted");
    }
}

#[track_caller]
fn eventually_applies(network: &Network) {
    abort_what_is_left(network, "server1");
    abort_what_is_left(network, "server2");
    network.apply().succeeds();
    network.plan().ends(0);
}
