//! Connections over TLS that end or are reset at any byte, of the handshake or of what it protects.

use rpc_runtime::Executed;

use super::{MARK, Shop, client_at};
use crate::harness::{Caller, Ending, Flow, Relay, Skin, Witness, sized};

/// Number of bytes by which two handshakes may differ: signatures have no fixed length.
const SPREAD: usize = 16;

#[test]
fn a_connection_that_is_cut_at_any_byte_of_tls_runs_no_partial_request() {
    let step = sized(83, 1);
    let witness = Witness::new();
    let shop = Shop::with_witness(&witness, &[]);
    let relay = Relay::before(shop.address());
    let folder = shop.folder("client/one");
    let mut number = 0;
    let mut outcomes = Vec::new();
    for skin in Skin::ALL {
        let caller = || {
            let client = client_at(relay.address(), &folder).expect("a network");
            Caller::with_client(skin, client)
        };
        relay.set_to_server(Flow::Whole);
        relay.take_counts();
        let whole = caller();
        number += 1;
        assert_eq!(whole.call(&MARK, number).expect("an answer"), number);
        let lengths = relay.take_counts();
        drop(whole);
        for (is_answer, length) in [(false, lengths.0), (true, lengths.1)] {
            for ending in Ending::BOTH {
                for cut in (0..length).step_by(step) {
                    let flow = Flow::Cut(cut, ending);
                    if is_answer {
                        relay.set_to_client(flow);
                    } else {
                        relay.set_to_server(flow);
                    }
                    number += 1;
                    let result = caller().call(&MARK, number);
                    let is_partial = !is_answer && cut + SPREAD < length;
                    outcomes.push((number, is_partial, result));
                }
            }
        }
    }
    let client = shop.client("client/one").expect("a network");
    let after = Caller::with_client(Skin::Blocking, client);
    assert_eq!(after.call(&MARK, -1).expect("an answer"), -1);
    let runs = witness.runs();
    let mut lost = 0;
    for (number, is_partial, result) in outcomes {
        let count = runs.get(&number).copied().unwrap_or_default();
        assert!(count <= 1, "call {number} ran twice");
        assert!(!is_partial || count == 0, "a partial request ran");
        match result {
            Ok(answer) => assert_eq!((answer, count), (number, 1)),
            Err(error) => {
                lost += 1;
                assert_ne!(error.executed(), Executed::Yes, "{error}");
                assert!(
                    count == 0 || error.executed() == Executed::Unknown,
                    "{error}"
                );
            }
        }
    }
    assert!(lost > 100, "{lost}");
}
