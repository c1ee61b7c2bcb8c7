//! Peers that send slowly, and peers that do not read.

use std::time::{Duration, Instant};

use super::{SIZE, adding, assert_sum, bind_add};
use crate::harness::{ADD, BinaryPeer, Frames, Network, PATIENCE, peak_memory};

#[test]
fn a_frame_that_does_not_arrive_whole_in_time_ends_only_its_session() {
    let network = Network::with_procedures(&[ADD, SIZE]).served(&["--header-timeout", "300ms"]);
    let server = network.server("server1");
    let mut other = adding(&network);
    let hello = Frames::hello().bytes();
    let mut early = BinaryPeer::connect_without_hello([127, 0, 0, 1], server.address());
    early.send_bytes(&hello[..hello.len() - 1]);
    let mut again = adding(&network);
    again.send_bytes(&Frames::new().call(2, 0, (2_i64, 3_i64)).bytes()[..20]);
    let mut long = adding(&network);
    long.send(Frames::new().bind(1, "size", &["bytes"]));
    long.send_bytes(&Frames::new().call(2, 1, (vec![7_u8; 200_000],)).bytes()[..150_000]);
    for peer in [&mut early, &mut again, &mut long] {
        let address = peer.local_addr().to_string();
        peer.expect_end();
        server.logged(&["closed", &address, "header timeout"]);
    }
    assert_sum(&mut other, 2);
}

#[test]
fn bytes_that_arrive_one_by_one_do_not_extend_the_header_timeout() {
    let network = Network::with_procedures(&[ADD, SIZE]).served(&["--header-timeout", "300ms"]);
    let address = network.server("server1").address();
    let mut fresh = BinaryPeer::connect_without_hello([127, 0, 0, 1], address);
    let mut open = adding(&network);
    open.send(Frames::new().bind(1, "size", &["bytes"]));
    let hello = [Frames::hello().bytes(), vec![0; 1000]].concat();
    let call = Frames::new().call(2, 1, (vec![7_u8; 100_000],)).bytes();
    // At 12 ms per byte, the HELLO is complete only after the header timeout.
    for (peer, bytes, pause) in [(&mut fresh, &hello, 12), (&mut open, &call, 5)] {
        let address = peer.local_addr().to_string();
        let end = Instant::now() + PATIENCE;
        let sent = bytes.iter().take_while(|byte| {
            assert!(Instant::now() < end, "the connection is still open");
            peer.try_send_bytes(&[**byte]) && !peer.ends_within(Duration::from_millis(pause))
        });
        assert!(sent.count() < bytes.len(), "every slow byte was accepted");
        network
            .server("server1")
            .logged(&["closed", &address, "header timeout"]);
    }
}

#[test]
fn two_hundred_slow_peers_delay_no_other_and_are_all_closed() {
    let network = Network::with_procedures(&[ADD]).served(&["--header-timeout", "500ms"]);
    let mut probe = adding(&network);
    let mut slow: Vec<_> = (0..200).map(|_| network.binary()).collect();
    for peer in &mut slow {
        peer.send_bytes(&bind_add().bytes()[..7]);
    }
    assert_sum(&mut probe, 2);
    assert_sum(&mut adding(&network), 2);
    slow.iter_mut().for_each(BinaryPeer::expect_end);
    assert_sum(&mut probe, 3);
}

#[test]
fn a_peer_that_reads_no_answers_costs_bounded_memory_and_is_closed() {
    const ANSWER: usize = 256 << 10;
    let text = format!("def text():\n    return 'x' * {ANSWER}\n");
    let flags = [
        "--max-queued",
        "64KiB",
        "--max-session-calls",
        "8",
        "--write-timeout",
        "500ms",
    ];
    let network = Network::with_procedures(&[("text", "", "str", &text), ADD]).served(&flags);
    let server = network.server("server1");
    let mut other = adding(&network);
    let before = peak_memory(server.pid());
    let mut peer = network.binary();
    peer.send(Frames::new().bind(0, "text", &[]));
    peer.send((1..=800).fold(Frames::new(), |frames, call| frames.call(call, 0, ())));
    server.logged(&["closed", &peer.local_addr().to_string(), "write timeout"]);
    assert_sum(&mut other, 2);
    let grown = peak_memory(server.pid()) - before;
    assert!(
        grown < 40 << 20,
        "{grown} bytes for 200 MiB of answers that nobody read"
    );
}

#[test]
fn a_peer_that_reads_slowly_gets_all_answers() {
    let text = "def text():\n    return 'x' * 100_000\n";
    let flags = ["--max-queued", "1KiB", "--max-session-calls", "8"];
    let network = Network::with_procedures(&[("text", "", "str", text)]).served(&flags);
    let mut peer = network.binary();
    peer.send(Frames::new().bind(0, "text", &[]));
    peer.send((1..=50).fold(Frames::new(), |frames, call| frames.call(call, 0, ())));
    let mut answered: Vec<u64> = (0..50)
        .map(|_| {
            let (call, text) = peer.returned::<String>();
            assert_eq!(text.len(), 100_000);
            call
        })
        .collect();
    answered.sort_unstable();
    assert!(answered.into_iter().eq(1..=50));
}

#[test]
fn an_idle_session_is_closed_after_the_shorter_idle_timeout() {
    let network = Network::with_procedures(&[ADD]).served(&["--idle-timeout", "1h"]);
    let server = network.server("server1");
    let mut peer = BinaryPeer::connect_without_hello([127, 0, 0, 1], server.address());
    peer.greet(&wire::binary::Hello {
        idle_timeout_ms: 200,
        ..crate::harness::HELLO
    });
    let address = peer.local_addr().to_string();
    let mut other = adding(&network);
    peer.send(bind_add());
    assert_sum(&mut peer, 1);
    peer.expect_end();
    server.logged(&["closed", &address, "idle timeout"]);
    assert_sum(&mut other, 2);
}
