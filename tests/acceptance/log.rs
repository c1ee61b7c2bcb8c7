//! The log: one line per event with its fields, as text or JSON. Beyond a rate, lines about calls
//! and peers are summed up.

mod lines;
mod rate;

use crate::harness::{ADD, Framing, Network, Peer, Raises, Request, eventually, number, request};

const FAIL: (&str, &str, &str, &str) =
    ("fail", "int", "int", "def fail(by):\n    return 1 // by\n");

/// Returns a request for `add(2, 3)`.
fn add() -> Request {
    request("svc1", "add").arg("int", 2).arg("int", 3)
}

#[test]
fn a_connection_is_logged_with_its_address_when_it_opens_and_when_it_closes() {
    let network = Network::serving(&[ADD]);
    let server = network.server("server1");
    for framing in Framing::BOTH {
        let mut peer = network.peer(framing);
        let address = format!("peer={}", peer.local_addr());
        assert_eq!(number(&peer.call(add().id(1))), 5);
        server.logged(&["INFO", " connected ", &address]);
        peer.call(add());
        peer.expect_end();
        drop(peer);
        server.logged(&["INFO", " closed ", &address, "served=2", "reason="]);
    }
}

#[test]
fn a_call_is_logged_with_key_client_generation_source_duration_and_outcome() {
    let network = Network::serving(&[ADD, FAIL]);
    let server = network.server("server1");
    let source = |text: &str| format!("source={}", &deploy::sha256_hex(text.as_bytes())[..12]);
    let mut peer = network.peer(Framing::Lines);
    peer.call(add().id(1));
    let common = [
        "INFO",
        " call ",
        "client=client1",
        "generation=1",
        "micros=",
    ];
    server.logged(
        &[
            &common[..],
            &["key=\"svc1.add(int, int)\"", &source(ADD.3), "outcome=ok"],
        ]
        .concat(),
    );
    peer.call(request("svc1", "fail").arg("int", 0).id(2));
    let failed = [
        "key=svc1.fail(int)",
        &source(FAIL.3),
        "outcome=\"Execution Exception\"",
        "division",
    ];
    server.logged(&[&common[..], &failed].concat());
    let raised = server.logged(&[
        "WARN",
        " raised ",
        "svc1.fail(int)",
        "kind=ZeroDivisionError",
        "traceback=",
    ]);
    assert!(
        raised.contains("p1.py") && raised.contains("line 2"),
        "{raised}"
    );
    peer.call(add().id(3).member("deadline-ms", 0));
    server.logged(&[" call ", "svc1.add", "outcome=\"Deadline Exceeded\""]);
}

#[test]
fn every_refusal_is_logged_with_the_peer_and_the_request() {
    let network = Network::with_procedures(&[ADD])
        .amended(
            "127.0.0.1 }\nservices",
            "127.0.0.1 }\n    client2: { ip: 127.0.0.2 }\nservices",
        )
        .served(&[]);
    let server = network.server("server1");
    let address = server.address();
    let mut idle = Peer::connect_from([127, 0, 0, 2], address, Framing::Framed);
    Raises("Client Not Registered", "no", &[]).check(&idle.call(add().id(1)));
    let unauthorized = ["WARN", " unauthorized ", "service=svc1", "rpc=add"];
    server.logged(&[&unauthorized[..], &["127.0.0.2", "client2"]].concat());
    let mut stranger = Peer::connect_from([127, 0, 0, 9], address, Framing::Lines);
    Raises("Client Not Registered", "no", &[]).check(&stranger.call(add().client("client1").id(1)));
    server.logged(&[&unauthorized[..], &["127.0.0.9", "client=client1"]].concat());
    let peer = format!("peer={}", stranger.local_addr());
    for (message, words) in [
        (
            request("svc9", "add").id(1).to_string(),
            ["service=svc9", "Service Not Found"],
        ),
        (
            request("svc1", "sub").id(1).to_string(),
            ["rpc=sub", "RPC Not Found"],
        ),
        ("nonsense".to_owned(), ["Malformed Message", "not JSON"]),
    ] {
        stranger.call(message);
        server.logged(&[&["WARN", " refused ", &peer][..], &words].concat());
    }
    let mut tenant = network.peer(Framing::Lines);
    tenant.call(request("svc1", "add").id(1));
    let peer = format!("peer={}", tenant.local_addr());
    server.logged(&[
        "WARN",
        " refused ",
        &peer,
        "service=svc1",
        "rpc=add",
        "Invalid Arguments",
    ]);
}

/// Returns the lines of a log file and of its rotated files, oldest first.
fn lines_of(path: &std::path::Path) -> Vec<String> {
    let numbered = (1..10)
        .rev()
        .map(|number| format!("{}.{number}", path.display()));
    let files = numbered.chain([path.display().to_string()]);
    files
        .filter_map(|file| std::fs::read_to_string(file).ok())
        .flat_map(|text| text.lines().map(str::to_owned).collect::<Vec<_>>())
        .collect()
}

#[test]
fn a_log_file_is_rotated_by_size_and_opened_again_at_sighup() {
    let mut network = Network::with_procedures(&[ADD]);
    let path = network.path().join("log");
    let file = path.display().to_string();
    network.start(
        "server1",
        &["--log-file", &file, "--log-max", "4KiB", "--log-keep", "2"],
    );
    network.apply().succeeds();
    for id in 0..40 {
        assert_eq!(number(&network.peer(Framing::Lines).call(add().id(id))), 5);
    }
    eventually("a second old file", || {
        path.with_extension("2").exists().then_some(())
    });
    for number in ["1", "2"] {
        let length = std::fs::metadata(path.with_extension(number))
            .expect("an old file")
            .len();
        assert!(
            (2048..=4096).contains(&length),
            "log.{number} has {length} bytes"
        );
    }
    assert!(!path.with_extension("3").exists());
    let moved = network.path().join("moved");
    std::fs::rename(&path, &moved).expect("a rename");
    network.server("server1").signal("HUP");
    eventually("a new file", || path.exists().then_some(()));
    assert_eq!(
        number(&network.peer(Framing::Lines).call(add().id(99))),
        5,
        "SIGHUP does not stop the server"
    );
    eventually("a line", || {
        lines_of(&path)
            .iter()
            .any(|line| line.contains(" call "))
            .then_some(())
    });
    network.server("server1").signal("TERM");
    assert_eq!(network.server_mut("server1").wait().code(), Some(0));
}

#[test]
fn without_a_log_file_sighup_drains_the_server() {
    let mut network = Network::serving(&[ADD]);
    let mut peer = network.peer(Framing::Lines);
    assert_eq!(number(&peer.call(add().id(1))), 5);
    network.server("server1").signal("HUP");
    assert_eq!(peer.receive()["header"], "RPC-DRAIN");
    drop(peer);
    assert_eq!(network.server_mut("server1").wait().code(), Some(0));
}

#[test]
fn a_deployment_is_logged_with_its_generation_and_its_origin() {
    let network = Network::serving(&[ADD]);
    let server = network.server("server1");
    server.logged(&["INFO", "generation prepared"]);
    server.logged(&[
        "INFO",
        "generation live",
        "generation=1",
        "server=server1",
        "from=127.0.0.1",
        "new=1",
    ]);
    network.write("p0.py", "def add(a):\n    return a\n");
    network.apply_unchecked().ends(1);
    server.logged(&["WARN", "refused", "`add` takes 1 argument"]);
}
