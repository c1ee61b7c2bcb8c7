//! `--max-connections` and `--max-address-connections`: a few connections beyond them get an
//! exception, all others are closed at once. `--max-empty-connections`: most of those beyond it are reset.

use std::io::{self, BufRead as _, BufReader, Write as _};
use std::net::{SocketAddr, TcpStream};

use super::{add, serving};
use crate::harness::{Framing, Gate, PATIENCE, Peer, Raises, eventually, number};

/// How an address is told that it has too many connections.
const ADDRESS_LIMIT: &str =
    "2 connections from this address, its limit for one address (--max-address-connections)";

#[test]
fn a_connection_beyond_the_limit_gets_an_exception_and_those_far_beyond_are_closed() {
    for framing in Framing::BOTH {
        let network = serving(
            &Gate::new(),
            &["--max-connections", "3", "--max-address-connections", "3"],
        );
        let mut served: Vec<Peer> = (0..3).map(|_| network.peer(framing)).collect();
        for peer in &mut served {
            assert_eq!(number(&peer.call(add().id(1))), 5);
        }
        let mut refused = network.peer(framing);
        let mut closed = network.peer(framing);
        closed.expect_end();
        let answer = refused.call(add().id("x"));
        Raises(
            "Unavailable",
            "no",
            &["3 connections, its limit (--max-connections)"],
        )
        .check(&answer);
        assert_eq!(answer["value"]["id"], "x");
        refused.expect_end();
        network.server("server1").logged(&[
            "WARN",
            "connection refused",
            &refused.local_addr().to_string(),
        ]);
        for peer in &mut served {
            assert_eq!(number(&peer.call(add().id(2))), 5);
        }
        drop((refused, served));
        eventually("a place for another connection", || {
            let answer = network.peer(framing).call_if_open(add())?;
            (answer["header"] == "RPC-RES").then_some(())
        });
    }
}

#[test]
fn closed_connections_do_not_count_towards_the_limit() {
    let network = serving(&Gate::new(), &["--max-connections", "64"]);
    for round in 0..300 {
        let mut peer = network.peer(Framing::BOTH[round % 2]);
        assert_eq!(number(&peer.call(add())), 5);
        peer.expect_end();
    }
}

#[test]
fn an_address_gets_at_most_half_of_all_connections_and_others_are_served() {
    for framing in Framing::BOTH {
        let network = serving(&Gate::new(), &["--max-connections", "4"]);
        let mut open: Vec<Peer> = (0..2).map(|_| network.peer(framing)).collect();
        for peer in &mut open {
            assert_eq!(number(&peer.call(add().id(1))), 5);
        }
        let mut refused = network.peer(framing);
        let mut closed = network.peer(framing);
        closed.expect_end();
        Raises("Unavailable", "no", &[ADDRESS_LIMIT]).check(&refused.call(add().id("x")));
        refused.expect_end();
        let server = network.server("server1");
        let address = refused.local_addr().to_string();
        server.logged(&[
            "WARN",
            "connection refused",
            &address,
            "(--max-address-connections)",
            "limit=2",
        ]);
        let mut elsewhere = Peer::connect_from([127, 0, 0, 2], server.address(), framing);
        Raises("Client Not Registered", "no", &[]).check(&elsewhere.call(add().id(1)));
        drop(open);
        eventually("a place for another connection", || {
            let answer = network.peer(framing).call_if_open(add())?;
            (answer["header"] == "RPC-RES").then_some(())
        });
    }
}

/// Calls over a connection of its own. Returns the answer, or the error because the connection ended
/// before.
fn call_once(address: SocketAddr) -> io::Result<String> {
    let mut stream = TcpStream::connect(address)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    writeln!(stream, "{}", add())?;
    let mut answer = String::new();
    match BufReader::new(stream).read_line(&mut answer)? {
        0 => Err(io::ErrorKind::ConnectionReset.into()),
        _ => Ok(answer),
    }
}

#[test]
fn an_address_that_wastes_connections_is_reset_while_its_open_ones_and_others_are_served() {
    let network = serving(&Gate::new(), &["--max-empty-connections", "3"]);
    let server = network.server("server1");
    let address = server.address();
    let mut open = network.peer(Framing::Framed);
    assert_eq!(number(&open.call(add().id(1))), 5);
    let waste = || (0..8).for_each(|_| drop(TcpStream::connect(address)));
    let error = eventually("a connection that is reset", || {
        waste();
        let mut other = Peer::connect_from([127, 0, 0, 2], address, Framing::Framed);
        assert_eq!(other.call(add().id(1))["header"], "RPC-EX", "of no client");
        assert_eq!(number(&open.call(add().id(2))), 5);
        call_once(address).err()
    });
    let reset = [io::ErrorKind::ConnectionReset, io::ErrorKind::BrokenPipe];
    assert!(reset.contains(&error.kind()), "{error}");
    let warning = [
        "WARN",
        "too many empty connections",
        "peer=127.0.0.1:",
        "limit=3",
    ];
    server.logged(&warning);
    let answer = eventually("one of four, or one in the next second", || {
        waste();
        call_once(address).ok()
    });
    assert!(answer.contains("\"return-values\":[5]"), "{answer}");
}
