//! The order of frames: HELLO first and once, rising call numbers, slots in order, and no frame
//! that only servers send.

use wire::binary::{self, Bound, Hello, MAGIC};
use wire::exception::{Exception, ExceptionType};

use super::{adding, assert_sum, bind_add, expect_ended};
use crate::harness::{ADD, BinaryPeer, Frames, Gate, HELLO, Network, Raises};

#[test]
fn a_call_number_that_does_not_rise_ends_the_session() {
    let gate = Gate::new();
    let wait = gate.source("wait");
    let network = Network::serving(&[ADD, ("wait", "int", "int", &wait)]);
    for wrong in [0, 1, 6, 7] {
        let mut peer = adding(&network);
        peer.send(
            Frames::new()
                .bind(1, "wait", &["int"])
                .call(7, 1, (70_i64,)),
        );
        let visitor = gate.enter();
        peer.send(Frames::new().call(wrong, 0, (1_i64, 1_i64)));
        let (call, exception) = peer.raised();
        assert_eq!(call, 0);
        Raises(
            "Malformed Message",
            "no",
            &[&format!("call {wrong} comes after call 7")],
        )
        .check_exception(&exception);
        visitor.release();
        assert_eq!(
            peer.returned::<i64>(),
            (7, 70),
            "the call before the wrong number is answered once"
        );
        peer.expect_end();
    }
    let mut peer = adding(&network);
    assert_sum(&mut peer, u64::MAX);
    peer.send(Frames::new().call(0, 0, (1_i64, 1_i64)));
    expect_ended(&mut peer, &["numbers only rise"]);
}

#[test]
fn a_call_of_an_unbound_slot_fails_without_ending_the_session() {
    let network = Network::serving(&[ADD]);
    let mut peer = adding(&network);
    for (call, slot) in [(2, 1), (3, 0x7fff_ffff), (4, u32::MAX)] {
        peer.send(Frames::new().call(call, slot, (1_i64, 1_i64)));
        let (refused, exception) = peer.raised();
        assert_eq!(refused, call);
        Raises(
            "Malformed Message",
            "no",
            &[&format!("slot {slot} is not bound")],
        )
        .check_exception(&exception);
    }
    assert_sum(&mut peer, 5);
}

#[test]
fn slots_are_bound_in_order_and_may_be_bound_again() {
    let network = Network::serving(&[ADD]);
    for gap in [2, 1000, u32::MAX] {
        let mut peer = adding(&network);
        peer.send(Frames::new().bind(gap, "add", &["int", "int"]));
        expect_ended(
            &mut peer,
            &[&format!("slot {gap} cannot be bound before slot 1")],
        );
    }
    let mut peer = adding(&network);
    peer.send(Frames::new().bind(0, "sub", &[]).call(2, 0, ()));
    Raises("RPC Not Found", "no", &["`sub`"]).check_exception(&peer.raised().1);
    peer.send(bind_add());
    assert_sum(&mut peer, 3);
}

#[test]
fn hello_comes_first_and_once() {
    let network = Network::serving(&[ADD]);
    let mut peer = adding(&network);
    peer.send(Frames::hello());
    expect_ended(&mut peer, &["a second HELLO"]);
    for first in [
        bind_add(),
        Frames::new().ping(1),
        Frames::new().payload(b"\0RPC"),
    ] {
        let mut peer =
            BinaryPeer::connect_without_hello([127, 0, 0, 1], network.server("server1").address());
        peer.send(first);
        let answer = peer.next_payload().expect("an answer in text");
        assert!(answer.starts_with(b"{\"header\":\"RPC-EX\""), "{answer:?}");
    }
    assert_sum(&mut adding(&network), 2);
}

#[test]
fn a_hello_without_version_1_is_refused_and_one_that_includes_it_is_accepted() {
    let network = Network::serving(&[ADD]);
    let address = network.server("server1").address();
    for (lowest, highest) in [(0, 0), (2, 2), (2, u16::MAX), (5, 1)] {
        let mut peer = BinaryPeer::connect_without_hello([127, 0, 0, 1], address);
        peer.send(Frames::new().with(|out| {
            binary::put_hello(
                &Hello {
                    lowest,
                    highest,
                    ..HELLO
                },
                out,
            );
        }));
        expect_ended(
            &mut peer,
            &["speaks version 1", &format!("not {lowest} to {highest}")],
        );
    }
    for (lowest, highest) in [(0, 1), (1, u16::MAX)] {
        let mut peer = BinaryPeer::connect_without_hello([127, 0, 0, 1], address);
        let hello = Frames::new().with(|out| {
            binary::put_hello(
                &Hello {
                    lowest,
                    highest,
                    ..HELLO
                },
                out,
            );
        });
        // A HELLO of a later version may have more members.
        let longer = [&hello.bytes()[4..], b"more"].concat();
        peer.send(Frames::new().payload(&longer));
        peer.receive();
        peer.send(bind_add());
        assert_sum(&mut peer, 1);
    }
}

#[test]
fn a_broken_hello_ends_the_connection() {
    let network = Network::serving(&[ADD]);
    let hello = Frames::hello().bytes();
    let mut not_utf8 = hello[4..].to_vec();
    *not_utf8.last_mut().expect("a name") = 0xff;
    for payload in [
        &hello[4..9],
        &hello[4..15],
        &hello[4..hello.len() - 1],
        &not_utf8,
    ] {
        let mut peer =
            BinaryPeer::connect_without_hello([127, 0, 0, 1], network.server("server1").address());
        peer.send(Frames::new().payload(payload));
        assert!(payload.starts_with(&[&[0], &MAGIC[..]].concat()));
        expect_ended(&mut peer, &["broken Hello frame"]);
    }
}

#[test]
fn a_frame_that_only_servers_send_ends_the_session() {
    let network = Network::serving(&[ADD]);
    let exception = Exception::refused(ExceptionType::Unavailable, "x");
    let wrong = [
        (
            "RES",
            Frames::new().with(|out| {
                let mark = binary::begin_result(1, out);
                out.end_frame(mark);
            }),
        ),
        (
            "EX",
            Frames::new().with(|out| binary::put_exception(1, &exception, out)),
        ),
        ("DRAIN", Frames::new().with(|out| binary::put_drain(1, out))),
        (
            "BOUND",
            Frames::new().with(|out| {
                binary::put_bound(
                    &Bound {
                        slot: 0,
                        generation: 1,
                        source: [0; 32],
                    },
                    out,
                );
            }),
        ),
    ];
    for (name, frames) in wrong {
        let mut peer = adding(&network);
        peer.send(frames);
        expect_ended(&mut peer, &[&format!("a client must not send {name}")]);
    }
}

#[test]
fn a_truncated_frame_or_one_of_unknown_kind_ends_only_its_session() {
    let network = Network::serving(&[ADD]);
    let mut other = adding(&network);
    let whole = [
        bind_add(),
        Frames::new().ping(1),
        Frames::new().cancel(1),
        Frames::new().call_with_bytes(2, 0, &[]),
    ];
    for frames in whole {
        let bytes = frames.bytes();
        for cut in 1..bytes.len() - 4 {
            let mut peer = adding(&network);
            peer.send(Frames::new().payload(&bytes[4..4 + cut]));
            expect_ended(&mut peer, &["a broken", "cut short"]);
        }
    }
    for kind in [0x0a, 0x0b, 0x20, b'{', 0x7f, 0xff] {
        let mut peer = adding(&network);
        peer.send(Frames::new().payload(&[kind, 1, 2, 3, 4, 5, 6, 7, 8]));
        expect_ended(&mut peer, &[&format!("no kind of frame 0x{kind:02x}")]);
    }
    for (kind, name) in [(6, "Cancel"), (7, "Ping"), (8, "Pong")] {
        let mut peer = adding(&network);
        peer.send(Frames::new().payload(&[kind, 1, 2, 3, 4, 5, 6, 7, 8, 9]));
        expect_ended(
            &mut peer,
            &[&format!("broken {name} frame"), "1 bytes left over"],
        );
    }
    assert_sum(&mut other, 2);
}
