//! Callers that disconnect during a call: their worker is used again or replaced, and a further
//! call may run.

use super::{PID, exclusive, pid};
use crate::harness::{Framing, Gate, Peer, number, request};

type Disconnect = fn(Peer);

const DISCONNECTS: [Disconnect; 2] = [drop, Peer::reset];

#[test]
fn the_worker_of_a_caller_that_disconnects_finishes_and_is_used_again() {
    let gate = Gate::new();
    let network = exclusive(&[PID, ("wait", "int", "int", &gate.source("wait"))]);
    for framing in Framing::BOTH {
        for disconnect in DISCONNECTS {
            let mut peer = network.peer(framing);
            peer.send(request("svc1", "wait").arg("int", 1).id(1));
            let visitor = gate.enter();
            let worker = i64::from(visitor.pid());
            disconnect(peer);
            let mut next = network.peer(framing);
            next.send(pid());
            visitor.release();
            assert_eq!(number(&next.receive()), worker);
        }
    }
}

#[test]
fn the_worker_of_a_caller_that_disconnects_is_killed_at_the_deadline() {
    let gate = Gate::new();
    let network = exclusive(&[PID, ("wait", "int", "int", &gate.source("wait"))]);
    for framing in Framing::BOTH {
        for disconnect in DISCONNECTS {
            let mut peer = network.peer(framing);
            peer.send(
                request("svc1", "wait")
                    .arg("int", 1)
                    .id(1)
                    .member("deadline-ms", 400),
            );
            let visitor = gate.enter();
            let worker = i64::from(visitor.pid());
            disconnect(peer);
            assert_ne!(number(&network.peer(framing).call(pid())), worker);
            visitor.expect_death();
        }
    }
}

#[test]
fn the_queued_call_of_a_caller_that_disconnects_is_not_run() {
    let gate = Gate::new();
    let network = exclusive(&[PID, ("wait", "int", "int", &gate.source("wait"))]);
    for framing in Framing::BOTH {
        let mut first = network.peer(framing);
        first.send(request("svc1", "wait").arg("int", 1).id(1));
        let visitor = gate.enter();
        let mut queued = network.peer(framing);
        queued.send(
            request("svc1", "wait")
                .arg("int", 2)
                .id(2)
                .member("deadline-ms", 60_000),
        );
        let address = queued.local_addr().to_string();
        queued.reset();
        network.server("server1").logged(&["closed", &address]);
        visitor.release();
        assert_eq!(number(&first.receive()), 1);
        assert!(number(&network.peer(framing).call(pid())) > 0);
        assert!(
            gate.enter_now().is_none(),
            "the call of a disconnected caller ran"
        );
    }
}
