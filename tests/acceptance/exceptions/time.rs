//! `Deadline Exceeded` for calls that are running, queued or not begun, and `Unavailable` for calls
//! beyond a limit.

use super::add;
use crate::harness::{ADD, Framing, Gate, Network, Raises, number, request};

const LOOP: (&str, &str, &str, &str) = (
    "spin",
    "",
    "",
    "def spin():\n    while True:\n        pass\n",
);

fn expired<'a>(executed: &'a str, words: &'a [&'a str]) -> Raises<'a> {
    Raises("Deadline Exceeded", executed, words)
}

#[test]
fn a_deadline_that_passes_while_the_procedure_runs_leaves_its_execution_unknown() {
    let network = Network::serving(&[ADD, LOOP]);
    for framing in Framing::BOTH {
        let mut peer = network.peer(framing);
        let answer = peer.call(
            request("svc1", "spin")
                .id("late")
                .member("deadline-ms", 400),
        );
        expired("unknown", &["deadline", "running"]).check(&answer);
        assert_eq!(answer["value"]["id"], "late");
        assert_eq!(number(&peer.call(add("svc1").id(1))), 5);
        assert_eq!(number(&network.peer(framing).call(add("svc1"))), 5);
        expired("unknown", &["running"])
            .check(&peer.call(request("svc1", "spin").member("deadline-ms", 400)));
        peer.expect_end();
    }
}

#[test]
fn a_call_that_expires_before_it_begins_is_not_executed() {
    let gate = Gate::new();
    let network = Network::with_procedures(&[("wait", "int", "int", &gate.source("wait"))])
        .amended(
            "tenants: [client1]",
            "tenants: [client1]\n    concurrency: 1",
        )
        .served(&[]);
    let wait = |id: i64| request("svc1", "wait").arg("int", id).id(id);
    for framing in Framing::BOTH {
        let mut peer = network.peer(framing);
        let zero = peer.call(wait(1).member("deadline-ms", 0));
        expired("no", &["deadline"]).check(&zero);
        assert_eq!(zero["value"]["id"], 1);
        peer.send(wait(2));
        let visitor = gate.enter();
        let queued = peer.call(wait(3).member("deadline-ms", 50));
        expired("no", &["deadline", "waiting"]).check(&queued);
        assert_eq!(queued["value"]["id"], 3);
        visitor.release();
        assert_eq!(number(&peer.receive()), 2);
        // The single worker takes calls in order: a queued call would run before this one.
        peer.send(wait(4));
        gate.enter().release();
        assert_eq!(number(&peer.receive()), 4);
        assert!(
            gate.enter_now().is_none(),
            "a call ran that was reported as not executed"
        );
    }
}

#[test]
fn calls_beyond_the_server_s_limit_are_unavailable_and_not_executed() {
    let gate = Gate::new();
    let network = Network::with_procedures(&[ADD, ("wait", "int", "int", &gate.source("wait"))])
        .served(&["--max-calls", "2"]);
    for framing in Framing::BOTH {
        let mut peer = network.peer(framing);
        let mut other = network.peer(framing);
        let wait = |id: i64| request("svc1", "wait").arg("int", id).id(id);
        peer.send(wait(1));
        peer.send(wait(2));
        let visitors = [gate.enter(), gate.enter()];
        for peer in [&mut peer, &mut other] {
            let answer = peer.call(add("svc1").id("more"));
            Raises(
                "Unavailable",
                "no",
                &["2 calls in flight, its limit (--max-calls)"],
            )
            .check(&answer);
            assert_eq!(answer["value"]["id"], "more");
        }
        let [first, second] = visitors;
        first.release();
        peer.receive();
        assert_eq!(number(&other.call(add("svc1").id(3))), 5);
        second.release();
        peer.receive();
    }
}
