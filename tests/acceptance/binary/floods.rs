//! Floods of control frames and of calls that are cancelled at once: a session has a budget for
//! them, and ends when it is used up.

use std::collections::BTreeSet;

use wire::binary;
use wire::link::CONTROL_BURST;

use super::{adding, assert_sum, bind_add, expect_ended};
use crate::harness::{ADD, Frames, Gate, Network, Raises, Reply, peak_memory};

#[test]
fn a_flood_of_calls_that_are_cancelled_at_once_ends_its_session_and_each_is_answered_once() {
    const CALLS: u64 = 100_000;
    let gate = Gate::new();
    let wait = gate.source_with("wait", "number and gate.recv(1)\n    return number");
    let network = Network::with_procedures(&[("wait", "int", "int", &wait)])
        .amended(
            "tenants: [client1]",
            "tenants: [client1]\n    concurrency: 1",
        )
        .served(&["--max-session-calls", "8"]);
    let mut peer = network.binary();
    peer.send(
        Frames::new()
            .bind(0, "wait", &["int"])
            .call(1, 0, (10_i64,)),
    );
    let running = gate.enter();
    let frames = (2..=CALLS).fold(Frames::new(), |frames, call| {
        frames.call(call, 0, (0_i64,)).cancel(call)
    });
    let sending = peer.send_in_background(frames.bytes());
    let mut answered = BTreeSet::new();
    let mut next = || match peer.answer() {
        Reply::Exception(0, exception) => {
            Raises("Malformed Message", "no", &["too many control frames"])
                .check_exception(&exception);
            None
        }
        Reply::Exception(call, exception) => {
            Raises("Cancelled", "no", &[]).check_exception(&exception);
            Some(call)
        }
        other => panic!("{other:?}"),
    };
    while let Some(call) = next() {
        assert!(answered.insert(call), "two answers to call {call}");
    }
    assert!(
        answered.len() >= CONTROL_BURST as usize - 10,
        "only {} calls were accepted",
        answered.len()
    );
    running.release();
    let mut ran = 0;
    while let Some(reply) = peer.next() {
        let call = match reply {
            Reply::Bound(_) => continue,
            Reply::Exception(call, _) => call,
            Reply::Result(call, _) => {
                ran += usize::from(call > 1);
                call
            }
            other => panic!("{other:?}"),
        };
        assert!(answered.insert(call), "two answers to call {call}");
    }
    let last = answered.len() as u64;
    assert!(
        answered.into_iter().eq(1..=last),
        "every accepted call is answered"
    );
    sending.join().expect("the sender");
    let visitors = std::iter::from_fn(|| gate.enter_now()).count();
    assert_eq!(visitors, ran, "a call that was cancelled in the queue ran");
}

#[test]
fn a_flood_of_control_frames_ends_only_its_session() {
    let network = Network::serving(&[ADD]);
    let mut other = adding(&network);
    let floods: [fn(Frames, u64) -> Frames; 4] = [
        Frames::ping,
        |frames, number| frames.with(|out| binary::put_pong(number, out)),
        |frames, number| frames.cancel(number),
        |frames, _| frames.bind(0, "add", &["int", "int"]),
    ];
    for (flood, call) in floods.iter().zip(2..) {
        let mut peer = adding(&network);
        let sending = peer.send_in_background((0..100_000).fold(Frames::new(), flood).bytes());
        let pongs = std::iter::from_fn(|| match peer.answer() {
            Reply::Pong(number) => Some(number),
            Reply::Exception(0, exception) => {
                Raises("Malformed Message", "no", &["too many control frames"])
                    .check_exception(&exception);
                None
            }
            other => panic!("{other:?}"),
        });
        let pongs: Vec<u64> = pongs.collect();
        assert!(
            pongs.is_empty() || pongs.len() >= CONTROL_BURST as usize - 1,
            "{} pongs",
            pongs.len()
        );
        assert!(pongs.iter().copied().eq(0..pongs.len() as u64));
        peer.expect_end();
        sending.join().expect("the sender");
        assert_sum(&mut other, call);
    }
}

#[test]
fn control_frames_within_the_budget_are_accepted() {
    let network = Network::serving(&[ADD]);
    let mut peer = adding(&network);
    let half = CONTROL_BURST / 2 - 10;
    let sending = peer.send_in_background(
        (0..half)
            .fold(Frames::new(), |frames, n| frames.ping(n.into()))
            .bytes(),
    );
    for number in 0..half {
        assert_eq!(peer.answer(), Reply::Pong(number.into()));
    }
    sending.join().expect("the sender");
    peer.send((0..half).fold(Frames::new(), |frames, _| frames.cancel(1)));
    assert_sum(&mut peer, 2);
}

#[test]
fn a_session_binds_no_more_bytes_of_signatures_than_the_limit() {
    let network = Network::with_procedures(&[ADD]).served(&["--max-bound", "64KiB"]);
    let mut peer = adding(&network);
    let long = "a".repeat(60_000);
    // Binding the same slot again replaces its signature.
    peer.send(
        (0..100)
            .fold(Frames::new(), |frames, _| frames.bind(1, &long, &[]))
            .call(2, 1, ()),
    );
    Raises("RPC Not Found", "no", &[]).check_exception(&peer.raised().1);
    assert_sum(&mut peer, 3);
    peer.send(Frames::new().bind(2, &long, &[]));
    expect_ended(
        &mut peer,
        &["more than 65536 bytes of signatures are bound"],
    );
    let mut peer = adding(&network);
    let many = (1..10_000).fold(Frames::new(), |frames, slot| {
        frames.bind(slot, "add", &["int", "int"])
    });
    peer.send(many);
    expect_ended(
        &mut peer,
        &["more than 65536 bytes of signatures are bound"],
    );
}

#[test]
fn failed_binds_take_bounded_memory() {
    let overloads: Vec<_> = (1..=40)
        .map(|count| vec!["Tuple[str, str, str, str]"; count].join(", "))
        .collect();
    let sources: Vec<_> = (1..=40_usize)
        .map(|count| {
            let names: Vec<_> = (0..count).map(|place| format!("a{place}")).collect();
            format!("def many({}):\n    return 0\n", names.join(", "))
        })
        .collect();
    let procedures: Vec<_> = overloads
        .iter()
        .zip(&sources)
        .map(|(types, source)| ("many", types.as_str(), "int", source.as_str()))
        .collect();
    let network = Network::with_procedures(&procedures).served(&[]);
    let server = network.server("server1").pid();
    let mut first = network.binary();
    first.send(Frames::new().bind(0, "many", &[]).call(1, 0, ()));
    Raises("Invalid Arguments", "no", &[]).check_exception(&first.raised().1);
    let before = peak_memory(server);
    let mut peer = network.binary();
    let binds = (0..15_000).fold(Frames::new(), |frames, slot| frames.bind(slot, "many", &[]));
    peer.send(binds.call(1, 14_999, ()));
    Raises("Invalid Arguments", "no", &["no overload ()"]).check_exception(&peer.raised().1);
    let grown = peak_memory(server) - before;
    assert!(grown < 16 << 20, "{grown} bytes for 15,000 slots");
    peer.send(bind_add());
}
