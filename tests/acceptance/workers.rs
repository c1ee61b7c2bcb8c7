//! Python workers: which worker runs which call, and what a procedure may do to its own process.

mod callers;
mod deaths;
mod imports;
mod output;
mod process;

use std::collections::BTreeSet;

use crate::harness::{ADD, Framing, Gate, Network, Request, Visitor, number, request, returned};

const PID: (&str, &str, &str, &str) = (
    "pid",
    "",
    "int",
    "import os\n\ndef pid():\n    return os.getpid()\n",
);

/// Returns a request for `add(2, 3)`.
fn add() -> Request {
    request("svc1", "add").arg("int", 2).arg("int", 3)
}

fn pid() -> Request {
    request("svc1", "pid").id("pid")
}

/// Starts a network whose service has a concurrency of 1, hence a single worker.
fn exclusive(procedures: &[(&str, &str, &str, &str)]) -> Network {
    Network::with_procedures(procedures)
        .amended(
            "tenants: [client1]",
            "tenants: [client1]\n    concurrency: 1",
        )
        .served(&[])
}

#[test]
fn eight_clients_at_once_get_their_own_answers() {
    let network = Network::serving(&[(
        "echo",
        "str, int",
        "str, int",
        "def echo(name, turn):\n    return name, turn\n",
    )]);
    std::thread::scope(|scope| {
        for client in 0..8 {
            let mut peer = network.peer(Framing::BOTH[client % 2]);
            scope.spawn(move || {
                let name = format!("client {client}").repeat(client * 100 + 1);
                for turn in 0..50 {
                    let answer = peer.call(
                        request("svc1", "echo")
                            .arg("str", name.as_str())
                            .arg("int", turn)
                            .id(turn),
                    );
                    assert_eq!(returned(&answer), &serde_json::json!([name, turn]));
                }
            });
        }
    });
}

#[test]
fn a_thousand_calls_run_in_a_few_workers_that_stay() {
    let network = Network::serving(&[PID]);
    let mut peer = network.peer(Framing::Framed);
    let mut batch = || -> BTreeSet<i64> {
        let requests = peer.framed(&pid().to_string()).repeat(500);
        peer.send_bytes(&requests);
        (0..500).map(|_| number(&peer.receive())).collect()
    };
    let first = batch();
    assert!(
        first.len() <= 16,
        "more processes than --workers: {first:?}"
    );
    let second = batch();
    let running = network.server("server1").workers();
    let all = |pids: &BTreeSet<i64>| {
        pids.iter()
            .all(|pid| running.contains(&u32::try_from(*pid).expect("a pid")))
    };
    assert!(
        all(&first) && all(&second) && running.len() <= 16,
        "{first:?} {second:?} {running:?}"
    );
}

#[test]
fn sequential_calls_run_in_the_same_worker() {
    let network = Network::serving(&[PID]);
    let mut peer = network.peer(Framing::Lines);
    let pids: BTreeSet<i64> = (0..100).map(|_| number(&peer.call(pid()))).collect();
    assert_eq!(pids.len(), 1);
}

#[test]
fn calls_that_wait_do_not_delay_calls_of_their_own_or_another_service() {
    let gate = Gate::new();
    let network = Network::with_procedures(&[ADD, ("wait", "int", "int", &gate.source("wait"))])
        .amended("services:\n", "services:\n  svc2:\n    provider: server1\n    tenants: [client1]\n    rpcs:\n      - { name: add, arguments: [int, int], returns: int, path: p0.py }\n")
        .served(&["--workers", "6"]);
    let mut peer = network.peer(Framing::Framed);
    let mut send = |id: i64| peer.send(request("svc1", "wait").arg("int", id).id(id));
    (0..5).for_each(&mut send);
    let mut visitors: Vec<_> = (0..5).map(|_| gate.enter()).collect();
    for framing in Framing::BOTH {
        assert_eq!(number(&network.peer(framing).call(add())), 5);
    }
    send(5);
    visitors.push(gate.enter());
    let mut other = network.peer(Framing::Lines);
    assert_eq!(
        number(&other.call(request("svc2", "add").arg("int", 2).arg("int", 3))),
        5
    );
    visitors.into_iter().for_each(Visitor::release);
    let ids: BTreeSet<i64> = (0..6).map(|_| number(&peer.receive())).collect();
    assert_eq!(ids, (0..6).collect());
}

#[test]
fn a_concurrency_of_one_gives_each_call_exclusive_access() {
    let source = "import os\n\ncount = 0\n\ndef step():\n    global count\n    seen = count\n    os.sched_yield()\n    \
                  count = seen + 1\n    return count\n";
    let network = exclusive(&[("step", "", "int", source)]);
    let counts: Vec<i64> = std::thread::scope(|scope| {
        let count = |client: usize| {
            let mut peer = network.peer(Framing::BOTH[client % 2]);
            move || {
                (0..25)
                    .map(|id| number(&peer.call(request("svc1", "step").id(id))))
                    .collect::<Vec<_>>()
            }
        };
        let clients: Vec<_> = (0..8).map(|client| scope.spawn(count(client))).collect();
        clients
            .into_iter()
            .flat_map(|client| client.join().expect("a client"))
            .collect()
    });
    assert_eq!(
        counts.iter().copied().collect::<BTreeSet<_>>(),
        (1..=200).collect(),
        "{counts:?}"
    );
}
