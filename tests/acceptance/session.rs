//! What a connection's first bytes, its ids and its end mean.

use crate::harness::{Framing, Network, request};

const ADD: (&str, &str, &str, &str) = ("add", "int, int", "int", "def add(a, b):\n    return a + b\n");

#[test]
fn a_request_without_an_id_is_answered_and_ends_the_connection() {
    let network = Network::serving(&[ADD]);
    for framing in Framing::BOTH {
        let mut peer = network.peer(framing);
        let answer = peer.call(request("svc1", "add").arg("int", 2).arg("int", 3));
        assert_eq!((&answer["header"], &answer["value"]["return-values"]), (&"RPC-RES".into(), &[5].into()));
        assert!(answer["value"].get("id").is_none());
        peer.expect_end();
    }
}
