//! Generations that become live while a session is open: the slots of the session follow.

use super::{assert_sum, bind_add};
use crate::harness::{ADD, Frames, Gate, Network, Raises, Reply};
use crate::swap::wait_for_trees;

/// Returns a source whose `value()` returns this number.
fn source_of(value: u64) -> String {
    format!("def value():\n    return {value}\n")
}

#[test]
fn bound_is_sent_before_a_slots_first_answer_and_before_its_first_answer_after_each_apply() {
    let network = Network::serving(&[("value", "", "int", &source_of(1)), ADD]);
    let mut peer = network.binary();
    peer.send(Frames::new().bind(0, "value", &[]));
    let mut call = 0;
    for generation in 1..=4 {
        network.write("p0.py", &source_of(generation));
        network.apply().succeeds();
        for first in [true, false] {
            call += 1;
            peer.send(Frames::new().call(call, 0, ()));
            if first {
                assert_eq!(
                    peer.receive(),
                    Reply::bound(0, generation, &source_of(generation))
                );
            }
            assert_eq!(peer.receive(), Reply::int(call, generation.cast_signed()));
        }
    }
}

#[test]
fn a_call_that_runs_during_an_apply_ends_in_the_old_code_and_the_next_runs_the_new() {
    let gate = Gate::new();
    let old = gate.source_with("wait", "gate.recv(1)\n    return -number");
    let network = Network::serving(&[("wait", "int", "int", &old)]);
    let mut peer = network.binary();
    peer.send(Frames::new().bind(0, "wait", &["int"]).call(1, 0, (7_i64,)));
    let held = gate.enter();
    assert_eq!(peer.receive(), Reply::bound(0, 1, &old));
    let new = gate.source("wait");
    network.write("p0.py", &new);
    network.apply().succeeds();
    peer.send(Frames::new().call(2, 0, (7_i64,)));
    gate.enter().release();
    assert_eq!(peer.receive(), Reply::bound(0, 2, &new));
    assert_eq!(peer.returned::<i64>(), (2, 7));
    held.release();
    assert_eq!(peer.returned::<i64>(), (1, -7));
    peer.send(Frames::new().call(3, 0, (8_i64,)));
    gate.enter().release();
    assert_eq!(
        peer.receive(),
        Reply::int(3, 8),
        "no second BOUND for the same source"
    );
}

#[test]
fn a_tenant_that_is_removed_while_it_is_connected_is_refused_from_its_next_call_on() {
    let network = Network::serving(&[ADD]);
    let mut peer = network.binary();
    peer.send(bind_add());
    assert_sum(&mut peer, 1);
    let network = network.amended("tenants: [client1]", "tenants: []");
    network.apply().succeeds();
    for call in 2..4 {
        peer.send(Frames::new().call(call, 0, (2_i64, 3_i64)));
        let (refused, exception) = peer.raised();
        assert_eq!(refused, call);
        Raises(
            "Client Not Registered",
            "no",
            &["`client1` is not a tenant"],
        )
        .check_exception(&exception);
    }
    let network = network.amended("tenants: []", "tenants: [client1]");
    network.apply().succeeds();
    assert_sum(&mut peer, 4);
}

#[test]
fn a_slot_whose_procedure_is_removed_fails_and_works_again_when_it_is_restored() {
    let network = Network::serving(&[("value", "", "int", &source_of(1)), ADD]);
    let init = std::fs::read_to_string(network.path().join("init.yaml")).expect("init.yaml");
    let mut peer = network.binary();
    peer.send(bind_add());
    assert_sum(&mut peer, 1);
    let without: Vec<_> = init
        .lines()
        .filter(|line| !line.contains("name: add"))
        .collect();
    network.write("init.yaml", &without.join("\n"));
    network.apply().succeeds();
    peer.send(Frames::new().call(2, 0, (2_i64, 3_i64)));
    Raises("RPC Not Found", "no", &["`add`"]).check_exception(&peer.raised().1);
    network.write(
        "init.yaml",
        &init.replace("\"int\", \"int\"", "\"int\", \"int\", \"int\""),
    );
    network.write("p1.py", "def add(a, b, c):\n    return a + b + c\n");
    network.apply().succeeds();
    peer.send(Frames::new().call(3, 0, (2_i64, 3_i64)));
    Raises("Invalid Arguments", "no", &["no overload (int, int)"])
        .check_exception(&peer.raised().1);
    network.write("init.yaml", &init);
    network.write("p1.py", ADD.3);
    network.apply().succeeds();
    assert_sum(&mut peer, 4);
}

/// A resolved slot keeps the workers and the files of its generation alive.
#[test]
fn an_idle_session_releases_a_generation_that_is_no_longer_live() {
    let network = Network::serving(&[ADD]);
    let server = network.server("server1");
    let mut peer = network.binary();
    peer.send(bind_add());
    assert_sum(&mut peer, 1);
    let old_workers = server.workers();
    network.write("p0.py", "def add(a, b):\n    return a + b + 1\n");
    network.apply().succeeds();
    server.wait_for_workers("the old workers leave", |now| now.is_disjoint(&old_workers));
    wait_for_trees(&network.data("server1"), 1);
    assert_eq!(peer.call::<i64>(2, 0, (2_i64, 3_i64)), 6);
}
