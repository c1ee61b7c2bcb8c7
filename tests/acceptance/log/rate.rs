//! Beyond a rate, calls are counted instead of logged one by one; everything else is logged always.

use super::{ADD, FAIL, add};
use crate::harness::{Framing, Network, request};

/// Lines of calls that get one at least, and at most by second.
const RATE: u64 = 100;

/// The number after `calls=` in each summary for a procedure.
fn suppressed(log: &[String], key: &str) -> u64 {
    let summaries = log.iter().filter(|line| line.contains(" suppressed ") && line.contains(key));
    let count = |line: &String| line.split("calls=").nth(1)?.split(' ').next()?.parse::<u64>().ok();
    summaries.map(|line| count(line).unwrap_or_else(|| panic!("no count: {line}"))).sum()
}

fn lines(log: &[String], words: &[&str]) -> u64 {
    log.iter().filter(|line| words.iter().all(|word| line.contains(word))).count() as u64
}

#[test]
fn calls_beyond_the_rate_are_summed_up_and_none_is_lost() {
    const CALLS: u64 = 1000;
    let mut network = Network::serving(&[ADD, FAIL]);
    let mut peer = network.peer(Framing::Framed);
    let requests = peer.framed(&add().id(1).to_string()).repeat(CALLS as usize);
    peer.send_bytes(&requests);
    for _ in 0..CALLS {
        peer.receive();
    }
    peer.call(request("svc1", "fail").arg("int", 1).id(2));
    network.server("server1").logged(&["INFO", " call ", "svc1.fail(int)"]);
    drop(peer);
    network.server("server1").signal("TERM");
    assert_eq!(network.server_mut("server1").wait().code(), Some(0));
    let log = network.server("server1").log_to_end();
    let (logged, summed) = (lines(&log, &[" call ", "svc1.add"]), suppressed(&log, "svc1.add(int, int)"));
    assert!(logged >= RATE && summed > 0, "{logged} lines and {summed} in summaries");
    assert_eq!(logged + summed, CALLS, "calls in lines and in summaries");
}

#[test]
fn a_summary_comes_within_the_next_second_of_a_running_server() {
    let network = Network::serving(&[ADD]);
    let mut peer = network.peer(Framing::Lines);
    let requests = peer.framed(&add().id(1).to_string()).repeat(400);
    peer.send_bytes(&requests);
    (0..400).for_each(|_| drop(peer.receive()));
    network.server("server1").logged(&["INFO", " suppressed ", "calls=", "key=\"svc1.add(int, int)\""]);
}

#[test]
fn refusals_and_exceptions_are_logged_at_any_rate() {
    const EACH: u64 = 300;
    let mut network = Network::serving(&[ADD, FAIL]);
    let mut peer = network.peer(Framing::Lines);
    let cases = [
        request("svc1", "fail").arg("int", 0).id(1),
        request("svc1", "sub").id(2),
        add().client("nobody").id(3),
        request("svc1", "add").id(4),
    ];
    let round: Vec<u8> = cases.iter().flat_map(|case| peer.framed(&case.to_string())).collect();
    let requests = round.repeat(EACH as usize);
    peer.send_bytes(&requests);
    (0..EACH * 4).for_each(|_| drop(peer.receive()));
    drop(peer);
    network.server("server1").signal("TERM");
    assert_eq!(network.server_mut("server1").wait().code(), Some(0));
    let log = network.server("server1").log_to_end();
    for words in [
        &[" call ", "svc1.fail(int)", "Execution Exception"][..],
        &[" raised ", "svc1.fail(int)", "ZeroDivisionError"],
        &[" refused ", "RPC Not Found"],
        &[" unauthorized ", "client=nobody"],
        &[" refused ", "Client Not Registered"],
        &[" refused ", "Invalid Arguments"],
    ] {
        assert_eq!(lines(&log, words), EACH, "{words:?}");
    }
}
