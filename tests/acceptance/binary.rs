//! Binary sessions: frames that are malformed, split, out of order or too many, and how the server
//! reacts.

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

/// `size`, which returns the length of its argument.
const SIZE: (&str, &str, &str, &str) = (
    "size",
    "bytes",
    "int",
    "def size(data):\n    return len(data)\n",
);

/// Returns a BIND of `add` to slot 0.
fn bind_add() -> Frames {
    Frames::new().bind(0, "add", &["int", "int"])
}

/// Opens a session, binds `add` to slot 0, and makes one call with number 1.
#[track_caller]
fn adding(network: &Network) -> BinaryPeer {
    let mut peer = network.binary();
    peer.send(bind_add());
    assert_sum(&mut peer, 1);
    peer
}

/// Asserts that the session works, by a call of `add`.
#[track_caller]
fn assert_sum(peer: &mut BinaryPeer, call: u64) {
    assert_eq!(peer.call::<i64>(call, 0, (2_i64, 3_i64)), 5);
}

/// Asserts that the server sends an exception with these words and then closes the connection.
#[track_caller]
fn expect_ended(peer: &mut BinaryPeer, words: &[&str]) -> Exception {
    let (call, exception) = peer.raised();
    assert_eq!(call, 0, "{exception:?}");
    Raises("Malformed Message", "no", words).check_exception(&exception);
    peer.expect_end();
    exception
}
