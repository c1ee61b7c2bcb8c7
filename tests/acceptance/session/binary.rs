//! Binary sessions: events while calls are under way.

use wire::exception::Exception;

use crate::harness::{
    ADD, BinaryPeer, COUNT, Frames, Framing, Gate, HELLO, Network, Raises, Reply, eventually,
    number, request,
};

/// Opens a session of `client1` with `server1`.
#[track_caller]
fn session(network: &Network) -> BinaryPeer {
    let address = network.server("server1").address();
    let mut peer = BinaryPeer::connect_without_hello([127, 0, 0, 1], address);
    assert_eq!(peer.greet(&HELLO), "server1");
    peer
}

/// Returns a BIND of a procedure that returns an `int`.
fn bind(slot: u32, rpc: &str, arguments: &[&str]) -> Frames {
    Frames::new().bind_returning(slot, rpc, arguments, &["int"])
}

/// Asserts that the next message is this exception of a call.
#[track_caller]
fn expect_raised(peer: &mut BinaryPeer, call: u64, expected: Raises<'_>) -> Exception {
    match peer.receive() {
        Reply::Exception(raised, exception) => {
            assert_eq!(raised, call, "{exception:?}");
            expected.check_exception(&exception);
            exception
        }
        other => panic!("not an exception: {other:?}"),
    }
}

#[test]
fn a_cancelled_call_is_answered_once_with_whether_it_began() {
    let gate = Gate::new();
    let source = gate.source("wait");
    let network = Network::with_procedures(&[("wait", "int", "int", &source)])
        .amended(
            "tenants: [client1]",
            "tenants: [client1]\n    concurrency: 1",
        )
        .served(&[]);
    let mut client = session(&network);
    client.send(bind(0, "wait", &["int"]));
    client.send(Frames::new().call(1, 0, (10_i64,)));
    let visitor = gate.enter();
    assert_eq!(client.receive(), Reply::bound(0, 1, &source));
    client.send(Frames::new().call(2, 0, (20_i64,)));
    client.send(Frames::new().cancel(2));
    expect_raised(&mut client, 2, Raises("Cancelled", "no", &[]));
    client.send(Frames::new().cancel(1));
    expect_raised(&mut client, 1, Raises("Cancelled", "unknown", &[]));
    visitor.release();
    client.send(Frames::new().call(3, 0, (30_i64,)));
    gate.enter().release();
    assert_eq!(client.receive(), Reply::int(3, 30));
    for call in [1, 2, 3, 4] {
        client.send(Frames::new().cancel(call));
    }
    client.send(Frames::new().ping(7));
    assert_eq!(client.receive(), Reply::Pong(7));
}

#[test]
fn a_slots_next_call_uses_the_live_generation_and_running_calls_end_on_their_own() {
    let gate = Gate::new();
    let wait = gate.source("wait");
    let old = "def number():\n    return 1\n";
    let network = Network::serving(&[("wait", "int", "int", &wait), ("number", "", "int", old)]);
    let mut client = session(&network);
    client.send(bind(0, "number", &[]));
    client.send(bind(1, "wait", &["int"]));
    client.send(bind(2, "later", &[]));
    client.send(Frames::new().call(1, 0, ()));
    assert_eq!(
        (client.receive(), client.receive()),
        (Reply::bound(0, 1, old), Reply::int(1, 1))
    );
    client.send(Frames::new().call(2, 2, ()));
    expect_raised(&mut client, 2, Raises("RPC Not Found", "no", &[]));
    client.send(Frames::new().call(3, 1, (30_i64,)));
    let visitor = gate.enter();
    assert_eq!(client.receive(), Reply::bound(1, 1, &wait));
    let later = "def later():\n    return 9\n";
    let number = network.write("p1.py", "def number():\n    return 2\n");
    network.write("later.py", later);
    let network = network.amended(
        "    rpcs:\n",
        "    rpcs:\n      - { name: later, returns: int, path: later.py }\n",
    );
    network.apply().succeeds();
    client.send(Frames::new().call(4, 0, ()));
    let number = std::fs::read_to_string(number).expect("a source");
    assert_eq!(
        (client.receive(), client.receive()),
        (Reply::bound(0, 2, &number), Reply::int(4, 2))
    );
    client.send(Frames::new().call(5, 2, ()));
    assert_eq!(
        (client.receive(), client.receive()),
        (Reply::bound(2, 2, later), Reply::int(5, 9))
    );
    client.send(Frames::new().call(6, 1, (60_i64,)));
    assert_eq!(client.receive(), Reply::bound(1, 2, &wait));
    visitor.release();
    assert_eq!(client.receive(), Reply::int(3, 30));
}

#[test]
fn a_slot_that_is_bound_again_gets_a_bound_for_its_new_procedure() {
    let gate = Gate::new();
    let wait = gate.source("wait");
    let network = Network::serving(&[("wait", "int", "int", &wait), ADD]);
    let mut client = session(&network);
    client.send(bind(0, "wait", &["int"]));
    client.send(Frames::new().call(1, 0, (10_i64,)));
    let visitor = gate.enter();
    assert_eq!(client.receive(), Reply::bound(0, 1, &wait));
    client.send(bind(0, "add", &["int", "int"]));
    client.send(Frames::new().ping(1));
    assert_eq!(client.receive(), Reply::Pong(1));
    visitor.release();
    assert_eq!(client.receive(), Reply::int(1, 10));
    client.send(Frames::new().call(2, 0, (2_i64, 3_i64)));
    assert_eq!(
        (client.receive(), client.receive()),
        (Reply::bound(0, 1, ADD.3), Reply::int(2, 5))
    );
}

#[test]
fn a_restart_of_the_workers_also_applies_to_bound_slots() {
    let network = Network::with_procedures(&[COUNT])
        .amended(
            "tenants: [client1]",
            "tenants: [client1]\n    concurrency: 1",
        )
        .served(&[]);
    let mut client = session(&network);
    client.send(bind(0, "count", &[]));
    client.send(Frames::new().call(1, 0, ()));
    assert_eq!(
        (client.receive(), client.receive()),
        (Reply::bound(0, 1, COUNT.3), Reply::int(1, 1))
    );
    client.send(Frames::new().call(2, 0, ()));
    assert_eq!(client.receive(), Reply::int(2, 2));
    network
        .initializer(&["apply", "init.yaml", "--restart"])
        .succeeds();
    client.send(Frames::new().call(3, 0, ()));
    assert_eq!(
        (client.receive(), client.receive()),
        (Reply::bound(0, 1, COUNT.3), Reply::int(3, 1))
    );
}

#[test]
fn a_stopping_server_names_the_last_call_that_it_still_answers() {
    let gate = Gate::new();
    let wait = gate.source("wait");
    let mut network = Network::serving(&[("wait", "int", "int", &wait)]);
    let mut client = session(&network);
    let mut idle = session(&network);
    client.send(bind(0, "wait", &["int"]));
    client.send(Frames::new().call(7, 0, (70_i64,)));
    let visitor = gate.enter();
    assert_eq!(client.receive(), Reply::bound(0, 1, &wait));
    network.server("server1").signal("TERM");
    assert_eq!(
        (client.receive(), idle.receive()),
        (Reply::Drain(7), Reply::Drain(0))
    );
    idle.expect_end();
    client.send(Frames::new().call(8, 0, (80_i64,)));
    visitor.release();
    assert_eq!(client.receive(), Reply::int(7, 70));
    client.expect_end();
    drop((client, idle));
    assert!(
        gate.enter_now().is_none(),
        "a call after the drain notice was executed"
    );
    assert_eq!(network.server_mut("server1").wait().code(), Some(0));
}

#[test]
fn a_session_beyond_the_limit_of_connections_gets_an_exception_and_ends() {
    let mut network = Network::serving(&[ADD]);
    for (flag, words) in [
        (
            "--max-connections",
            "connections, its limit (--max-connections)",
        ),
        (
            "--max-address-connections",
            "from this address, its limit for one address (--max-address-connections)",
        ),
    ] {
        network.start("server1", &[flag, "1"]);
        assert_turned_away(&network, words);
    }
}

/// Asserts that a second session is refused with these words, and served when the first has ended.
fn assert_turned_away(network: &Network, words: &str) {
    let served = session(network);
    let mut refused = session(network);
    refused.send(bind(0, "add", &["int", "int"]));
    refused.send(
        Frames::new()
            .call_with_bytes(1, 0, b"")
            .call_with_bytes(2, 0, b""),
    );
    assert_eq!(refused.receive(), Reply::bound(0, 1, ADD.3));
    expect_raised(&mut refused, 1, Raises("Unavailable", "no", &[words]));
    assert_eq!(refused.receive(), Reply::Drain(1));
    refused.expect_end();
    drop((refused, served));
    eventually("a place for another session", || {
        let answer = network
            .peer(Framing::Lines)
            .call_if_open(request("svc1", "add").arg("int", 2).arg("int", 3))?;
        (answer["header"] == "RPC-RES").then(|| assert_eq!(number(&answer), 5))
    });
}

/// `--max-bound`: a slot that is bound again counts once.
#[test]
fn a_session_may_bind_signatures_up_to_the_limit_of_bytes() {
    let mut network = Network::serving(&[ADD]);
    network.start("server1", &["--max-bound", "400"]);
    let mut client = session(&network);
    for slot in [0, 0, 0, 1, 1] {
        client.send(bind(slot, "add", &["int", "int"]));
    }
    client.send(Frames::new().call(1, 1, (2_i64, 3_i64)));
    assert_eq!(
        (client.receive(), client.receive()),
        (Reply::bound(1, 1, ADD.3), Reply::int(1, 5))
    );
    client.send(bind(2, "add", &["int", "int"]));
    let exception = expect_raised(&mut client, 0, Raises("Malformed Message", "no", &[]));
    assert_eq!(
        exception.message,
        "more than 400 bytes of signatures are bound (--max-bound)"
    );
    client.expect_end();
}
