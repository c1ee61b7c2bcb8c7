//! `--max-connections`: a few beyond it are told so, the rest are closed.

use super::{add, serving};
use crate::harness::{Framing, Gate, Peer, Raises, eventually, number};

#[test]
fn a_connection_beyond_the_limit_is_told_so_and_those_far_beyond_are_closed() {
    for framing in Framing::BOTH {
        let network = serving(&Gate::new(), &["--max-connections", "3"]);
        let mut served: Vec<Peer> = (0..3).map(|_| network.peer(framing)).collect();
        for peer in &mut served {
            assert_eq!(number(&peer.call(add().id(1))), 5);
        }
        let mut told = network.peer(framing);
        let mut closed = network.peer(framing);
        closed.expect_end();
        let answer = told.call(add().id("x"));
        Raises("Unavailable", "no", &["3 connections", "limit"]).check(&answer);
        assert_eq!(answer["value"]["id"], "x");
        told.expect_end();
        network.server("server1").logged(&[
            "WARN",
            "connection refused",
            &told.local_addr().to_string(),
        ]);
        for peer in &mut served {
            assert_eq!(number(&peer.call(add().id(2))), 5);
        }
        drop((told, served));
        eventually("a place for another connection", || {
            let answer = network.peer(framing).call_if_open(add())?;
            (answer["header"] == "RPC-RES").then_some(())
        });
    }
}

#[test]
fn connections_that_come_and_go_take_no_place() {
    let network = serving(&Gate::new(), &["--max-connections", "64"]);
    for round in 0..300 {
        let mut peer = network.peer(Framing::BOTH[round % 2]);
        assert_eq!(number(&peer.call(add())), 5);
        peer.expect_end();
    }
}
