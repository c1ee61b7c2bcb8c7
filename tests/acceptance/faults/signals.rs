//! Processes that are told to stop, or are stopped for a while, at any moment.

use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, Instant};

use rpc_runtime::{Error, Executed};

use super::{MARK, about_to_change, values};
use crate::harness::{
    ADD, BinaryPeer, Caller, Frames, Framing, Gate, Network, PATIENCE, Peer, Skin, Witness,
    continue_process, eventually, finish, number, request, sized, stop_process,
};

#[test]
fn a_server_that_stops_under_load_answers_each_call_or_says_whether_it_ran() {
    const THREADS_PER_SKIN: usize = 4;
    for round in 0..sized(2, 20) {
        let witness = Witness::new();
        let source = witness.source("mark");
        let mut network = Network::with_procedures(&[("mark", "int", "int", &source)])
            .served(&["--drain-timeout", "10s"]);
        let address = network.server("server1").address();
        let next = AtomicI64::new(1);
        let answered = AtomicI64::new(0);
        let outcomes = std::thread::scope(|scope| {
            let call_until_an_error = |skin| {
                let caller = Caller::new(skin, address, PATIENCE);
                let mut outcomes: Vec<(i64, Result<i64, Error>)> = Vec::new();
                loop {
                    let number = next.fetch_add(1, Ordering::SeqCst);
                    let result = caller.call(&MARK, number);
                    let is_last = result.is_err();
                    answered.fetch_add(1, Ordering::SeqCst);
                    outcomes.push((number, result));
                    if is_last {
                        return outcomes;
                    }
                }
            };
            let calling: Vec<_> = Skin::ALL
                .into_iter()
                .flat_map(|skin| [skin; THREADS_PER_SKIN])
                .map(|skin| scope.spawn(move || call_until_an_error(skin)))
                .collect();
            eventually("the server is busy", || {
                (answered.load(Ordering::SeqCst) > 100 + 37 * round).then_some(())
            });
            let begin = Instant::now();
            network.server("server1").signal("TERM");
            assert_eq!(network.server_mut("server1").wait().code(), Some(0));
            assert!(
                begin.elapsed() < Duration::from_secs(10),
                "{:?}",
                begin.elapsed()
            );
            let outcomes = calling
                .into_iter()
                .flat_map(|caller| caller.join().expect("a caller"));
            outcomes.collect::<Vec<_>>()
        });
        let runs = witness.runs();
        for (number, result) in outcomes {
            let count = runs.get(&number).copied().unwrap_or_default();
            match result {
                Ok(answer) => assert_eq!((answer, count), (number, 1)),
                Err(error) if error.executed() == Executed::No => {
                    assert_eq!(count, 0, "call {number} ran: {error}");
                }
                Err(error) => assert!(count <= 1, "call {number} ran twice: {error}"),
            }
        }
    }
}

#[test]
fn a_server_that_is_stopped_for_a_while_loses_no_session_and_no_call() {
    const SESSIONS: usize = 50;
    let pause = sized(Duration::from_millis(1500), Duration::from_mins(1));
    let gate = Gate::new();
    let wait = gate.source("wait");
    let network = Network::serving(&[ADD, ("wait", "int", "int", &wait)]);
    let add = || request("svc1", "add").arg("int", 2).arg("int", 3).id(1);
    let mut text: Vec<Peer> = (0..SESSIONS)
        .map(|_| network.peer(Framing::Framed))
        .collect();
    for peer in &mut text {
        assert_eq!(number(&peer.call(add())), 5);
    }
    let mut binary: Vec<BinaryPeer> = (0..SESSIONS).map(|_| network.binary()).collect();
    for peer in &mut binary {
        peer.send(
            Frames::new()
                .bind(0, "add", &["int", "int"])
                .bind(1, "wait", &["int"]),
        );
        assert_eq!(peer.call::<i64>(1, 0, (2_i64, 3_i64)), 5);
    }
    let mut script = network.script("server1");
    let (_, manifest) = script.status();
    script.begin("long", 300_000, &manifest).expect("begun");
    binary[0].send(Frames::new().call_within(2, 1, Some(600_000), (7_i64,)));
    let visitor = gate.enter();
    let pid = network.server("server1").pid();
    stop_process(pid);
    // What was sent meanwhile is answered afterwards.
    for peer in &mut text {
        peer.send(add());
    }
    // Not a wait for an event: the server is stopped for this time.
    let until = Instant::now() + pause;
    while let Some(left) = until.checked_duration_since(Instant::now()) {
        std::thread::park_timeout(left);
    }
    continue_process(pid);
    for peer in &mut text {
        assert_eq!(number(&peer.receive()), 5);
    }
    for peer in &mut binary[1..] {
        assert_eq!(peer.call::<i64>(2, 0, (2_i64, 3_i64)), 5);
    }
    visitor.release();
    assert_eq!(binary[0].returned::<i64>(), (2, 7));
    assert_eq!(script.outcome("long"), "in-progress");
    script.step("INIT-ABORT", "long").expect("aborted");
    let log = network.server("server1").log().join("\n");
    assert!(!log.contains("timeout"), "{log}");
}

#[test]
fn an_initializer_that_is_interrupted_at_any_moment_frees_the_servers_or_says_what_is_not_known() {
    let network = about_to_change();
    let mut random = fastrand::Rng::new();
    for round in 1..=sized(8, 200_u64) {
        let value = 10 + round;
        let before = values(&network).map(|(_, value)| value);
        network.write_value("one.py", value);
        network.write_value("two.py", value);
        let initializer = network.begin_initializer(&["apply", "init.yaml"]);
        // Not a wait for an event: the time chooses the moment of the signal.
        std::thread::park_timeout(Duration::from_millis(random.u64(..250)));
        let signal = ["INT", "TERM", "HUP", "KILL"][round as usize % 4];
        let _ = std::process::Command::new("kill")
            .args([format!("-{signal}"), initializer.id().to_string()])
            .stderr(std::process::Stdio::null())
            .status();
        let finished = finish(initializer);
        if signal == "KILL" {
            unlock(&network);
        }
        let after = values(&network).map(|(_, value)| value);
        let are_whole = after == before || after == [value; 2];
        match finished.status {
            0 => assert_eq!(after, [value; 2], "{signal}: {finished:#?}"),
            // Killed, or interrupted before it listened to signals.
            -1 => assert!(
                after
                    .iter()
                    .zip(before)
                    .all(|(after, before)| [before, value].contains(after)),
                "{signal}: {before:?} -> {after:?}"
            ),
            _ => {
                let is_told = finished.stderr.contains("unknown");
                assert!(
                    are_whole || is_told,
                    "{signal}: {before:?} -> {after:?} {finished:#?}"
                );
            }
        }
        // Nobody holds a lease any more.
        network.apply().succeeds();
        assert_eq!(values(&network).map(|(_, value)| value), [value; 2]);
    }
}

/// Breaks the lease that a killed initializer has left, if it has.
fn unlock(network: &Network) {
    for server in ["server1", "server2"] {
        let mut script = network.script(server);
        let status = script
            .ask("INIT-STATUS", serde_json::json!({}))
            .expect("a status");
        if let Some(txn) = status["lease"]["txn"].as_str() {
            script.step("INIT-ABORT", txn).expect("aborted");
        }
    }
}
