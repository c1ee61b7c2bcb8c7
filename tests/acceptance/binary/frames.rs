//! Frames of every length, split frames, and truncated frames.

use super::{SIZE, adding, assert_sum, bind_add, expect_ended};
use crate::harness::{ADD, BinaryPeer, COUNT, Frames, Network, peak_memory};

/// Bytes in a REQ of `size` besides its argument: the head, and the length of the argument.
const OVERHEAD: usize = 17 + 4;

#[test]
fn frames_have_a_minimum_and_a_maximum_length_and_a_declared_length_allocates_nothing() {
    const LIMIT: u32 = 64 << 10;
    let network = Network::with_procedures(&[ADD, SIZE]).served(&["--max-frame", "64KiB"]);
    assert_sum(&mut adding(&network), 2);
    let server = network.server("server1").pid();
    let before = peak_memory(server);
    for length in [
        LIMIT + 1,
        0x00ff_ffff,
        0x7fff_ffff,
        0x8000_0000,
        0xffff_ffff,
    ] {
        let mut peer = adding(&network);
        peer.send_bytes(&length.to_be_bytes());
        expect_ended(
            &mut peer,
            &[&format!("{length} bytes"), "65536 bytes (--max-frame)"],
        );
    }
    let mut peer = adding(&network);
    peer.send_bytes(&[0; 4]);
    expect_ended(&mut peer, &["length 0"]);
    let mut peer = adding(&network);
    peer.send(Frames::new().payload(&[3]));
    expect_ended(&mut peer, &["broken Request frame"]);
    assert!(
        peak_memory(server) < before + (8 << 20),
        "memory was allocated for bytes that never arrived"
    );
    for over in [-1, 0, 1_isize] {
        let mut peer = adding(&network);
        peer.send(Frames::new().bind(1, "size", &["bytes"]));
        let length = (LIMIT as usize - OVERHEAD).wrapping_add_signed(over);
        peer.send(Frames::new().call(7, 1, (vec![7_u8; length],)));
        if over > 0 {
            expect_ended(&mut peer, &["limit of 65536 bytes"]);
        } else {
            assert_eq!(peer.returned::<i64>(), (7, length.cast_signed() as i64));
            assert_sum(&mut peer, 8);
        }
    }
}

#[test]
fn a_long_frame_may_arrive_in_pieces_and_memory_is_allocated_as_they_arrive() {
    let network = Network::with_procedures(&[ADD, SIZE]).served(&["--max-frame", "128MiB"]);
    let mut peer = network.binary();
    peer.send(bind_add().bind(1, "size", &["bytes"]));
    assert_eq!(peer.call::<i64>(1, 1, (vec![1_u8; 100],)), 100);
    let server = network.server("server1").pid();
    let before = peak_memory(server);
    let mut declared: Vec<BinaryPeer> = (0..20).map(|_| network.binary()).collect();
    for peer in &mut declared {
        peer.send(Frames::new().bind(0, "size", &["bytes"]));
        let mut bytes = Frames::new().call(1, 0, (vec![1_u8; 40_000],)).bytes();
        bytes[..4].copy_from_slice(&(127_u32 << 20).to_be_bytes());
        bytes[21..25].copy_from_slice(&(126_u32 << 20).to_le_bytes());
        peer.send_bytes(&bytes);
    }
    for (call, piece) in [(2, 1000), (3, 8191), (4, 50_000), (5, 300_000)] {
        let bytes = Frames::new().call(call, 1, (vec![1_u8; 200_000],)).bytes();
        for piece in bytes.chunks(piece) {
            peer.send_bytes(piece);
        }
        assert_eq!(peer.returned::<i64>(), (call, 200_000));
    }
    let grown = peak_memory(server) - before;
    assert!(
        grown < 24 << 20,
        "{grown} bytes for twenty frames of 127 MiB that were declared and never arrived"
    );
}

#[test]
fn a_frame_may_be_split_anywhere() {
    let network = Network::serving(&[ADD]);
    let hello = Frames::hello().bytes();
    let call = bind_add().call(9, 0, (2_i64, 3_i64)).bytes();
    let bytes = [hello, call].concat();
    let expect_answers = |peer: &mut BinaryPeer| {
        peer.receive();
        assert_eq!(peer.returned::<i64>(), (9, 5));
    };
    let connect =
        || BinaryPeer::connect_without_hello([127, 0, 0, 1], network.server("server1").address());
    let mut peer = connect();
    for byte in &bytes {
        peer.send_bytes(&[*byte]);
    }
    expect_answers(&mut peer);
    for split in 1..bytes.len() {
        let mut peer = connect();
        peer.send_bytes(&bytes[..split]);
        // After a whole HELLO, the server's answer shows that it has read the first part.
        if split >= Frames::hello().bytes().len() {
            peer.receive();
            peer.send_bytes(&bytes[split..]);
            assert_eq!(peer.returned::<i64>(), (9, 5), "split at {split}");
        } else {
            peer.send_bytes(&bytes[split..]);
            expect_answers(&mut peer);
        }
    }
}

#[test]
fn a_thousand_frames_may_arrive_in_one_write() {
    let network = Network::serving(&[ADD]);
    let frames = |first: u64| {
        (first..first + 1000).fold(Frames::new(), |frames, call| {
            frames.call(call, 0, (call.cast_signed(), 1_i64))
        })
    };
    let mut peer = adding(&network);
    for first in [2, 1002] {
        peer.send(frames(first));
        let mut calls: Vec<u64> = (0..1000)
            .map(|_| {
                let (call, sum) = peer.returned::<i64>();
                assert_eq!(sum, call.cast_signed() + 1, "another call's answer");
                call
            })
            .collect();
        calls.sort_unstable();
        assert!(calls.into_iter().eq(first..first + 1000));
    }
}

#[test]
fn a_truncated_frame_is_not_executed() {
    let network = Network::with_procedures(&[COUNT])
        .amended(
            "tenants: [client1]",
            "tenants: [client1]\n    concurrency: 1",
        )
        .served(&[]);
    let bytes = Frames::hello().bind(0, "count", &[]).call(1, 0, ()).bytes();
    for cut in 1..bytes.len() {
        let connect = || {
            BinaryPeer::connect_without_hello([127, 0, 0, 1], network.server("server1").address())
        };
        let mut peer = connect();
        peer.send_bytes(&bytes[..cut]);
        peer.half_close();
        while let Some(payload) = peer.next_payload() {
            let is_hello = payload.starts_with(b"\0RPCB");
            assert!(
                is_hello || payload.starts_with(b"{\"header\":\"RPC-EX\""),
                "cut at {cut}: {payload:?}"
            );
        }
        let mut peer = connect();
        peer.send_bytes(&bytes[..cut]);
        peer.reset();
    }
    let mut peer = network.binary();
    peer.send(Frames::new().bind(0, "count", &[]));
    for expected in 1..=3 {
        assert_eq!(peer.call::<i64>(expected, 0, ()), expected.cast_signed());
    }
}
