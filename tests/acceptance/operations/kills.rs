//! Servers and initializers that are killed at any moment of an apply: a few rounds. The command
//! `cargo run --release --example load -- kills` runs two hundred.

use std::process::Child;
use std::time::Duration;

use super::values;
use crate::harness::{Gate, Network, Visitor, finish};

const ROUNDS: u64 = 8;

/// The exit status that [`finish`] reports of a program that was killed.
const KILLED: i32 = -1;

/// An apply under way, shortly before a kill.
struct Applying {
    initializer: Child,
    /// The worker of `server2` that loads the source of this apply. `None` if the kill comes at any
    /// other moment, perhaps before the apply or after it.
    loading: Option<Visitor>,
}

/// Starts an apply that makes both values `10 + round`, and waits for the moment of the kill. In an
/// odd round, `server2` has got the source and waits for a worker to load it, so that the apply
/// cannot end. In an even round, only the time decides.
fn begin_apply(network: &Network, gate: &Gate, round: u64) -> Applying {
    let source = network.write_value("two.py", 10 + round);
    network.write_value("one.py", 10 + round);
    if round % 2 == 1 {
        network.write("two.py", &(gate.prelude() + &source));
    }
    let initializer = network.begin_initializer(&["apply", "init.yaml"]);
    let loading = (round % 2 == 1).then(|| gate.enter());
    if loading.is_none() {
        // Not a wait for an event: the delay only chooses the moment of the kill.
        std::thread::park_timeout(Duration::from_millis(round * 17 % 130));
    }
    Applying {
        initializer,
        loading,
    }
}

#[test]
fn a_server_killed_during_an_apply_has_the_old_or_the_new_generation_and_the_next_apply_succeeds() {
    let gate = Gate::new();
    let mut network = Network::serving_two();
    for round in 1..=ROUNDS {
        let before = values(&network).map(|(_, value)| value);
        let Applying {
            initializer,
            loading,
        } = begin_apply(&network, &gate, round);
        network.server_mut("server2").kill();
        let finished = finish(initializer);
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
        if loading.is_some() {
            assert_eq!((finished.status, after), (1, before), "{finished:#?}");
        }
        apply_again(&network, round);
    }
}

#[test]
fn an_initializer_killed_during_an_apply_leaves_each_server_with_the_old_or_the_new_generation() {
    let gate = Gate::new();
    let network = Network::serving_two();
    for round in 1..=ROUNDS {
        let before = values(&network).map(|(_, value)| value);
        let Applying {
            mut initializer,
            loading,
        } = begin_apply(&network, &gate, round);
        let _ = initializer.kill();
        let status = finish(initializer).status;
        let after = values(&network).map(|(_, value)| value);
        for (before, after) in before.into_iter().zip(after) {
            assert!(
                after == before || after == 10 + round,
                "{before} -> {after}"
            );
        }
        if let Some(loading) = loading {
            assert_eq!(status, KILLED, "the initializer ended before the kill");
            assert_eq!(after, before);
            assert!(under_way(&network, "server2").is_some());
            loading.release();
        }
        apply_again(&network, round);
    }
}

/// Applies without a kill, and checks that both servers have the values.
#[track_caller]
fn apply_again(network: &Network, round: u64) {
    network.write_value("two.py", 10 + round);
    abort_unfinished_apply(network, "server1");
    abort_unfinished_apply(network, "server2");
    network.apply().succeeds();
    network.plan().ends(0);
    assert_eq!(values(network).map(|(_, value)| value), [10 + round; 2]);
}

/// Aborts the apply of a killed initializer, as the end of its lease would.
fn abort_unfinished_apply(network: &Network, server: &str) {
    if let Some(txn) = under_way(network, server) {
        network
            .script(server)
            .step("INIT-ABORT", &txn)
            .expect("aborted");
    }
}

/// Returns the id of the apply that is under way on a server.
fn under_way(network: &Network, server: &str) -> Option<String> {
    let status = network
        .script(server)
        .ask("INIT-STATUS", serde_json::json!({}))
        .expect("a status");
    status["lease"]["txn"].as_str().map(str::to_owned)
}
