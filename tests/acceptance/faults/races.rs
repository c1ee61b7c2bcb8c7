//! Initializers that are killed, and initializers that run at the same time.

use std::sync::mpsc;

use super::proxy::Proxy;
use super::{about_to_change, values};
use crate::harness::{Network, PATIENCE, ServerProcess, eventually, finish, txn};

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
    let address = network.server("server2").address();
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
    // Other initializers reach the server directly.
    assert_ne!(proxy.place("server2"), format!("server2={address}"));
    HaltedInitializer {
        initializer,
        proxy,
        resume,
    }
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

#[test]
fn initializers_that_race_leave_one_whole_winner_or_nothing() {
    let network = about_to_change();
    let racing: Vec<_> = (0..4)
        .map(|_| network.begin_initializer(&["apply", "init.yaml"]))
        .collect();
    let ended: Vec<_> = racing.into_iter().map(finish).collect();
    for loser in ended.iter().filter(|finished| finished.status != 0) {
        let is_conflict = ["another apply is under way", "the server moved on"]
            .iter()
            .any(|words| loser.stderr.contains(words));
        assert!(loser.status == 1 && is_conflict, "{loser:#?}");
    }
    let applied = ended
        .iter()
        .filter(|finished| finished.stdout.contains("applied "))
        .count();
    assert!(applied <= 1, "{ended:#?}");
    let expected = if applied == 1 { (2, 2) } else { (1, 1) };
    assert_eq!(values(&network), [expected; 2], "{ended:#?}");
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

#[test]
fn a_lease_that_is_renewed_does_not_run_out() {
    let network = about_to_change();
    let mut script = network.script("server1");
    let manifest = script.manifest_with_source("svc1", "def value():\n    return 5\n");
    script.begin("one", 4_000, &manifest).expect("begun");
    script
        .put("one", b"def value():\n    return 5\n")
        .expect("put");
    script.step("INIT-PREPARE", "one").expect("prepared");
    let begin = std::time::Instant::now();
    while begin.elapsed() < std::time::Duration::from_secs(6) {
        script.step("INIT-RENEW", "one").expect("still under way");
        std::thread::park_timeout(std::time::Duration::from_millis(100));
    }
    script.step("INIT-COMMIT", "one").expect("committed");
    assert_eq!(network.value("server1"), (2, 5));
    let refused = script.step("INIT-RENEW", "one").expect_err("it is over");
    assert_eq!(refused["kind"], "conflict", "{refused}");
}
