//! `--workers`, `--max-worker-memory`, `--worker-idle`, `--load-timeout`.

use super::{add, serving, wait};
use crate::harness::{ADD, Framing, Gate, Network, Raises, finish, number, request};

#[test]
fn a_service_runs_as_many_concurrent_calls_as_it_may_have_workers() {
    let gate = Gate::new();
    let network = serving(&gate, &["--workers", "2"]);
    for framing in Framing::BOTH {
        let mut peer = network.peer(framing);
        peer.send(wait(1));
        peer.send(wait(2));
        let [first, second] = [gate.enter(), gate.enter()];
        assert_ne!(first.pid(), second.pid());
        let queued = peer.call(add().id(3).member("deadline-ms", 100));
        Raises("Deadline Exceeded", "no", &["waiting for a worker"]).check(&queued);
        peer.send(wait(4));
        first.release();
        peer.receive();
        gate.enter().release();
        peer.receive();
        second.release();
        peer.receive();
    }
}

#[test]
fn a_call_that_needs_more_memory_than_a_worker_may_use_fails_and_the_worker_goes_on() {
    let takes = (
        "takes",
        "int",
        "int",
        "import os\n\ndef takes(mib):\n    taken = bytearray(mib << 20)\n    return os.getpid()\n",
    );
    let flags = ["--max-worker-memory", "256MiB"];
    let network = Network::with_procedures(&[takes]).served(&flags);
    let take = |id: u64, mib: u64| request("svc1", "takes").id(id).arg("int", mib);
    let mut peer = network.peer(Framing::Lines);
    let pid = number(&peer.call(take(1, 128)));
    let words = ["a worker may use 256 MiB of memory (--max-worker-memory)"];
    Raises("Execution Exception", "yes", &words).check(&peer.call(take(2, 256)));
    assert_eq!(number(&peer.call(take(3, 128))), pid);
}

#[test]
fn an_idle_worker_exits_and_the_next_call_gets_another() {
    let pid = (
        "pid",
        "",
        "int",
        "import os\n\ndef pid():\n    return os.getpid()\n",
    );
    let network = Network::with_procedures(&[pid]).served(&["--worker-idle", "50ms"]);
    let ask = || number(&network.peer(Framing::Lines).call(request("svc1", "pid")));
    let first = ask();
    network
        .server("server1")
        .wait_for_workers("no worker", std::collections::BTreeSet::is_empty);
    assert_ne!(ask(), first);
}

#[test]
fn a_source_that_does_not_load_in_time_is_refused_and_the_live_generation_stays() {
    let mut network = Network::with_procedures(&[ADD]);
    network.start("server1", &["--load-timeout", "500ms"]);
    network.apply().succeeds();
    network.write(
        "p0.py",
        "while True:\n    pass\n\ndef add(a, b):\n    return 0\n",
    );
    network
        .apply()
        .ends(1)
        .says("svc1")
        .says("did not load within 500ms (--load-timeout)");
    assert_eq!(number(&network.peer(Framing::Lines).call(add())), 5);
    network
        .server("server1")
        .wait_for_workers("the worker that never loads is gone", |workers| {
            workers.len() <= 1
        });
}

#[test]
fn a_source_that_takes_longer_to_load_than_the_deadline_is_called_eventually() {
    let gate = Gate::new();
    let slow = gate.prelude() + "def slow():\n    return 5\n";
    let mut network = Network::with_procedures(&[("slow", "", "int", &slow)]);
    network.start("server1", &["--worker-idle", "50ms", "--workers", "1"]);
    let applying = network.begin_initializer(&["apply", "init.yaml"]);
    gate.enter().release();
    finish(applying).succeeds();
    let server = network.server("server1");
    server.wait_for_workers("no worker", std::collections::BTreeSet::is_empty);
    let mut peer = network.peer(Framing::Lines);
    // The worker keeps loading after these calls have reached their deadline.
    for id in 1..=3 {
        let answer = peer.call(request("svc1", "slow").id(id).member("deadline-ms", 100));
        Raises("Deadline Exceeded", "no", &["waiting for a worker"]).check(&answer);
    }
    let loading = gate.enter();
    peer.send(request("svc1", "slow").id(4));
    // Its answer shows that the call before it waits already.
    Raises("RPC Not Found", "no", &[]).check(&peer.call(request("svc1", "none").id(5)));
    loading.release();
    assert_eq!(number(&peer.receive()), 5);
    assert!(gate.enter_now().is_none(), "another worker was started");
}
