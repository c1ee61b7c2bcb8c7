//! Binary sessions: what comes wrong, in pieces, out of order or too often, and what follows.

mod binds;
mod cancel;
mod drain;
mod floods;
mod frames;
mod order;
mod slow;
mod swap;
mod time;
mod values;

use wire::exception::Exception;

use crate::harness::{BinaryPeer, Frames, Network, Raises};

const ADD: (&str, &str, &str, &str) = (
    "add",
    "int, int",
    "int",
    "def add(a, b):\n    return a + b\n",
);

/// How long some bytes are.
const SIZE: (&str, &str, &str, &str) = (
    "size",
    "bytes",
    "int",
    "def size(data):\n    return len(data)\n",
);

/// How often a worker was called so far.
const COUNT: (&str, &str, &str, &str) = (
    "count",
    "",
    "int",
    "calls = 0\n\ndef count():\n    global calls\n    calls += 1\n    return calls\n",
);

/// `add` in slot 0.
fn bind_add() -> Frames {
    Frames::new().bind(0, "add", &["int", "int"])
}

/// A session with `add` in slot 0, which works.
#[track_caller]
fn adding(network: &Network) -> BinaryPeer {
    let mut peer = network.binary();
    peer.send(bind_add());
    assert_sum(&mut peer, 1);
    peer
}

/// The session goes on: 2 + 3 is 5.
#[track_caller]
fn assert_sum(peer: &mut BinaryPeer, call: u64) {
    assert_eq!(peer.call::<i64>(call, 0, (2_i64, 3_i64)), 5);
}

/// The server says why it ends the session, and does.
#[track_caller]
fn expect_ended(peer: &mut BinaryPeer, words: &[&str]) -> Exception {
    let (call, exception) = peer.raised();
    assert_eq!(call, 0, "{exception:?}");
    Raises("Malformed Message", "no", words).is(&exception);
    peer.expect_end();
    exception
}
