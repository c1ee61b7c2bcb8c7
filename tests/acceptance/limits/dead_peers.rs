//! `--dead-peer-timeout`: peers that are gone without a word, such as after a loss of power.

use std::time::{Duration, Instant};

use rpc_runtime::private::{AsyncTransport as _, Procedure, Transport as _};
use rpc_runtime::{Error, Network as Client, Topology};
use wire::exception::Executed;

use crate::harness::{
    BinaryPeer, Framing, Link, Network, PATIENCE, Peer, ServerProcess, begin, finish, left_out,
};

/// The shortest time that the flag takes.
const SHORTEST: Duration = Duration::from_secs(5);

static HANG: Procedure = Procedure::new("svc1", "hang", &["int"], &["int"]);

const HANGING: &str = "\
import time

def hang(number):
    print(f\"begun {number}\", flush=True)
    time.sleep(3600)
    return number
";

#[test]
fn both_ends_notice_that_the_other_one_is_gone() {
    let Some(link) = Link::make() else {
        return left_out("no network namespaces can be made here");
    };
    let network = serving(&link);
    let server = network.server("server1");
    std::thread::scope(|threads| {
        let blocking = threads.spawn(|| {
            link.enter_client_side();
            client().carry::<_, i64>(&HANG, (1_i64,))
        });
        let asynchronous = threads.spawn(|| {
            link.enter_client_side();
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build();
            let call = async { client().carry_async::<_, i64>(&HANG, (2_i64,)).await };
            runtime.expect("a runtime").block_on(call)
        });
        let idle = threads.spawn(|| {
            link.enter_client_side();
            let mut text = Peer::connect_any(Link::listen(), Framing::Lines);
            text.call(r#"{"header": "RPC-PING", "value": {}}"#);
            let binary = BinaryPeer::connect_any(Link::listen());
            (text, binary)
        });
        let (text, binary) = idle.join().expect("two idle connections");
        server.logged(&["output", "begun 1"]);
        server.logged(&["output", "begun 2"]);
        let down_at = Instant::now();
        link.take_down();
        for address in [text.local_addr(), binary.local_addr()] {
            server.logged(&[
                "closed",
                &address.to_string(),
                "the peer is gone",
                "(--dead-peer-timeout)",
            ]);
        }
        for call in [blocking, asynchronous] {
            let error = call.join().expect("a thread").expect_err("a dead server");
            assert_eq!(error.executed(), Executed::Unknown, "{error}");
        }
        // Without these options, the kernel asks after two hours for the first time.
        assert!(down_at.elapsed() < PATIENCE);
        let closed = |line: &String| line.contains("closed") && line.contains("is gone");
        let closed = server.log().into_iter().filter(closed).count();
        assert!(closed >= 2, "{closed} connections");
    });
}

/// Starts a server at its side of the link, and deploys `hang` to it.
fn serving(link: &Link) -> Network {
    let mut network = Network::with_procedures(&[("hang", "int", "int", HANGING)])
        .amended("client1: { ip: 127.0.0.1 }", "client1: { ip: 10.77.0.2 }")
        .amended(
            "server1: { ip: 127.0.0.1, port: 1 }",
            "server1: { ip: 10.77.0.1, port: 7101 }",
        );
    let server = ServerProcess::launch(
        link.command(env!("CARGO_BIN_EXE_rpc-server")),
        &network.data("server1"),
        &[
            "--listen",
            &Link::listen().to_string(),
            "--insecure",
            "--dead-peer-timeout",
            "5s",
        ],
    );
    network.adopt("server1", server.expect("a server"));
    let initializer = env!("CARGO_BIN_EXE_initializer");
    let mut apply = network.command("ip", &[]);
    apply
        .args(link.command(initializer).get_args())
        .args(["apply", "init.yaml"]);
    finish(begin(apply)).succeeds();
    network
}

/// Returns a client whose calls may take longer than the test.
fn client() -> Client {
    let topology = Topology::new()
        .server("server1", Link::listen())
        .client("client1", Link::CLIENT)
        .service("svc1", "server1");
    let client: Result<Client, Error> = Client::builder(topology)
        .client("client1")
        .server("server1", Link::listen().to_string())
        .deadline(Duration::from_hours(1))
        .dead_peer_timeout(SHORTEST)
        .build();
    client.expect("a network")
}
