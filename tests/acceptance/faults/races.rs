//! Initializers that are killed, and initializers that run at the same time.

use std::collections::BTreeSet;
use std::sync::mpsc;

use super::proxy::Proxy;
use super::{about_to_change, values};
use crate::harness::{Finished, Network, PATIENCE, Script, ServerProcess, eventually, finish, txn};

/// What an initializer says before the id of the apply that holds a lease.
const UNDER_WAY: &str = "another apply is under way: apply ";

/// An initializer that has begun a transaction on both servers and waits before `server2` prepares.
struct HaltedInitializer {
    initializer: std::process::Child,
    proxy: Proxy,
    /// Lets the initializer continue.
    resume: mpsc::Sender<()>,
}

/// Starts `initializer apply` and waits until it is about to prepare on `server2`.
fn halt_before_prepare(network: &mut Network) -> HaltedInitializer {
    let (arrive, arrival) = mpsc::channel();
    let (resume, permission) = mpsc::channel();
    let mut beside_proxy = network.script("server2");
    let proxy = Proxy::before(network.release("server2"), move |exchange| {
        if exchange.header == "INIT-PREPARE" {
            let _ = arrive.send(());
            let _ = permission.recv_timeout(PATIENCE);
        }
        exchange.forward()
    });
    let initializer =
        network.begin_initializer(&["apply", "init.yaml", "--server", &proxy.place("server2")]);
    arrival
        .recv_timeout(PATIENCE)
        .expect("an initializer that reaches INIT-PREPARE");
    assert!(
        under_way(&mut beside_proxy).is_some(),
        "who reaches the server beside the proxy finds the transaction"
    );
    HaltedInitializer {
        initializer,
        proxy,
        resume,
    }
}

/// Returns a description of the apply that is under way on a server.
#[track_caller]
fn under_way(script: &mut Script) -> Option<String> {
    let status = script
        .ask("INIT-STATUS", serde_json::json!({}))
        .expect("a status");
    status["lease"]["holder"].as_str().map(str::to_owned)
}

#[test]
fn an_initializer_that_meets_another_apply_names_it_and_changes_nothing() {
    let mut network = about_to_change();
    let direct = format!("server2={}", network.server("server2").address());
    let HaltedInitializer {
        initializer,
        proxy,
        resume,
    } = halt_before_prepare(&mut network);
    let loser = network
        .initializer(&["apply", "init.yaml", "--server", &direct])
        .ends(1);
    let loser = loser
        .says("another apply is under way: apply ")
        .says("from 127.0.0.1 holds the lease for");
    resume.send(()).expect("a halted initializer");
    let winner = finish(initializer).succeeds();
    network.adopt("server2", proxy.end());
    let id = winner
        .stdout
        .split("applied ")
        .nth(1)
        .and_then(|rest| rest.split(':').next())
        .expect("an id");
    assert!(loser.stderr.contains(id), "{id}\n{loser:#?}");
    assert_eq!(values(&network), [(2, 2), (2, 2)]);
    network.apply().succeeds().says("nothing to do");
}

#[test]
fn the_transaction_of_a_killed_initializer_blocks_others_until_it_is_aborted() {
    let mut network = about_to_change();
    let direct = format!("server2={}", network.server("server2").address());
    let HaltedInitializer {
        mut initializer,
        proxy,
        resume,
    } = halt_before_prepare(&mut network);
    initializer.kill().expect("a kill");
    initializer.wait().expect("its end");
    resume.send(()).expect("a proxy");
    let busy = network
        .initializer(&["apply", "init.yaml", "--server", &direct])
        .ends(1);
    let holder = busy
        .stderr
        .split("is under way: apply ")
        .nth(1)
        .expect("the holder");
    let txn = holder.split(' ').next().expect("its id");
    network.adopt("server2", proxy.end());
    assert_eq!(values(&network), [(1, 1), (1, 1)]);
    for name in ["server1", "server2"] {
        let mut script = network.script(name);
        eventually("the sources are loaded", || {
            (script.outcome(txn) == "in-progress").then_some(())
        });
        assert_eq!(
            script.step("INIT-ABORT", txn).expect("aborted")["outcome"]["state"],
            "aborted"
        );
    }
    network.apply().succeeds();
    assert_eq!(values(&network), [(2, 2), (2, 2)]);
}

#[test]
fn a_lease_that_runs_out_frees_the_server() {
    let network = about_to_change();
    let mut script = network.script("server1");
    let manifest = script.manifest_with_source("svc1", "def value():\n    return 5\n");
    script.begin("long", u64::MAX, &manifest).expect("begun");
    network.apply().ends(1).says(&format!(
        "another apply is under way: apply {} by the test from 127.0.0.1 holds the lease for",
        txn("long")
    ));
    assert_eq!(values(&network), [(1, 1), (1, 1)]);
    let left = script.begin("other", 1, &manifest).expect_err("busy")["message"].to_string();
    let left: u64 = left
        .split(" ms more")
        .next()
        .and_then(|text| text.rsplit(' ').next())
        .expect("a number")
        .parse()
        .expect("a number");
    assert!(
        (290_000..=300_000).contains(&left),
        "no lease is longer than 300 s: {left}"
    );
    script.step("INIT-ABORT", "long").expect("aborted");
    script.begin("short", 100, &manifest).expect("begun");
    eventually("the lease runs out", || {
        (script.outcome("short") == "aborted").then_some(())
    });
    network
        .server("server1")
        .logged(&["apply aborted", &txn("short"), "its lease ran out"]);
    let late = script
        .put("short", b"def value():\n    return 5\n")
        .expect_err("too late");
    assert_eq!(
        late["message"],
        format!(
            "transaction {} is not under way here: its lease ran out, or it never began",
            txn("short")
        )
    );
    network.apply().succeeds();
    assert_eq!(values(&network), [(2, 2), (2, 2)]);
}

/// Lets four initializers apply at the same time. Checks that each of them succeeds or is refused
/// by another one, and that at most one of them applies.
#[track_caller]
fn race(network: &Network, arguments: &[&str]) -> Vec<Finished> {
    let arguments = [&["apply", "init.yaml"], arguments].concat();
    let racing: Vec<_> = (0..4)
        .map(|_| network.begin_initializer(&arguments))
        .collect();
    let ended: Vec<_> = racing.into_iter().map(finish).collect();
    for loser in ended.iter().filter(|finished| finished.status != 0) {
        let is_conflict = [UNDER_WAY, "the server moved on"]
            .iter()
            .any(|words| loser.stderr.contains(words));
        assert!(loser.status == 1 && is_conflict, "{loser:#?}");
    }
    assert!(count_applied(&ended) <= 1, "{ended:#?}");
    ended
}

fn count_applied(ended: &[Finished]) -> usize {
    ended
        .iter()
        .filter(|finished| finished.stdout.contains("applied "))
        .count()
}

/// The first initializer that begins holds the only lease, so that nobody can stop it.
#[test]
fn of_initializers_that_race_for_one_server_exactly_one_wins() {
    let network = about_to_change();
    let ended = race(&network, &["--only", "server1"]);
    assert_eq!(count_applied(&ended), 1, "{ended:#?}");
    assert_eq!(values(&network), [(2, 2), (1, 1)], "{ended:#?}");
}

/// An initializer that begins first on both servers wins. If nobody does, each lease holder was
/// refused by the holder of the other lease.
#[test]
fn initializers_that_race_for_two_servers_leave_one_whole_winner_or_hold_a_lease_each() {
    let network = about_to_change();
    let ended = race(&network, &[]);
    if count_applied(&ended) == 1 {
        assert_eq!(values(&network), [(2, 2); 2], "{ended:#?}");
    } else {
        let holders: BTreeSet<&str> = ended
            .iter()
            .flat_map(|loser| loser.stderr.split(UNDER_WAY).skip(1))
            .map(|holder| holder.split(' ').next().expect("an id"))
            .collect();
        assert!(holders.len() >= 2, "nobody stopped {holders:?}: {ended:#?}");
        assert!(ended.iter().all(|loser| loser.status == 1), "{ended:#?}");
        assert_eq!(values(&network), [(1, 1); 2], "{ended:#?}");
    }
    network.apply().succeeds();
    assert_eq!(values(&network), [(2, 2); 2]);
}

#[test]
fn a_server_started_twice_on_one_folder_does_not_disturb_the_first() {
    let network = about_to_change();
    let words = ServerProcess::try_start(&network.data("server1"), &[])
        .err()
        .expect("a folder in use");
    assert!(words.contains("another server is using it"), "{words}");
    network.apply().succeeds();
    assert_eq!(values(&network), [(2, 2); 2]);
}

/// The lease on `server2` is as long, begins later, and is not renewed.
#[test]
fn a_lease_that_is_renewed_outlasts_one_that_is_not() {
    const LEASE_MS: u64 = 4_000;
    let network = about_to_change();
    let mut script = network.script("server1");
    let manifest = script.manifest_with_source("svc1", "def value():\n    return 5\n");
    script.begin("one", LEASE_MS, &manifest).expect("begun");
    script
        .put("one", b"def value():\n    return 5\n")
        .expect("put");
    script.step("INIT-PREPARE", "one").expect("prepared");
    let mut other = network.script("server2");
    let manifest = other.manifest_with_source("svc2", "def value():\n    return 5\n");
    other.begin("two", LEASE_MS, &manifest).expect("begun");
    eventually("the other lease runs out", || {
        script.step("INIT-RENEW", "one").expect("still under way");
        (other.outcome("two") == "aborted").then_some(())
    });
    script.step("INIT-COMMIT", "one").expect("committed");
    assert_eq!(network.value("server1"), (2, 5));
    let refused = script.step("INIT-RENEW", "one").expect_err("it is over");
    assert_eq!(refused["kind"], "conflict", "{refused}");
}
