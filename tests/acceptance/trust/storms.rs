//! Handshakes that are not finished, slow ones, and peers that do not read what TLS protects.

use std::collections::VecDeque;
use std::io::Write as _;
use std::net::TcpStream;
use std::time::{Duration, Instant};

use super::{MARK, Shop};
use crate::harness::{
    Caller, Framing, PATIENCE, Peer, Skin, TlsPeer, peak_memory, request, sized, with_certificate,
};

/// The beginning of a `ClientHello`: a record of the handshake, and its length.
const HELLO_BEGINS: &[u8] = &[22, 3, 1, 2, 0, 1, 0, 1];

/// Calls in all ways, each over a fresh connection.
#[track_caller]
fn assert_served(shop: &Shop) {
    for skin in Skin::ALL {
        let client = shop.client("client/one").expect("a network");
        let caller = Caller::with_client(skin, client);
        assert_eq!(caller.call(&MARK, 7).expect("an answer"), 7);
    }
}

#[test]
fn a_storm_of_half_open_handshakes_delays_no_honest_client() {
    const OPEN: usize = 300;
    let connects = sized(1000, 5000);
    let shop = Shop::open(&["--max-handshakes", "50", "--max-empty-connections", "10000"]);
    let server = shop.network.server("server1");
    assert_served(&shop);
    let before = peak_memory(server.pid());
    let mut half_open = VecDeque::new();
    for connect in 0..connects {
        let mut stream = TcpStream::connect(shop.address()).expect("a connection");
        // A reset is fine: the oldest handshakes have ended.
        let _ = stream.write_all(HELLO_BEGINS);
        half_open.push_back(stream);
        if half_open.len() > OPEN {
            half_open.pop_front();
        }
        if connect % 200 == 199 {
            assert_served(&shop);
        }
    }
    server.logged(&["handshake refused", "(50, --max-handshakes)"]);
    let grown = peak_memory(server.pid()) - before;
    assert!(grown < 48 << 20, "{grown} bytes");
    drop(half_open);
    assert_served(&shop);
}

#[test]
fn slow_handshakes_are_ended_at_their_timeout_and_delay_no_other() {
    const SLOW: usize = 100;
    let shop = Shop::open(&["--handshake-timeout", "500ms"]);
    let begin = Instant::now();
    let mut slow: Vec<Peer> = (0..SLOW)
        .map(|_| Peer::connect(shop.address(), Framing::Lines))
        .collect();
    for (place, peer) in slow.iter_mut().enumerate() {
        peer.send_bytes(&HELLO_BEGINS[..place % HELLO_BEGINS.len()]);
    }
    let mut dripping = Peer::connect(shop.address(), Framing::Lines);
    let mut bytes = HELLO_BEGINS.iter().chain(std::iter::repeat(&7));
    while dripping.try_send_bytes(&[*bytes.next().expect("endless")])
        && !dripping.ends_within(Duration::from_millis(20))
    {
        assert!(begin.elapsed() < PATIENCE, "the connection is still open");
    }
    assert_served(&shop);
    for peer in &mut slow {
        peer.read_to_end();
    }
    assert_served(&shop);
    shop.network
        .server("server1")
        .logged(&["handshake refused", "(--handshake-timeout)"]);
}

#[test]
fn a_peer_that_reads_no_answers_over_tls_costs_bounded_memory_and_is_closed() {
    let shop = Shop::before_apply(&[
        "--max-queued",
        "64KiB",
        "--max-session-calls",
        "8",
        "--write-timeout",
        "500ms",
    ]);
    let text = "def echo(a):\n    return b'x' * 262144\n";
    shop.network.write("echo.py", text);
    shop.apply("deployer/ops").succeeds();
    assert_served(&shop);
    let server = shop.network.server("server1");
    let before = peak_memory(server.pid());
    let folder = shop.certificates.folder("client/one");
    let mut peer = TlsPeer::connect(shop.address(), with_certificate(&folder, &folder));
    let call = request("both", "echo").arg("bytes", "").id(1).to_string() + "\n";
    assert!(peer.try_send_bytes(call.repeat(800).as_bytes()));
    server.logged(&["closed", &peer.local_addr().to_string(), "write timeout"]);
    assert_served(&shop);
    let grown = peak_memory(server.pid()) - before;
    assert!(
        grown < 40 << 20,
        "{grown} bytes for answers that nobody read"
    );
}
