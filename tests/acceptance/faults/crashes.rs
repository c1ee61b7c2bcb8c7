//! Connections and servers that are lost at the worst moment.

use super::proxy::{Exchange, Proxy};
use super::{about_to_change, values};
use crate::harness::{Finished, Network, eventually, txn};

/// Returns a rule that calls `act` for the first message with this header and forwards all others.
fn at_first<'a>(
    header: &'a str,
    mut act: impl FnMut(&mut Exchange<'_>) -> Option<Vec<u8>> + 'a,
) -> impl FnMut(&mut Exchange<'_>) -> Option<Vec<u8>> + 'a {
    let mut seen = false;
    move |exchange| {
        if seen || exchange.header != header {
            return exchange.forward();
        }
        seen = true;
        act(exchange)
    }
}

/// Applies through a proxy with this rule before `server2`.
fn apply_through(
    network: &mut Network,
    rule: impl FnMut(&mut Exchange<'_>) -> Option<Vec<u8>> + Send + 'static,
) -> Finished {
    let proxy = Proxy::before(network.release("server2"), rule);
    let finished =
        network.initializer(&["apply", "init.yaml", "--server", &proxy.place("server2")]);
    network.adopt("server2", proxy.end());
    finished
}

/// Applies and asserts that both servers then have the expected generations and values.
#[track_caller]
fn assert_converges(network: &Network, expected: [(u64, u64); 2]) {
    network.apply().succeeds();
    assert_eq!(values(network), expected);
    network.plan().ends(0);
}

#[test]
fn a_server_that_is_not_running_is_named_and_the_other_stays_unchanged() {
    let mut network = about_to_change();
    let address = network.server("server2").address();
    network.server_mut("server2").kill();
    let words = format!("server `server2` at {address}: connection refused (is it running?)");
    network.apply().ends(1).says(&words);
    network.plan().ends(1).says(&words);
    let last = network
        .initializer(&["apply", "init.yaml", "--json"])
        .ends(1)
        .summary();
    assert!(
        last["message"]
            .as_str()
            .expect("a message")
            .contains(&words),
        "{last}"
    );
    assert_eq!(network.value("server1"), (1, 1));
    network.start("server2", &[]);
    assert_converges(&network, [(2, 2), (2, 2)]);
}

#[test]
fn a_commit_that_never_arrived_rolls_the_other_server_back() {
    let mut network = about_to_change();
    let finished = apply_through(&mut network, at_first("INIT-COMMIT", |_| None)).ends(1);
    let finished = finished.says("server1 (generation 3): was live, and is rolled back");
    finished
        .says("server2 (generation 1): unchanged: it closed the connection")
        .says("apply again");
    assert_eq!(values(&network), [(3, 1), (1, 1)]);
    assert_converges(&network, [(4, 2), (2, 2)]);
}

#[test]
fn a_rollback_whose_answer_was_lost_is_reported_as_rolled_back() {
    let mut network = about_to_change();
    let rule = at_first("INIT-ROLLBACK", |exchange| exchange.forward().and(None));
    let first = Proxy::before(network.release("server1"), rule);
    let second = Proxy::before(
        network.release("server2"),
        at_first("INIT-COMMIT", |_| None),
    );
    let places = [
        "--server",
        &first.place("server1"),
        "--server",
        &second.place("server2"),
    ];
    let finished = network
        .initializer(&[&["apply", "init.yaml"][..], &places].concat())
        .ends(1);
    network.adopt("server1", first.end());
    network.adopt("server2", second.end());
    finished
        .says("server1 (generation 3): was live, and is rolled back")
        .says("server2 (generation 1): unchanged");
    assert_eq!(values(&network), [(3, 1), (1, 1)]);
    assert_converges(&network, [(4, 2), (2, 2)]);
}

#[test]
fn a_commit_whose_answer_was_lost_is_reported_as_live() {
    let mut network = about_to_change();
    let rule = at_first("INIT-COMMIT", |exchange| exchange.forward().and(None));
    apply_through(&mut network, rule)
        .succeeds()
        .says("server2 (generation 2): live");
    assert_eq!(values(&network), [(2, 2), (2, 2)]);
    network.apply().succeeds().says("nothing to do");
}

#[test]
fn a_server_killed_before_its_commit_stays_old_and_the_other_is_rolled_back() {
    let mut network = about_to_change();
    let data = network.data("server2");
    let rule = at_first("INIT-COMMIT", move |exchange| {
        exchange.restart(&data);
        None
    });
    let finished = apply_through(&mut network, rule).ends(1);
    finished
        .says("server1 (generation 3): was live, and is rolled back")
        .says("server2 (generation 1): unchanged: ");
    assert_eq!(values(&network), [(3, 1), (1, 1)]);
    assert_converges(&network, [(4, 2), (2, 2)]);
}

#[test]
fn a_server_killed_after_its_commit_serves_the_new_generation() {
    let mut network = about_to_change();
    let data = network.data("server2");
    let rule = at_first("INIT-COMMIT", move |exchange| {
        exchange.forward();
        exchange.restart(&data);
        None
    });
    apply_through(&mut network, rule).succeeds();
    assert_eq!(values(&network), [(2, 2), (2, 2)]);
    network.apply().succeeds().says("nothing to do");
}

#[test]
fn a_server_that_stays_lost_after_its_commit_is_reported_as_unknown() {
    let mut network = about_to_change();
    let rule = at_first("INIT-COMMIT", |exchange| {
        exchange.forward();
        exchange.server.kill();
        None
    });
    let finished = apply_through(&mut network, rule).ends(1);
    finished
        .says("server1 (generation 3): was live, and is rolled back")
        .says("server2: unknown");
    assert_eq!(network.value("server1"), (3, 1));
    network.start("server2", &[]);
    assert_eq!(
        network.value("server2"),
        (2, 2),
        "the committed generation is served"
    );
    assert_converges(&network, [(4, 2), (2, 2)]);
}

#[test]
fn a_server_lost_before_all_are_prepared_changes_nothing() {
    let mut network = about_to_change();
    for header in ["INIT-BEGIN", "INIT-PUT", "INIT-PREPARE"] {
        for killed in [false, true] {
            let before = values(&network);
            let value = before[0].1 + 1;
            network.write_value("one.py", value);
            network.write_value("two.py", value);
            let data = network.data("server2");
            let rule = at_first(header, move |exchange| {
                if killed {
                    exchange.forward();
                    exchange.restart(&data);
                }
                None
            });
            let finished = apply_through(&mut network, rule).ends(1);
            finished
                .says("unchanged, since another server failed")
                .says("unchanged: it closed the connection");
            assert_eq!(values(&network), before, "{header}");
            assert_converges(
                &network,
                before.map(|(generation, _)| (generation + 1, value)),
            );
        }
    }
}

#[test]
fn a_prepared_transaction_can_be_committed_after_the_server_was_killed() {
    let mut network = about_to_change();
    let token =
        network
            .script("server2")
            .prepare_source("txn", "svc2", "def value():\n    return 5\n");
    assert_eq!(network.script("server2").outcome("txn"), "in-progress");
    network.server_mut("server2").kill();
    network.start("server2", &[]);
    assert_eq!(network.value("server2"), (1, 1));
    assert_eq!(network.script("server2").outcome("txn"), "in-progress");
    network.apply().ends(1).says(&format!(
        "another apply is under way: apply {} by the test from 127.0.0.1",
        txn("txn")
    ));
    let mut script = network.script("server2");
    script
        .step("INIT-COMMIT", "txn")
        .expect_err("an unknown token");
    script.resume("txn", token);
    script.step("INIT-COMMIT", "txn").expect("still prepared");
    assert_eq!(network.value("server2"), (2, 5));
    assert_eq!(network.script("server2").outcome("txn"), "committed");
    assert_converges(&network, [(2, 2), (3, 2)]);
}

#[test]
fn outcomes_of_transactions_are_known_after_the_server_was_killed() {
    let mut network = about_to_change();
    let mut script = network.script("server2");
    script.prepare_source("gone", "svc2", "def value():\n    return 5\n");
    script.step("INIT-ABORT", "gone").expect("aborted");
    script.prepare_source("kept", "svc2", "def value():\n    return 6\n");
    script.step("INIT-COMMIT", "kept").expect("committed");
    let written = |network: &Network| {
        let outcomes =
            std::fs::read_to_string(network.data("server2").join("outcomes.json")).ok()?;
        ["gone", "kept"]
            .iter()
            .all(|name| outcomes.contains(&txn(name)))
            .then_some(())
    };
    eventually("the outcomes are written", || written(&network));
    network.server_mut("server2").kill();
    network.start("server2", &[]);
    let mut script = network.script("server2");
    assert_eq!(
        ["gone", "kept", "never"].map(|txn| script.outcome(txn)),
        ["aborted", "committed", "unknown"]
    );
    assert_eq!(network.value("server2"), (2, 6));
}
