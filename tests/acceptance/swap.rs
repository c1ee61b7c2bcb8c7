//! Code changes under load: no call is lost, and no answer mixes two generations.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use deploy::sha256_hex;
use serde_json::{Value, json};

use crate::harness::{Framing, Gate, Network, Peer, TWO_SERVERS, eventually, request};

/// Waits until the data folder has the source trees of `count` services and no others.
pub fn wait_for_trees(data: &Path, count: usize) {
    let folders = || {
        std::fs::read_dir(data.join("trees"))
            .expect("the folder of trees")
            .count()
    };
    eventually("the source trees of old versions are removed", || {
        (folders() == count).then_some(())
    });
}

#[test]
fn a_call_that_runs_during_a_commit_ends_on_the_old_code_and_later_calls_run_the_new_code() {
    let value = |value: u64| format!("def value():\n    return {value}\n");
    let gate = Gate::new();
    let holding =
        |version: &str| gate.source_with("hold", &format!("gate.recv(1)\n    return '{version}'"));
    let network = Network::serving(&[
        ("hold", "int", "str", &holding("old")),
        ("value", "", "int", &value(1)),
    ]);
    let server = network.server("server1");
    let old_workers = server.workers();
    let mut peer = network.peer(Framing::Lines);
    peer.send(request("svc1", "hold").arg("int", 1).id("held"));
    let visitor = gate.enter();
    network.write("p0.py", &holding("new"));
    network.write("p1.py", &value(2));
    network.apply().succeeds();
    let meanwhile = peer.call(request("svc1", "value").id("meanwhile"));
    assert_eq!(
        meanwhile["value"]["id"], "meanwhile",
        "the held call is still running"
    );
    assert_eq!(
        (
            &meanwhile["value"]["return-values"],
            &meanwhile["value"]["generation"]
        ),
        (&json!([2]), &json!(2))
    );
    visitor.release();
    let held = peer.receive();
    assert_eq!(
        (
            &held["value"]["return-values"],
            &held["value"]["generation"]
        ),
        (&json!(["old"]), &json!(1)),
        "{held}"
    );
    assert_eq!(
        held["value"]["source"],
        sha256_hex(holding("old").as_bytes())
    );
    peer.send(request("svc1", "hold").arg("int", 1).id("after"));
    gate.enter().release();
    let after = peer.receive();
    assert_eq!(after["value"]["return-values"], json!(["new"]));
    server.wait_for_workers("the old workers leave", |now| now.is_disjoint(&old_workers));
    wait_for_trees(&network.data("server1"), 1);
}

/// Makes one call after the other over one session, and sets `seen` to the generation of each
/// answer. Makes one last call after `stop` is set.
fn call_until(
    stop: &AtomicBool,
    seen: &AtomicU64,
    address: SocketAddr,
    framing: Framing,
) -> Vec<Value> {
    let mut peer = Peer::connect(address, framing);
    let mut answers = Vec::new();
    loop {
        let last = stop.load(Ordering::SeqCst);
        let answer = peer.call(request("svc1", "value").id(answers.len()));
        let generation = answer["value"]["generation"].as_u64();
        seen.store(generation.unwrap_or_default(), Ordering::SeqCst);
        answers.push(answer);
        if last {
            return answers;
        }
    }
}

/// Stops the callers, also if the test fails meanwhile.
struct StopOnDrop<'a>(&'a AtomicBool);

impl Drop for StopOnDrop<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::SeqCst);
    }
}

#[test]
fn no_call_during_ten_applies_is_lost_or_mixes_generations() {
    const VERSIONS: u64 = 11;
    let source = |version: u64| format!("VALUE = {version}\n\ndef value():\n    return VALUE\n");
    let network = Network::serving(&[("value", "", "int", &source(1))]);
    let address = network.server("server1").address();
    let stop = AtomicBool::new(false);
    let seen = [const { AtomicU64::new(0) }; Framing::BOTH.len()];
    // An apply begins once both callers run the version before.
    let wait_until_seen = |version: u64| {
        eventually("both callers run the live version", || {
            let both = seen
                .iter()
                .all(|seen| seen.load(Ordering::SeqCst) == version);
            both.then_some(())
        });
    };
    let answers = std::thread::scope(|scope| {
        let stop_callers = StopOnDrop(&stop);
        let mut seen = seen.iter();
        let callers = Framing::BOTH.map(|framing| {
            let stop = &stop;
            let seen = seen.next().expect("one for each caller");
            scope.spawn(move || call_until(stop, seen, address, framing))
        });
        for version in 2..=VERSIONS {
            wait_until_seen(version - 1);
            network.write("p0.py", &source(version));
            network.apply().succeeds();
        }
        drop(stop_callers);
        callers.map(|caller| caller.join().expect("a caller"))
    });
    let sources: BTreeMap<String, u64> = (1..=VERSIONS)
        .map(|version| (sha256_hex(source(version).as_bytes()), version))
        .collect();
    for answers in &answers {
        let mut before = 1;
        let mut versions = BTreeSet::new();
        for (id, answer) in answers.iter().enumerate() {
            let value = &answer["value"];
            assert_eq!(
                (&answer["header"], &value["id"]),
                (&json!("RPC-RES"), &json!(id)),
                "{answer}"
            );
            let generation = value["generation"].as_u64().expect("a generation");
            assert_eq!(value["return-values"], json!([generation]), "{answer}");
            assert_eq!(
                sources.get(value["source"].as_str().expect("a hash")),
                Some(&generation),
                "{answer}"
            );
            assert!(generation >= before, "back from {before}: {answer}");
            before = generation;
            versions.insert(generation);
        }
        assert!(
            versions.iter().copied().eq(1..=VERSIONS),
            "each version answers: {versions:?}"
        );
        assert_eq!(
            before, VERSIONS,
            "a call after the last apply runs the last version"
        );
    }
    network
        .server("server1")
        .wait_for_workers("one version's workers are left", |now| now.len() <= 2);
    wait_for_trees(&network.data("server1"), 1);
}

#[test]
fn services_that_do_not_change_keep_their_workers() {
    let one_server = TWO_SERVERS.replace("provider: server2", "provider: server1");
    let mut network = Network::new(&one_server);
    let pid = |version: u64| {
        format!("import os\n\ndef value():\n    return os.getpid() + 0 * {version}\n")
    };
    network.write("one.py", &pid(1));
    network.write("two.py", &pid(2));
    network.start("server1", &[]);
    network.start("server2", &[]);
    network.apply().succeeds();
    let worker = |service: &str| {
        let answer = network.ask("server1", request(service, "value"));
        answer["value"]["return-values"][0]
            .as_u64()
            .and_then(|pid| u32::try_from(pid).ok())
            .expect("a pid")
    };
    let one = worker("svc1");
    let two = worker("svc2");
    assert_eq!(
        network.server("server1").workers(),
        BTreeSet::from([one, two])
    );
    network.write("one.py", &pid(3));
    network.apply().succeeds();
    assert_eq!(worker("svc2"), two);
    assert_ne!(worker("svc1"), one);
    network
        .server("server1")
        .wait_for_workers("the old worker leaves", |now| {
            !now.contains(&one) && now.contains(&two)
        });
}

#[test]
fn many_swaps_leave_no_process_and_no_folder_behind() {
    let network = Network::serving(&[("value", "", "int", "def value():\n    return 1\n")]);
    let server = network.server("server1");
    for version in 2..12_u64 {
        network.write("p0.py", &format!("def value():\n    return {version}\n"));
        network.apply().succeeds();
        assert_eq!(network.value("server1"), (version, version));
    }
    server.wait_for_workers("one worker is left", |now| now.len() == 1);
    wait_for_trees(&network.data("server1"), 1);
    let nothing = TWO_SERVERS.replace("    server2: { ip: 127.0.0.1, port: 2 }\n", "");
    network.write(
        "init.yaml",
        nothing.split("services:").next().expect("a text"),
    );
    network.apply().succeeds();
    server.wait_for_workers(
        "a server without services has no workers",
        BTreeSet::is_empty,
    );
    wait_for_trees(&network.data("server1"), 0);
}
