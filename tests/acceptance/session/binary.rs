//! Binary sessions: events while calls are under way.

use deploy::sha256_hex;
use wire::binary::{self, Frame, Hello, Request};
use wire::outbox::Outbox;
use wire::value;

use super::{ADD, COUNT};
use crate::harness::{Framing, Gate, Network, Peer, eventually, number, request};

/// A client that sends frames one by one and describes each received frame in a short text.
struct Client(Peer);

impl Client {
    /// Opens a session and exchanges HELLOs.
    fn connect(network: &Network) -> Self {
        let mut client = Self(network.peer(Framing::Framed));
        let hello = Hello {
            lowest: 1,
            highest: 1,
            max_frame: 1 << 20,
            idle_timeout_ms: 0,
            name: "client1",
        };
        client.send(|out| binary::put_hello(&hello, out));
        assert_eq!(client.receive(), "HELLO of server1");
        client
    }

    fn send(&mut self, put: impl FnOnce(&mut Outbox)) {
        let mut out = Outbox::default();
        put(&mut out);
        self.0.send_bytes(&out.into_bytes());
    }

    fn bind(&mut self, slot: u32, rpc: &str, arguments: &[&str]) {
        self.send(|out| binary::put_bind(slot, ("svc1", rpc), arguments, Some(&["int"]), out));
    }

    fn call(&mut self, call: u64, slot: u32, arguments: &[i64]) {
        self.send(|out| {
            let mark = binary::begin_request(
                &Request {
                    call,
                    slot,
                    deadline_ms: None,
                },
                out,
            );
            for argument in arguments {
                out.bytes().extend_from_slice(&argument.to_le_bytes());
            }
            out.end_frame(mark);
        });
    }

    /// Waits for the next frame and describes it. A RES must hold one `int`.
    #[track_caller]
    fn receive(&mut self) -> String {
        let payload = self
            .0
            .next_bytes()
            .expect("a frame before the end of the connection");
        match binary::parse(&payload).expect("a frame") {
            (Frame::Hello(hello), _) => format!("HELLO of {}", hello.name),
            (Frame::Bound(bound), _) => {
                let [a, b, ..] = bound.source;
                format!("BOUND {}: {} {a:02x}{b:02x}", bound.slot, bound.generation)
            }
            (Frame::Returned(call), values) => {
                format!(
                    "RES {call}: {}",
                    value::decode::<i64>(values).expect("an int")
                )
            }
            (Frame::Exception(call, exception), _) => {
                let detail = if call == 0 {
                    &*exception.message
                } else {
                    exception.executed.as_str()
                };
                format!("EX {call}: {}, {detail}", exception.kind)
            }
            (Frame::Pong(number), _) => format!("PONG {number}"),
            (Frame::Drain(last), _) => format!("DRAIN {last}"),
            (other, _) => panic!("{other:?}"),
        }
    }
}

/// Describes the BOUND of a slot to a source, as [`Client::receive`] does.
fn bound(slot: u32, generation: u64, source: &str) -> String {
    format!(
        "BOUND {slot}: {generation} {}",
        &sha256_hex(source.as_bytes())[..4]
    )
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
    let mut client = Client::connect(&network);
    client.bind(0, "wait", &["int"]);
    client.call(1, 0, &[10]);
    let visitor = gate.enter();
    assert_eq!(client.receive(), bound(0, 1, &source));
    client.call(2, 0, &[20]);
    client.send(|out| binary::put_cancel(2, out));
    assert_eq!(client.receive(), "EX 2: Cancelled, no");
    client.send(|out| binary::put_cancel(1, out));
    assert_eq!(client.receive(), "EX 1: Cancelled, unknown");
    visitor.release();
    client.call(3, 0, &[30]);
    gate.enter().release();
    assert_eq!(client.receive(), "RES 3: 30");
    for call in [1, 2, 3, 4] {
        client.send(|out| binary::put_cancel(call, out));
    }
    client.send(|out| binary::put_ping(7, out));
    assert_eq!(client.receive(), "PONG 7");
}

#[test]
fn a_slots_next_call_uses_the_live_generation_and_running_calls_end_on_their_own() {
    let gate = Gate::new();
    let wait = gate.source("wait");
    let old = "def number():\n    return 1\n";
    let network = Network::serving(&[("wait", "int", "int", &wait), ("number", "", "int", old)]);
    let mut client = Client::connect(&network);
    client.bind(0, "number", &[]);
    client.bind(1, "wait", &["int"]);
    client.bind(2, "later", &[]);
    client.call(1, 0, &[]);
    assert_eq!(
        (client.receive(), client.receive()),
        (bound(0, 1, old), "RES 1: 1".to_owned())
    );
    client.call(2, 2, &[]);
    assert_eq!(client.receive(), "EX 2: RPC Not Found, no");
    client.call(3, 1, &[30]);
    let visitor = gate.enter();
    assert_eq!(client.receive(), bound(1, 1, &wait));
    let later = "def later():\n    return 9\n";
    let number = network.write("p1.py", "def number():\n    return 2\n");
    network.write("later.py", later);
    let network = network.amended(
        "    rpcs:\n",
        "    rpcs:\n      - { name: later, returns: int, path: later.py }\n",
    );
    network.apply().succeeds();
    client.call(4, 0, &[]);
    let number = std::fs::read_to_string(number).expect("a source");
    assert_eq!(
        (client.receive(), client.receive()),
        (bound(0, 2, &number), "RES 4: 2".to_owned())
    );
    client.call(5, 2, &[]);
    assert_eq!(
        (client.receive(), client.receive()),
        (bound(2, 2, later), "RES 5: 9".to_owned())
    );
    client.call(6, 1, &[60]);
    assert_eq!(client.receive(), bound(1, 2, &wait));
    visitor.release();
    assert_eq!(client.receive(), "RES 3: 30");
}

#[test]
fn a_slot_that_is_bound_again_gets_a_bound_for_its_new_procedure() {
    let gate = Gate::new();
    let wait = gate.source("wait");
    let network = Network::serving(&[("wait", "int", "int", &wait), ADD]);
    let mut client = Client::connect(&network);
    client.bind(0, "wait", &["int"]);
    client.call(1, 0, &[10]);
    let visitor = gate.enter();
    assert_eq!(client.receive(), bound(0, 1, &wait));
    client.bind(0, "add", &["int", "int"]);
    client.send(|out| binary::put_ping(1, out));
    assert_eq!(client.receive(), "PONG 1");
    visitor.release();
    assert_eq!(client.receive(), "RES 1: 10");
    client.call(2, 0, &[2, 3]);
    assert_eq!(
        (client.receive(), client.receive()),
        (bound(0, 1, ADD.3), "RES 2: 5".to_owned())
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
    let mut client = Client::connect(&network);
    client.bind(0, "count", &[]);
    client.call(1, 0, &[]);
    assert_eq!(
        (client.receive(), client.receive()),
        (bound(0, 1, COUNT.3), "RES 1: 1".to_owned())
    );
    client.call(2, 0, &[]);
    assert_eq!(client.receive(), "RES 2: 2");
    network
        .initializer(&["apply", "init.yaml", "--restart"])
        .succeeds();
    client.call(3, 0, &[]);
    assert_eq!(
        (client.receive(), client.receive()),
        (bound(0, 1, COUNT.3), "RES 3: 1".to_owned())
    );
}

#[test]
fn a_stopping_server_names_the_last_call_that_it_still_answers() {
    let gate = Gate::new();
    let wait = gate.source("wait");
    let mut network = Network::serving(&[("wait", "int", "int", &wait)]);
    let mut client = Client::connect(&network);
    let mut idle = Client::connect(&network);
    client.bind(0, "wait", &["int"]);
    client.call(7, 0, &[70]);
    let visitor = gate.enter();
    assert_eq!(client.receive(), bound(0, 1, &wait));
    network.server("server1").signal("TERM");
    assert_eq!(
        (client.receive(), idle.receive()),
        ("DRAIN 7".to_owned(), "DRAIN 0".to_owned())
    );
    idle.0.expect_end();
    client.call(8, 0, &[80]);
    visitor.release();
    assert_eq!(client.receive(), "RES 7: 70");
    client.0.expect_end();
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
    network.start("server1", &["--max-connections", "1"]);
    let served = Client::connect(&network);
    let mut refused = Client::connect(&network);
    refused.bind(0, "add", &["int", "int"]);
    refused.send(|out| {
        for call in [1, 2] {
            let mark = binary::begin_request(
                &Request {
                    call,
                    slot: 0,
                    deadline_ms: None,
                },
                out,
            );
            out.end_frame(mark);
        }
    });
    assert_eq!(refused.receive(), bound(0, 1, ADD.3));
    assert_eq!(
        (refused.receive(), refused.receive()),
        ("EX 1: Unavailable, no".to_owned(), "DRAIN 1".to_owned())
    );
    refused.0.expect_end();
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
    let mut client = Client::connect(&network);
    for slot in [0, 0, 0, 1, 1] {
        client.bind(slot, "add", &["int", "int"]);
    }
    client.call(1, 1, &[2, 3]);
    assert_eq!(
        (client.receive(), client.receive()),
        (bound(1, 1, ADD.3), "RES 1: 5".to_owned())
    );
    client.bind(2, "add", &["int", "int"]);
    assert_eq!(
        client.receive(),
        "EX 0: Malformed Message, more than 400 bytes of signatures are bound (--max-bound)"
    );
    client.0.expect_end();
}
