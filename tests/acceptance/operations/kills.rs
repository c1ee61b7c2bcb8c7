//! Servers and initializers that are killed at any moment of an apply: a few rounds. The command
//! `cargo run --release --example load -- kills` runs two hundred.

use std::time::Duration;

use super::values;
use crate::harness::{Network, finish};

const ROUNDS: u64 = 8;

#[test]
fn a_server_killed_during_an_apply_has_the_old_or_the_new_generation_and_the_next_apply_succeeds() {
    let mut network = Network::serving_two();
    for round in 1..=ROUNDS {
        let before = values(&network).map(|(_, value)| value);
        network.write_value("one.py", 10 + round);
        network.write_value("two.py", 10 + round);
        let applying = network.begin_initializer(&["apply", "init.yaml"]);
        // Not a wait for an event: the delay only chooses the moment of the kill.
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
        check_next_apply(&network);
        assert_eq!(values(&network).map(|(_, value)| value), [10 + round; 2]);
    }
}

#[test]
fn an_initializer_killed_during_an_apply_leaves_each_server_with_the_old_or_the_new_generation() {
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
            abort_unfinished_apply(&network, name);
        }
        check_next_apply(&network);
        assert_eq!(values(&network).map(|(_, value)| value), [10 + round; 2]);
    }
}

/// Aborts the apply of a killed initializer, as the end of its lease would.
fn abort_unfinished_apply(network: &Network, server: &str) {
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
fn check_next_apply(network: &Network) {
    abort_unfinished_apply(network, "server1");
    abort_unfinished_apply(network, "server2");
    network.apply().succeeds();
    network.plan().ends(0);
}
