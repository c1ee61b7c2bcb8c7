//! The client library against real servers and against hostile ones.

use std::io::{Read as _, Write as _};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::thread::JoinHandle;
use std::time::Duration;

use rpc_runtime::{Answer, Error, ErrorKind, ExceptionType, Executed, Network as Client, Topology};

use crate::harness::{ADD, Gate, Network, PATIENCE, ServerProcess, Visitor, eventually};

/// Returns `client1` of a network with `svc1` on a server at an address.
fn client_of(address: SocketAddr) -> Client {
    client_with(address, PATIENCE)
}

fn client_with(address: SocketAddr, deadline: Duration) -> Client {
    let topology = Topology::new()
        .server("server1", address)
        .client("client1", IpAddr::V4(Ipv4Addr::LOCALHOST))
        .service("svc1", "server1");
    let builder = Client::builder(topology).client("client1");
    builder
        .server("server1", address.to_string())
        .deadline(deadline)
        .build()
        .expect("a network")
}

fn add(client: &Client, a: i64, b: i64) -> Result<Answer, Error> {
    client.call("svc1", "add", &[a.into(), b.into()])
}

#[track_caller]
fn assert_sum(answer: &Result<Answer, Error>, expected: &str) {
    let values = &answer.as_ref().expect("an answer").return_values;
    assert_eq!(
        values.iter().map(|value| value.get()).collect::<Vec<_>>(),
        [expected]
    );
}

/// Starts a server that plays `script` on each of `connections` connections, one after the other.
fn scripted(
    connections: usize,
    script: impl Fn(usize, &mut TcpStream) + Send + 'static,
) -> (SocketAddr, JoinHandle<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = listener.local_addr().expect("an address");
    let playing = std::thread::spawn(move || {
        for number in 0..connections {
            let (mut stream, _) = listener.accept().expect("a connection");
            stream
                .set_read_timeout(Some(PATIENCE))
                .expect("a socket option");
            script(number, &mut stream);
        }
    });
    (address, playing)
}

/// Reads the next request. Answers a ping before it.
fn read_request(stream: &mut TcpStream) -> serde_json::Value {
    let message = read_message(stream);
    if message["header"] != "RPC-PING" {
        return message;
    }
    send(
        stream,
        &serde_json::json!({ "header": "RPC-PONG", "value": { "id": message["value"]["id"] } }),
    );
    read_message(stream)
}

fn read_message(stream: &mut TcpStream) -> serde_json::Value {
    let mut length = [0; 4];
    stream.read_exact(&mut length).expect("a length");
    let mut request = vec![0; u32::from_be_bytes(length) as usize];
    stream.read_exact(&mut request).expect("a request");
    serde_json::from_slice(&request).expect("JSON")
}

fn send(stream: &mut TcpStream, message: &serde_json::Value) {
    let message = message.to_string();
    let length = u32::try_from(message.len())
        .expect("a short message")
        .to_be_bytes();
    stream
        .write_all(&[&length, message.as_bytes()].concat())
        .expect("a write");
}

fn result_of(request: &serde_json::Value) -> serde_json::Value {
    serde_json::json!({ "header": "RPC-RES", "value": {
        "id": request["value"]["id"], "return-values": [5], "generation": 1, "source": "s",
    }})
}

#[test]
fn a_session_that_the_server_closed_is_replaced() {
    let mut network = Network::serving(&[ADD]);
    let address = network.server("server1").address();
    let client = client_of(address);
    assert_sum(&add(&client, 2, 3), "5");
    network.server_mut("server1").kill();
    let refused = add(&client, 2, 3).expect_err("nobody listens");
    assert_eq!(
        refused.kind(),
        ErrorKind::Exception(ExceptionType::Unavailable)
    );
    assert_eq!(refused.executed(), Executed::No);
    network.start("server1", &["--listen", &address.to_string()]);
    assert_sum(&add(&client, 3, 4), "7");
}

#[test]
fn threads_share_a_network() {
    let network = Network::serving(&[ADD]);
    let client = client_of(network.server("server1").address());
    let call = |offset: i64| {
        let client = client.clone();
        move || {
            (0..50).for_each(|n| assert_sum(&add(&client, n, offset), &(n + offset).to_string()));
        }
    };
    let threads: Vec<_> = (0..8)
        .map(|offset| std::thread::spawn(call(offset * 1000)))
        .collect();
    for thread in threads {
        thread.join().expect("answers");
    }
}

#[test]
fn a_network_keeps_a_limited_number_of_idle_text_sessions() {
    const KEPT: usize = 16;
    const CALLS: usize = KEPT + 2;
    let gate = Gate::new();
    let source = gate.source("wait");
    let mut network = Network::with_procedures(&[ADD, ("wait", "int", "int", &source)]).served(&[]);
    // The log of this server has no line about the connection of the apply.
    network.start("server1", &["--workers", &CALLS.to_string()]);
    let server = network.server("server1");
    let client = client_of(server.address());
    std::thread::scope(|scope| {
        for number in 0..CALLS {
            let client = &client;
            scope.spawn(move || {
                let number = i64::try_from(number).expect("a small number");
                let answer = client.call("svc1", "wait", &[number.into()]);
                assert_sum(&answer, &number.to_string());
            });
        }
        let visitors: Vec<_> = (0..CALLS).map(|_| gate.enter()).collect();
        visitors.into_iter().for_each(Visitor::release);
    });
    let closed = eventually("the end of the further sessions", || {
        let closed = count_closed(server);
        (closed >= CALLS - KEPT).then_some(closed)
    });
    assert_eq!(closed, CALLS - KEPT);
    assert_sum(&add(&client, 2, 3), "5");
    assert_eq!(count_closed(server), CALLS - KEPT);
}

/// Returns the number of connections whose end the server has logged.
fn count_closed(server: &ServerProcess) -> usize {
    let log = server.log();
    log.iter().filter(|line| line.contains(" closed ")).count()
}

#[test]
fn an_answer_names_its_generation_and_its_source() {
    let network = Network::serving(&[ADD]);
    let answer = add(&client_of(network.server("server1").address()), 2, 3).expect("an answer");
    assert_eq!((answer.generation, answer.source.len()), (1, 64));
}

#[test]
fn a_drain_notice_ends_the_session_but_no_call() {
    let (address, playing) = scripted(2, |number, stream| {
        let request = read_request(stream);
        if number == 0 {
            send(
                stream,
                &serde_json::json!({ "header": "RPC-DRAIN", "value": { "last-id": 1 } }),
            );
        }
        send(stream, &result_of(&request));
    });
    let client = client_of(address);
    assert_sum(&add(&client, 2, 3), "5");
    assert_sum(&add(&client, 2, 3), "5");
    playing.join().expect("two connections");
}

/// Checks that a call to a server with this answer fails with the kind and the words.
fn check_hostile(
    answer: impl Fn(&mut TcpStream) + Send + 'static,
    kind: ErrorKind,
    executed: Executed,
    words: &str,
) {
    let (address, playing) = scripted(1, move |_, stream| {
        read_request(stream);
        answer(stream);
    });
    let error = add(&client_of(address), 2, 3).expect_err(words);
    assert_eq!(
        (error.kind(), error.executed()),
        (kind, executed),
        "{error}"
    );
    assert!(error.to_string().contains(words), "{words}: {error}");
    assert!(!error.is_from_peer());
    playing.join().expect("one connection");
}

#[test]
fn a_server_that_violates_the_protocol_fails_the_call_and_nothing_else() {
    let unavailable = ErrorKind::Exception(ExceptionType::Unavailable);
    check_hostile(
        |_| (),
        unavailable,
        Executed::Unknown,
        "closed the connection without an answer",
    );
    let raw = |bytes: &'static [u8]| {
        move |stream: &mut TcpStream| stream.write_all(bytes).expect("a write")
    };
    for (bytes, words) in [
        (&b"\xff\xff\xff\xff"[..], "over the limit"),
        (b"\0\0\0\0", "length 0"),
        (b"\0\0\0\x05hello", "not JSON"),
        (b"\0\0\0\x02{}", "no `header`"),
        (b"\0\0\0\x1d{\"header\":\"HELLO\",\"value\":{}}", "HELLO"),
        (
            b"\0\0\0\x1f{\"header\":\"RPC-RES\",\"value\":{}}",
            "return-values",
        ),
    ] {
        check_hostile(raw(bytes), ErrorKind::Protocol, Executed::Unknown, words);
    }
    let other = |stream: &mut TcpStream| {
        send(
            stream,
            &result_of(&serde_json::json!({ "value": { "id": 99 } })),
        );
    };
    check_hostile(
        other,
        ErrorKind::Protocol,
        Executed::Unknown,
        "answered another call",
    );
    let cut = |stream: &mut TcpStream| stream.write_all(b"\0\0\0\x20{\"header\"").expect("a write");
    check_hostile(
        cut,
        unavailable,
        Executed::Unknown,
        "closed the connection without an answer",
    );
}

/// The server accepts connections and sends nothing.
#[test]
fn a_client_gives_up_a_silent_port_after_five_seconds_and_sends_no_request() {
    let (end, ended) = std::sync::mpsc::channel::<()>();
    let ended = std::sync::Mutex::new(ended);
    let (address, playing) = scripted(1, move |_, stream| {
        assert_eq!(read_message(stream)["header"], "RPC-PING");
        // Wait until the caller has given up.
        let _ = ended.lock().expect("the channel").recv_timeout(PATIENCE);
        let mut rest = Vec::new();
        stream
            .read_to_end(&mut rest)
            .expect("the end of the connection");
        assert!(rest.is_empty(), "no request was sent");
    });
    let begin = std::time::Instant::now();
    let error = add(&client_with(address, PATIENCE), 2, 3).expect_err("silence");
    assert!(
        begin.elapsed() < PATIENCE,
        "the client gives up long before the deadline"
    );
    assert_eq!(
        error.kind(),
        ErrorKind::Exception(ExceptionType::Unavailable)
    );
    assert_eq!(error.executed(), Executed::No);
    assert!(
        error
            .to_string()
            .contains("said nothing within 5s: it is not an rpc-server"),
        "{error}"
    );
    drop(end);
    playing.join().expect("one connection");
}

#[test]
fn a_server_at_its_connection_limit_says_so_before_any_request() {
    let mut network = Network::serving(&[ADD]);
    network.start("server1", &["--max-connections", "1"]);
    let mut held = network.peer(crate::harness::Framing::Framed);
    assert_eq!(
        held.call(crate::harness::request("svc1", "add").id(1))["header"],
        "RPC-EX"
    );
    let error =
        add(&client_of(network.server("server1").address()), 2, 3).expect_err("one too many");
    assert_eq!(
        error.kind(),
        ErrorKind::Exception(ExceptionType::Unavailable)
    );
    assert_eq!(error.executed(), Executed::No);
    assert!(
        error
            .to_string()
            .contains("the server has 1 connections, its limit"),
        "{error}"
    );
}

#[test]
fn a_fresh_connection_that_ends_before_the_request_is_sent_is_replaced_once() {
    let (address, playing) = scripted(2, |number, stream| {
        if number == 0 {
            // A stopping server does the same: it closes the connection without an answer.
            assert_eq!(read_message(stream)["header"], "RPC-PING");
            return;
        }
        let request = read_request(stream);
        send(stream, &result_of(&request));
    });
    assert_sum(&add(&client_of(address), 2, 3), "5");
    playing.join().expect("two connections");
}

#[test]
fn a_server_that_stays_silent_is_given_up_at_the_deadline() {
    let (end, ended) = std::sync::mpsc::channel::<()>();
    let ended = std::sync::Mutex::new(ended);
    let (address, playing) = scripted(1, move |_, stream| {
        let request = read_request(stream);
        assert_eq!(request["value"]["deadline-ms"], 100);
        // Wait until the caller has given up.
        let _ = ended.lock().expect("the channel").recv_timeout(PATIENCE);
    });
    let client = client_with(address, Duration::from_millis(100));
    let error = add(&client, 2, 3).expect_err("silence");
    assert_eq!(
        error.kind(),
        ErrorKind::Exception(ExceptionType::DeadlineExceeded)
    );
    assert_eq!(error.executed(), Executed::Unknown);
    drop(end);
    playing.join().expect("one connection");
}
