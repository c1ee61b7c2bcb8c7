//! Connections that end or are reset at any byte: nothing partial runs, and each caller learns what
//! can be known of its call.

use rpc_runtime::{Error, Executed};

use super::{MARK, serve_witness};
use crate::harness::{Caller, Ending, Flow, Network, PATIENCE, Relay, Skin, Witness, number};

/// Numbers of calls, and what must be true of their runs.
#[derive(Default)]
struct Ledger {
    next: i64,
    never: Vec<i64>,
    once: Vec<i64>,
    at_most_once: Vec<i64>,
}

impl Ledger {
    fn next(&mut self) -> i64 {
        self.next += 1;
        self.next
    }

    /// Waits until the server has run all calls that have arrived, and checks their runs.
    fn check(mut self, network: &Network, witness: &Witness) {
        // The service runs one call at a time, in the order of arrival.
        let last = self.next();
        let request = crate::harness::request("svc1", "mark").arg("int", last);
        assert_eq!(number(&network.ask("server1", request)), last);
        let runs = witness.runs();
        let count = |number: &i64| runs.get(number).copied().unwrap_or_default();
        for number in &self.never {
            assert_eq!(count(number), 0, "call {number} ran");
        }
        for number in &self.once {
            assert_eq!(count(number), 1, "call {number}");
        }
        for number in &self.at_most_once {
            assert!(count(number) <= 1, "call {number} ran twice");
        }
    }
}

#[test]
fn a_request_that_is_cut_at_any_byte_does_not_run_and_its_caller_knows_what_can_be_known() {
    let witness = Witness::new();
    let network = serve_witness(&witness, &[]);
    let relay = Relay::before(network.server("server1").address());
    let mut ledger = Ledger::default();
    for skin in Skin::ALL {
        let call = |number| Caller::new(skin, relay.address(), PATIENCE).call(&MARK, number);
        relay.set_to_server(Flow::Whole);
        relay.take_counts();
        let first = ledger.next();
        assert_eq!(call(first).expect("an answer"), first);
        ledger.once.push(first);
        // A later request is longer by up to two digits of its number.
        let length = relay.take_counts().0;
        for ending in Ending::BOTH {
            for cut in 0..=length + 3 {
                relay.set_to_server(Flow::Cut(cut, ending));
                let number = ledger.next();
                let result = call(number);
                if cut < length {
                    let error = result.expect_err("a request that did not arrive whole");
                    assert_is_lost(&error);
                    ledger.never.push(number);
                    continue;
                }
                match result {
                    Ok(answer) => {
                        assert_eq!(answer, number);
                        ledger.once.push(number);
                    }
                    Err(error) => {
                        assert_is_lost(&error);
                        assert_ne!(error.executed(), Executed::No, "it may have arrived");
                        ledger.at_most_once.push(number);
                    }
                }
            }
        }
    }
    ledger.check(&network, &witness);
}

#[test]
fn an_answer_that_is_cut_at_any_byte_leaves_its_caller_with_a_call_that_may_have_run() {
    let witness = Witness::new();
    let network = serve_witness(&witness, &[]);
    let relay = Relay::before(network.server("server1").address());
    let mut ledger = Ledger::default();
    for skin in Skin::ALL {
        let call = |number| Caller::new(skin, relay.address(), PATIENCE).call(&MARK, number);
        relay.set_to_client(Flow::Whole);
        relay.take_counts();
        let first = ledger.next();
        assert_eq!(call(first).expect("an answer"), first);
        ledger.once.push(first);
        let length = relay.take_counts().1;
        for ending in Ending::BOTH {
            for cut in 0..length {
                relay.set_to_client(Flow::Cut(cut, ending));
                let number = ledger.next();
                match call(number) {
                    Ok(answer) => panic!("{answer} from {cut} of {length} bytes"),
                    Err(error) if error.executed() == Executed::No => {
                        assert_is_lost(&error);
                        ledger.never.push(number);
                    }
                    Err(error) => {
                        assert_is_lost(&error);
                        ledger.at_most_once.push(number);
                    }
                }
            }
        }
    }
    ledger.check(&network, &witness);
}

/// Asserts that an error says that the connection was lost, and not that the call ran.
#[track_caller]
fn assert_is_lost(error: &Error) {
    let unavailable = rpc_runtime::ExceptionType::Unavailable;
    assert_eq!(error.exception_type(), Some(unavailable), "{error}");
    assert_ne!(error.executed(), Executed::Yes, "{error}");
}
