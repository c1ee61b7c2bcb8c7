//! A network that delivers bytes one by one, late, in another order, or not at all.

use std::sync::Arc;
use std::time::{Duration, Instant};

use rpc_runtime::{ExceptionType, Executed};

use super::{MARK, serve_witness};
use crate::harness::{Caller, Flow, FlowGate, Flows, PATIENCE, Relay, Skin, Witness, eventually};

#[test]
fn calls_whose_bytes_arrive_one_by_one_in_both_directions_are_answered() {
    let witness = Witness::new();
    let network = serve_witness(&witness, &[]);
    let relay = Relay::before(network.server("server1").address());
    relay.set(Flows {
        to_server: Flow::Bytewise,
        to_client: Flow::Bytewise,
    });
    for skin in Skin::ALL {
        let caller = Caller::new(skin, relay.address(), PATIENCE);
        for number in 1..=20 {
            assert_eq!(caller.call(&MARK, number).expect("an answer"), number);
        }
    }
    assert!((1..=20).all(|number| witness.runs()[&number] == Skin::ALL.len()));
}

/// The bytes of the first connection arrive after those of the second one, in both directions.
#[test]
fn calls_that_overtake_each_other_get_their_own_answers() {
    let witness = Witness::new();
    let network = serve_witness(&witness, &[]);
    let relay = Relay::before(network.server("server1").address());
    let held = |gate: &Arc<FlowGate>| Flow::Held(Arc::clone(gate));
    for skin in Skin::ALL {
        for is_answer in [false, true] {
            let gate = Arc::new(FlowGate::default());
            relay.take_counts();
            if is_answer {
                relay.set_to_client(held(&gate));
            } else {
                relay.set_to_server(held(&gate));
            }
            let late = Caller::new(skin, relay.address(), PATIENCE);
            let late = std::thread::spawn(move || late.call(&MARK, 1));
            let mut counts = (0, 0);
            eventually("bytes of the first call wait in the relay", || {
                let (from_client, from_server) = relay.take_counts();
                counts = (counts.0 + from_client, counts.1 + from_server);
                let arrived = if is_answer { counts.1 } else { counts.0 };
                (arrived > 0).then_some(())
            });
            relay.set(Flows::default());
            let second = Caller::new(skin, relay.address(), PATIENCE);
            assert_eq!(second.call(&MARK, 2).expect("an answer"), 2);
            assert!(!late.is_finished(), "the first call was not held back");
            gate.open();
            let late = late.join().expect("a caller");
            assert_eq!(late.expect("its own answer"), 1);
        }
    }
}

#[test]
fn a_connection_that_stalls_at_any_byte_fails_its_call_at_the_deadline_and_no_other() {
    const DEADLINE: Duration = Duration::from_millis(150);
    let witness = Witness::new();
    let network = serve_witness(&witness, &[]);
    let server = network.server("server1").address();
    let direct = Caller::new(Skin::Blocking, server, PATIENCE);
    for skin in Skin::ALL {
        let relay = Relay::before(server);
        let whole = Caller::new(skin, relay.address(), PATIENCE).call(&MARK, 1);
        assert_eq!(whole.expect("an answer"), 1);
        let lengths = relay.take_counts();
        // All stalls of a direction at once: each ends at the deadline.
        for (is_answer, length) in [(false, lengths.0), (true, lengths.1)] {
            let begin = Instant::now();
            // A request with a shorter deadline may be shorter by two digits.
            let calling: Vec<_> = (0..length - 2)
                .map(|limit| {
                    relay.set(Flows {
                        to_server: if is_answer {
                            Flow::Whole
                        } else {
                            Flow::Stall(limit)
                        },
                        to_client: if is_answer {
                            Flow::Stall(limit)
                        } else {
                            Flow::Whole
                        },
                    });
                    let connected = relay.connections();
                    let caller = Caller::new(skin, relay.address(), DEADLINE);
                    let calling = std::thread::spawn(move || caller.call(&MARK, 2));
                    eventually("the relay has the connection", || {
                        (relay.connections() > connected).then_some(())
                    });
                    calling
                })
                .collect();
            assert_eq!(direct.call(&MARK, 3).expect("an answer"), 3);
            for (limit, calling) in calling.into_iter().enumerate() {
                let result = calling.join().expect("a caller");
                let what = format!("{skin:?}, {is_answer}, {limit} of {length} bytes");
                let error = result.expect_err(&what);
                let late = [ExceptionType::DeadlineExceeded, ExceptionType::Unavailable];
                let kind = error.exception_type().expect("an exception");
                assert!(late.contains(&kind), "{error}");
                assert_ne!(error.executed(), Executed::Yes, "{error}");
            }
            assert!(begin.elapsed() < PATIENCE, "{:?}", begin.elapsed());
        }
    }
}
