//! Applies that are stopped by a signal, and leases whose initializer is gone.

use std::process::Child;

use super::{apply_values, values};
use crate::harness::{Finished, Gate, Network, Visitor, eventually, finish, send_signal};

/// An apply under way.
struct Applying {
    initializer: Child,
    /// The worker of `server2` that loads the source of this apply.
    loading: Visitor,
}

/// Starts an initializer that changes both servers, and waits until `server2` loads the source.
fn begin(network: &Network, gate: &Gate, value: u64, arguments: &[&str]) -> Applying {
    network.write_value("one.py", value);
    let source = network.write_value("two.py", value);
    network.write("two.py", &(gate.prelude() + &source));
    Applying {
        initializer: network.begin_initializer(arguments),
        loading: gate.enter(),
    }
}

/// Returns the id of the apply that holds a lease, as `status` shows it.
fn id_of_lease(network: &Network) -> String {
    let status = network.initializer(&["status", "init.yaml"]).stdout;
    let id = status.split("under way: apply ").nth(1);
    let id = id.and_then(|rest| rest.split(' ').next());
    id.unwrap_or_else(|| panic!("no lease in:\n{status}"))
        .to_owned()
}

/// Returns the number of connections that `server1` has accepted so far.
fn count_connections(network: &Network) -> usize {
    let log = network.server("server1").log();
    log.iter()
        .filter(|line| line.contains(" connected "))
        .count()
}

/// Waits until `server1` has accepted so many connections.
fn await_connections(network: &Network, count: usize) {
    eventually("a connection", || {
        (count_connections(network) >= count).then_some(())
    });
}

#[test]
fn each_signal_stops_an_apply_before_the_commit_and_frees_every_server_at_once() {
    let gate = Gate::new();
    let network = Network::serving_two();
    for (round, signal) in (1..).zip(["INT", "TERM", "HUP"]) {
        let Applying {
            initializer,
            loading,
        } = begin(&network, &gate, 10 + round, &["apply", "init.yaml"]);
        send_signal(initializer.id(), signal);
        let Finished { status, stderr, .. } = finish(initializer);
        assert_eq!(status, 1, "{stderr}");
        assert!(stderr.contains("was stopped after"), "{stderr}");
        assert!(stderr.contains("nothing has changed"), "{stderr}");
        drop(loading);
        let before = values(&network).map(|(_, value)| value);
        apply_values(&network, [20 + round; 2]);
        assert_eq!(before, if round == 1 { [1, 1] } else { [19 + round; 2] });
        assert_eq!(values(&network).map(|(_, value)| value), [20 + round; 2]);
    }
}

#[test]
fn a_rollback_and_a_watch_are_stopped_as_an_apply_is() {
    let gate = Gate::new();
    let network = Network::serving_two();
    let source = network.write_value("two.py", 2);
    network.write("two.py", &(gate.prelude() + &source));
    let initializer = network.begin_initializer(&["watch", "init.yaml"]);
    let loading = gate.enter();
    send_signal(initializer.id(), "INT");
    let watch = finish(initializer);
    drop(loading);
    assert_eq!(watch.status, 1);
    watch.says("was stopped; nothing has changed");
    let begun = network.begin_initializer(&["apply", "init.yaml"]);
    gate.enter().release();
    finish(begun).succeeds();
    apply_values(&network, [3, 3]);
    // The rollback loads the source that waits at the gate.
    let initializer = network.begin_initializer(&["rollback", "init.yaml"]);
    let loading = gate.enter();
    send_signal(initializer.id(), "TERM");
    let rollback = finish(initializer);
    drop(loading);
    assert_eq!(rollback.status, 1);
    rollback.says("nothing has changed");
    assert_eq!(values(&network).map(|(_, value)| value), [3, 3]);
    network.apply().succeeds().says("nothing to do");
}

#[test]
fn a_signal_while_servers_are_not_up_ends_the_wait() {
    let mut network = Network::serving_two();
    network.server_mut("server2").kill();
    network.write_value("two.py", 5);
    let connections = count_connections(&network);
    let initializer = network.begin_initializer(&["apply", "init.yaml", "--wait", "60s"]);
    await_connections(&network, connections + 1);
    send_signal(initializer.id(), "INT");
    finish(initializer)
        .ends(1)
        .says("stopped; nothing has changed");
}

#[test]
fn unlock_breaks_the_lease_of_an_apply_whose_initializer_is_gone() {
    let gate = Gate::new();
    let network = Network::serving_two();
    let Applying {
        mut initializer,
        loading,
    } = begin(&network, &gate, 2, &["apply", "init.yaml"]);
    initializer.kill().expect("a kill");
    initializer.wait().expect("its end");
    let id = id_of_lease(&network);
    network
        .initializer(&["apply", "init.yaml"])
        .ends(1)
        .says("another apply is under way: apply ")
        .says(&format!("initializer unlock init.yaml {id}"));
    network
        .initializer(&["unlock", "init.yaml", "ffff"])
        .ends(1)
        .says("no server has a lease of an apply `ffff`; the lease is held by apply ");
    network
        .initializer(&["unlock", "init.yaml", &id[..6]])
        .succeeds()
        .says("server2: its lease is broken, and nothing has changed")
        .says(&format!("broke the lease of apply {id} by "));
    network
        .server("server2")
        .logged(&["lease broken", &id, "holder=", "by="]);
    drop(loading);
    apply_values(&network, [3, 3]);
    assert_eq!(values(&network).map(|(_, value)| value), [3, 3]);
    network
        .initializer(&["unlock", "init.yaml", &id])
        .ends(1)
        .says("no apply is under way");
}

#[test]
fn an_apply_waits_for_another_one() {
    let gate = Gate::new();
    let network = Network::serving_two();
    let Applying {
        initializer: first,
        loading,
    } = begin(&network, &gate, 2, &["apply", "init.yaml"]);
    network.write_value("two.py", 3);
    let connections = count_connections(&network);
    let second = network.begin_initializer(&["apply", "init.yaml", "--wait", "60s"]);
    // The first one renews its lease over one connection. The second one asks again and again.
    await_connections(&network, connections + 3);
    loading.release();
    finish(first).succeeds();
    finish(second).succeeds();
    assert_eq!(values(&network).map(|(_, value)| value), [2, 3]);
}

#[test]
fn the_lease_of_an_initializer_that_is_gone_ends_after_fifteen_seconds() {
    let gate = Gate::new();
    let network = Network::serving_two();
    let Applying {
        initializer: mut gone,
        loading,
    } = begin(&network, &gate, 4, &["apply", "init.yaml"]);
    gone.kill().expect("a kill");
    gone.wait().expect("its end");
    drop(loading);
    network.write_value("two.py", 5);
    network
        .initializer(&["apply", "init.yaml", "--wait", "60s"])
        .succeeds()
        .says("Waiting");
    assert_eq!(values(&network).map(|(_, value)| value), [4, 5]);
}
