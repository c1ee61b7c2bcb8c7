//! How far one peer may harm others: workers, memory for unfinished messages, and memory for
//! answers that it does not read. `--max-unfinished`, `--max-untaken`, `--max-stranger-frame`.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::{Duration, Instant};

use serde_json::json;
use socket2::{Domain, Socket, Type};
use wire::binary::{self, Hello};

use super::{add, wait};
use crate::harness::{
    ADD, Frames, Framing, Gate, HELLO, Network, PATIENCE, Peer, Raises, Visitor, eventually,
    number, peak_memory, request,
};

/// The address of `client2`.
const NEIGHBOUR: [u8; 4] = [127, 0, 0, 2];
/// The address of a peer that is no client.
const STRANGER: [u8; 4] = [127, 0, 0, 77];

/// Serves `add`, `text(length)` and `wait` at this gate, for `client1` and `client2`.
fn shared_service(gate: &Gate, flags: &[&str]) -> Network {
    let text = "def text(length):\n    return 'x' * length\n";
    let source = gate.source("wait");
    let procedures = [
        ADD,
        ("text", "int", "str", text),
        ("wait", "int", "int", &source),
    ];
    let both = "client1: { ip: 127.0.0.1 }\n    client2: { ip: 127.0.0.2 }";
    Network::with_procedures(&procedures)
        .amended("client1: { ip: 127.0.0.1 }", both)
        .amended("tenants: [client1]", "tenants: [client1, client2]")
        .served(flags)
}

/// Returns a request for a text of this length.
fn text(id: i64, length: i64) -> crate::harness::Request {
    request("svc1", "text").arg("int", length).id(id)
}

/// Opens a connection with a small receive buffer.
fn connect_with_small_buffer(from: [u8; 4], address: SocketAddr, framing: Framing) -> Peer {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).expect("a socket");
    socket.set_recv_buffer_size(4096).expect("a socket option");
    socket
        .bind(&SocketAddr::new(IpAddr::V4(Ipv4Addr::from(from)), 0).into())
        .expect("a loopback address");
    socket
        .connect_timeout(&address.into(), PATIENCE)
        .expect("a connection");
    Peer::over(socket.into(), framing)
}

#[test]
fn a_tenant_that_never_reads_its_answers_occupies_no_worker() {
    let network = shared_service(&Gate::new(), &["--workers", "4", "--write-timeout", "10m"]);
    let address = network.server("server1").address();
    let mut unread = Vec::new();
    for framing in Framing::BOTH {
        let mut greedy = connect_with_small_buffer(NEIGHBOUR, address, framing);
        let requests = (1..=18)
            .map(|id| greedy.framed(&text(id, 2_000_000).to_string()))
            .collect::<Vec<_>>();
        greedy.send_bytes(&requests.concat());
        unread.push(greedy);
    }
    let mut greedy = connect_with_small_buffer(NEIGHBOUR, address, Framing::Framed);
    let hello = Hello {
        name: "client2",
        ..HELLO
    };
    let mut frames = Frames::new()
        .with(|out| binary::put_hello(&hello, out))
        .bind(0, "text", &["int"]);
    for call in 1..=60 {
        frames = frames.call(call, 0, (100_000_i64,));
    }
    greedy.send_bytes(&frames.bytes());
    unread.push(greedy);
    let mut honest = network.peer(Framing::Framed);
    for id in 1..=50 {
        let answer = honest.call(add().id(id).member("deadline-ms", 10_000));
        assert_eq!(number(&answer), 5, "{answer}");
    }
}

#[test]
fn a_tenant_leaves_one_worker_for_other_tenants() {
    let gate = Gate::new();
    let network = shared_service(&gate, &["--workers", "3"]);
    // In the prepared manifest, the service has only one tenant. It must not count before its
    // commit.
    let mut script = network.script("server1");
    let (_, mut manifest) = script.status();
    manifest["services"]["svc1"]["tenants"] = json!(["client2"]);
    script.begin("one", 60_000, &manifest).expect("begun");
    script.step("INIT-PREPARE", "one").expect("prepared");
    let mut greedy = Peer::connect_from(
        NEIGHBOUR,
        network.server("server1").address(),
        Framing::Framed,
    );
    for id in 1..=5 {
        greedy.send(wait(id));
    }
    let held = [gate.enter(), gate.enter()];
    assert_eq!(
        number(&network.peer(Framing::Framed).call(add().id(1))),
        5,
        "the third worker is for other tenants"
    );
    assert!(
        gate.enter_now().is_none(),
        "a tenant may use only two of three workers"
    );
    for visitor in held {
        visitor.release();
    }
    for _ in 3..=5 {
        gate.enter().release();
    }
    let mut answered: Vec<i64> = (0..5).map(|_| number(&greedy.receive())).collect();
    answered.sort_unstable();
    assert_eq!(answered, [1, 2, 3, 4, 5]);
}

#[test]
fn refused_calls_slow_down_their_connection_and_no_other_from_the_same_address() {
    let network = Network::with_procedures(&[ADD]).served(&["--max-refusals", "5"]);
    let address = network.server("server1").address();
    let flood = std::thread::spawn(move || {
        let mut peer = Peer::connect_from([127, 0, 0, 1], address, Framing::Framed);
        let begin = Instant::now();
        let refused = peer
            .framed(&request("svc9", "x").id(1).to_string())
            .repeat(30);
        peer.send_bytes(&refused);
        (0..30).for_each(|_| Raises("Service Not Found", "no", &[]).check(&peer.receive()));
        begin.elapsed()
    });
    network
        .server("server1")
        .logged(&["slowed down", "peer=127.0.0.1:"]);
    let begin = Instant::now();
    let mut honest = network.peer(Framing::Framed);
    (0..50).for_each(|id| assert_eq!(number(&honest.call(add().id(id))), 5));
    let honest = begin.elapsed();
    let slowed = flood.join().expect("answers");
    // At most ten refusals per second: five without a pause, and five with a pause after each.
    assert!(
        slowed >= Duration::from_secs(1) && honest < slowed,
        "refused calls took {slowed:?}, and honest calls {honest:?}"
    );
}

#[test]
fn the_only_tenant_may_use_every_worker() {
    let gate = Gate::new();
    let network = super::serving(&gate, &["--workers", "2"]);
    let mut peer = network.peer(Framing::Framed);
    peer.send(wait(1));
    peer.send(wait(2));
    let both = [gate.enter(), gate.enter()];
    both.into_iter().for_each(Visitor::release);
    peer.receive();
    peer.receive();
}

#[test]
fn a_connection_over_its_limit_of_queued_answers_starts_no_further_call() {
    let gate = Gate::new();
    let network = shared_service(&gate, &["--workers", "2", "--max-queued", "64KiB"]);
    let server = network.server("server1");
    for framing in Framing::BOTH {
        let mut peer = connect_with_small_buffer(NEIGHBOUR, server.address(), framing);
        // This tenant gets one worker. It runs the first call, and the second call waits for it.
        let calls =
            [text(1, 12_000_000).to_string(), wait(2).to_string()].map(|call| peer.framed(&call));
        peer.send_bytes(&calls.concat());
        server.logged(&[" call ", "svc1.text(int)", "client=client2", "outcome=ok"]);
        assert_eq!(number(&network.peer(framing).call(add().id(1))), 5);
        assert!(
            gate.enter_now().is_none(),
            "the second call began although its peer does not read"
        );
        assert_eq!(peer.receive()["value"]["id"], 1);
        gate.enter().release();
        assert_eq!(number(&peer.receive()), 2);
    }
}

#[test]
fn unread_answers_have_a_budget() {
    let flags = [
        "--max-frame",
        "1MiB",
        "--max-untaken",
        "4MiB",
        "--max-queued",
        "64KiB",
        "--write-timeout",
        "10m",
    ];
    let network = shared_service(&Gate::new(), &flags);
    let server = network.server("server1");
    let mut unread = Vec::new();
    for _ in 0..8 {
        let mut peer = connect_with_small_buffer(NEIGHBOUR, server.address(), Framing::Framed);
        let requests = (1..=40)
            .map(|id| peer.framed(&text(id, 1_000_000).to_string()))
            .collect::<Vec<_>>();
        peer.send_bytes(&requests.concat());
        unread.push(peer);
    }
    server.logged(&[
        "closed",
        "peer=127.0.0.2:",
        "answers not taken: the server's limit for such answers",
        "--max-untaken",
    ]);
    let long = network.peer(Framing::Framed).call(text(1, 900_000));
    assert_eq!(
        long["value"]["return-values"][0].as_str().map(str::len),
        Some(900_000),
        "another address has half of the budget"
    );
    assert_eq!(number(&network.peer(Framing::Framed).call(add().id(1))), 5);
}

/// Limits under which one address has room for two messages of 4 MiB.
const ROOM: [&str; 4] = ["--max-frame", "4MiB", "--max-unfinished", "16MiB"];

/// A message of 4 MiB without its last byte. It can become no JSON.
fn all_but_one_byte(framing: Framing) -> Vec<u8> {
    const LENGTH: usize = 4 << 20;
    let length = match framing {
        Framing::Framed => (LENGTH as u32).to_be_bytes().to_vec(),
        Framing::Lines => Vec::new(),
    };
    [length, vec![b'{'; LENGTH - 1]].concat()
}

/// A call with this many bytes.
fn long(bytes: usize) -> crate::harness::Request {
    text(1, 1).member("x", "x".repeat(bytes))
}

/// Sends the beginnings of three calls of 4 MB. Returns the peers, each with the rest of its call.
fn begin_three_long_calls(server: SocketAddr) -> Vec<(Peer, Vec<u8>)> {
    let message = long(4_000_000).to_string();
    [Framing::Framed, Framing::Lines, Framing::Framed]
        .into_iter()
        .map(|framing| {
            let mut peer = Peer::connect_from(NEIGHBOUR, server, framing);
            let bytes = peer.framed(&message);
            peer.send_bytes(&bytes[..100_000]);
            (peer, bytes[100_000..].to_vec())
        })
        .collect()
}

#[test]
fn unfinished_messages_have_a_budget() {
    const FLOOD: usize = 40;
    let network = shared_service(&Gate::new(), &ROOM);
    let server = network.server("server1");
    let address = server.address();
    assert_eq!(number(&network.peer(Framing::Framed).call(add().id(1))), 5);
    let before = peak_memory(server.pid());
    // Their threads end with the server.
    for peer in 0..FLOOD {
        let framing = Framing::BOTH[peer % 2];
        std::thread::spawn(move || {
            let mut peer = Peer::connect_from(NEIGHBOUR, address, framing);
            peer.try_send_bytes(&all_but_one_byte(framing));
            peer.next()
        });
    }
    let count = |words: &str| {
        let is_of_flood = |line: &&String| line.contains("peer=127.0.0.2:") && line.contains(words);
        server.log().iter().filter(is_of_flood).count()
    };
    eventually(
        "all have connected, and two have taken the room of others",
        || {
            let closed = count("while others waited for room");
            (count("connected") >= FLOOD && closed >= 2).then_some(())
        },
    );
    let grown = peak_memory(server.pid()).saturating_sub(before);
    assert!(grown < 32 << 20, "{grown} bytes for 160 MiB that were sent");
    let mut neighbour = Peer::connect_from(NEIGHBOUR, address, Framing::Framed);
    assert_eq!(number(&neighbour.call(add().id(1))), 5);
    let answer = network.peer(Framing::Framed).call(long(3 << 20));
    assert_eq!(
        answer["value"]["return-values"],
        json!(["x"]),
        "another address has half of the budget"
    );
}

#[test]
fn long_messages_wait_until_there_is_room_for_them() {
    let network = shared_service(&Gate::new(), &ROOM);
    let address = network.server("server1").address();
    let calls: Vec<_> = [Framing::Framed, Framing::Lines]
        .repeat(6)
        .into_iter()
        .map(|framing| {
            std::thread::spawn(move || {
                Peer::connect_from(NEIGHBOUR, address, framing).call(long(4_000_000))
            })
        })
        .collect();
    for call in calls {
        let answer = call.join().expect("an answer");
        assert_eq!(answer["value"]["return-values"], json!(["x"]));
    }
}

#[test]
fn a_message_for_which_there_is_no_room_in_time_is_refused() {
    let network = shared_service(
        &Gate::new(),
        &[&ROOM[..], &["--header-timeout", "1s", "--min-rate", "1KiB"]].concat(),
    );
    let server = network.server("server1");
    let mut peers = begin_three_long_calls(server.address());
    let refused = server.logged(&["refused", "its limit is 16777216 bytes (--max-unfinished)"]);
    let is_refused =
        |(peer, _): &(Peer, Vec<u8>)| refused.contains(&format!("peer={} ", peer.local_addr()));
    let place = peers.iter().position(is_refused).expect("one of them");
    let (mut refused, _) = peers.remove(place);
    let reasons = [
        "half of it for one address",
        "no room within 1s (--header-timeout)",
    ];
    Raises("Unavailable", "no", &reasons).check(&refused.receive());
    refused.expect_end();
    for (mut peer, rest) in peers {
        peer.send_bytes(&rest);
        assert_eq!(peer.receive()["value"]["return-values"], json!(["x"]));
    }
}

#[test]
fn a_slow_message_gives_its_room_to_one_that_waits() {
    let network = shared_service(&Gate::new(), &ROOM);
    let server = network.server("server1");
    let peers = begin_three_long_calls(server.address());
    server.logged(&["closed", "peer=127.0.0.2:", "while others waited for room"]);
    // The third one has the room now.
    let answers = peers.into_iter().filter_map(|(mut peer, rest)| {
        let sent = peer.try_send_bytes(&rest);
        sent.then(|| peer.next()).flatten()
    });
    let answers: Vec<_> = answers.collect();
    assert!((1..=2).contains(&answers.len()), "{answers:?}");
    for answer in answers {
        assert_eq!(answer["value"]["return-values"], json!(["x"]));
    }
}

/// A long blank line takes room only until its end.
#[test]
fn a_long_blank_line_takes_no_room_from_later_messages() {
    let network = shared_service(&Gate::new(), &ROOM);
    let address = network.server("server1").address();
    let mut blank: Vec<_> = (0..4)
        .map(|_| {
            let mut peer = Peer::connect_from(NEIGHBOUR, address, Framing::Lines);
            peer.send_bytes(&b" ".repeat(100_000));
            peer.send_bytes(b"\n");
            assert_eq!(number(&peer.call(add().id(1))), 5);
            peer
        })
        .collect();
    for peer in &mut blank {
        assert_eq!(
            peer.call(long(4_000_000))["value"]["return-values"],
            json!(["x"])
        );
    }
}

/// The budget is raised to four messages, so one address has two. A message of not
/// more than 64 KiB takes nothing of it.
#[test]
fn the_beginning_of_a_message_takes_nothing_of_the_budget_and_the_budget_has_a_minimum() {
    const FREE: usize = 64 << 10;
    let flags = [
        "--max-frame",
        "128KiB",
        "--max-unfinished",
        "1",
        "--header-timeout",
        "1s",
        "--min-rate",
        "1KiB",
    ];
    let network = shared_service(&Gate::new(), &flags);
    let server = network.server("server1");
    let begin = |bytes: usize| {
        let mut peer = Peer::connect_from(NEIGHBOUR, server.address(), Framing::Framed);
        let empty = long(0).to_string().len();
        let message = peer.framed(&long(bytes - empty).to_string());
        peer.send_bytes(&message[..FREE]);
        (peer, message[FREE..].to_vec())
    };
    // Three of these are less than half of the budget, and four are more.
    let mut counted: Vec<_> = (0..4).map(|_| begin(FREE + 1)).collect();
    let free: Vec<_> = (0..8).map(|_| begin(FREE)).collect();
    let refused = server.logged(&["refused", "its limit is 524288 bytes (--max-unfinished)"]);
    let is_refused = |peer: &Peer| refused.contains(&format!("peer={} ", peer.local_addr()));
    let place = counted.iter().position(|(peer, _)| is_refused(peer));
    let (mut refused, _) = counted.remove(place.expect("one of them"));
    Raises("Unavailable", "no", &["half of it for one address"]).check(&refused.receive());
    refused.expect_end();
    for (mut peer, rest) in counted.into_iter().chain(free) {
        peer.send_bytes(&rest);
        assert_eq!(peer.receive()["value"]["return-values"], json!(["x"]));
    }
}

/// The budget is raised to four messages, so one address may have two of them as arguments.
#[test]
fn the_arguments_of_calls_in_flight_have_a_budget() {
    let gate = Gate::new();
    let source = gate.source("wait_with");
    let procedures = [ADD, ("wait_with", "str", "str", source.as_str())];
    let flags = ["--max-frame", "128KiB", "--max-arguments", "1"];
    let network = Network::with_procedures(&procedures).served(&flags);
    let call = |bytes: usize| {
        let text = "x".repeat(bytes);
        request("svc1", "wait_with").arg("str", text).id(1)
    };
    for framing in Framing::BOTH {
        let mut held: Vec<Peer> = (0..2).map(|_| network.peer(framing)).collect();
        for peer in &mut held {
            peer.send(call(120_000));
        }
        let visitors = [gate.enter(), gate.enter()];
        let refused = network.peer(framing).call(call(120_000));
        let reasons = [
            "524288 bytes (--max-arguments)",
            "half of it for one address",
        ];
        Raises("Unavailable", "no", &reasons).check(&refused);
        assert_eq!(number(&network.peer(framing).call(add().id(1))), 5);
        visitors.into_iter().for_each(Visitor::release);
        for peer in &mut held {
            assert_eq!(peer.receive()["header"], "RPC-RES");
        }
        let mut later = network.peer(framing);
        later.send(call(120_000));
        gate.enter().release();
        assert_eq!(
            later.receive()["header"],
            "RPC-RES",
            "the bytes are free again"
        );
    }
}

#[test]
fn a_stranger_may_send_only_short_messages_and_a_client_long_ones() {
    let mut network = Network::with_procedures(&[ADD]).served(&[]);
    let address = network.server("server1").address();
    let long = |bytes: usize| add().id(1).member("x", "x".repeat(bytes));
    for framing in Framing::BOTH {
        let mut stranger = Peer::connect_from(STRANGER, address, framing);
        Raises("Client Not Registered", "no", &[]).check(&stranger.call(long(60_000)));
        let message = stranger.framed(&long(70_000).to_string());
        assert!(stranger.try_send_bytes(&message));
        Raises(
            "Malformed Message",
            "no",
            &["over the limit of 65536 bytes (--max-stranger-frame)"],
        )
        .check(&stranger.receive());
        assert_eq!(number(&network.peer(framing).call(long(5_000_000))), 5);
    }
    // The limit of a client also applies to a connection whose peer becomes a client later.
    let mut early = Peer::connect_from(STRANGER, address, Framing::Framed);
    Raises("Client Not Registered", "no", &[]).check(&early.call(add().id(1)));
    network = network.amended(
        "client1: { ip: 127.0.0.1 }",
        "client1: { ip: 127.0.0.1 }\n    late: { ip: 127.0.0.77 }",
    );
    network = network.amended("tenants: [client1]", "tenants: [client1, late]");
    network.apply().succeeds();
    assert_eq!(number(&early.call(long(5_000_000))), 5);
}
