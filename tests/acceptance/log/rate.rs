//! Beyond a rate, calls and events that a peer causes are counted instead of logged one by one.

use super::{FAIL, add};
use crate::harness::{ADD, Framing, Network, Peer, number, request};

/// Maximum number of lines per second about the calls of a procedure.
const RATE: u64 = 100;

/// Maximum number of lines per second about the refusals of a peer.
const REFUSALS: u64 = 20;

/// Returns the sum of `calls=` over all summaries for a procedure.
fn suppressed(log: &[String], key: &str) -> u64 {
    let summaries = log
        .iter()
        .filter(|line| line.contains(" suppressed ") && line.contains(key));
    let count = |line: &String| {
        line.split("calls=")
            .nth(1)?
            .split(' ')
            .next()?
            .parse::<u64>()
            .ok()
    };
    summaries
        .map(|line| count(line).unwrap_or_else(|| panic!("no count: {line}")))
        .sum()
}

/// Returns the number of lines that contain all the words.
fn count_lines(log: &[String], words: &[&str]) -> u64 {
    log.iter()
        .filter(|line| words.iter().all(|word| line.contains(word)))
        .count() as u64
}

#[test]
fn calls_beyond_the_rate_are_summed_up_and_none_is_uncounted() {
    const CALLS: u64 = 1000;
    let mut network = Network::serving(&[ADD, FAIL]);
    let mut peer = network.peer(Framing::Framed);
    let requests = peer.framed(&add().id(1).to_string()).repeat(CALLS as usize);
    peer.send_bytes(&requests);
    for _ in 0..CALLS {
        peer.receive();
    }
    peer.call(request("svc1", "fail").arg("int", 1).id(2));
    network
        .server("server1")
        .logged(&["INFO", " call ", "svc1.fail(int)"]);
    drop(peer);
    network.server("server1").signal("TERM");
    assert_eq!(network.server_mut("server1").wait().code(), Some(0));
    let log = network.server("server1").log_to_end();
    let logged = count_lines(&log, &[" call ", "svc1.add"]);
    let summed = suppressed(&log, "svc1.add(int, int)");
    assert!(
        logged >= RATE && summed > 0,
        "{logged} lines and {summed} in summaries"
    );
    assert_eq!(logged + summed, CALLS, "calls in lines and in summaries");
}

#[test]
fn a_running_server_logs_its_summaries_without_further_calls() {
    let network = Network::serving(&[ADD]);
    let mut peer = network.peer(Framing::Lines);
    let requests = peer.framed(&add().id(1).to_string()).repeat(400);
    peer.send_bytes(&requests);
    (0..400).for_each(|_| drop(peer.receive()));
    network.server("server1").logged(&[
        "INFO",
        " suppressed ",
        "calls=",
        "key=\"svc1.add(int, int)\"",
    ]);
}

#[test]
fn refusals_and_exceptions_beyond_the_rate_of_a_peer_are_summed_up_and_none_is_uncounted() {
    const EACH: u64 = 300;
    let mut network = Network::serving(&[ADD, FAIL]);
    let mut peer = network.peer(Framing::Lines);
    let cases = [
        request("svc1", "fail").arg("int", 0).id(1),
        request("svc1", "sub").id(2),
        add().client("nobody").id(3),
        request("svc1", "add").id(4),
    ];
    let round: Vec<u8> = cases
        .iter()
        .flat_map(|case| peer.framed(&case.to_string()))
        .collect();
    let requests = round.repeat(EACH as usize);
    peer.send_bytes(&requests);
    (0..EACH * 4).for_each(|_| drop(peer.receive()));
    drop(peer);
    network.server("server1").signal("TERM");
    assert_eq!(network.server_mut("server1").wait().code(), Some(0));
    let log = network.server("server1").log_to_end();
    let kinds = [
        &[" call ", "svc1.fail(int)", "Execution Exception"][..],
        &[" raised ", "svc1.fail(int)", "ZeroDivisionError"],
        &[" refused ", "RPC Not Found"],
        &[" unauthorized ", "client=nobody"],
        &[" refused ", "Client Not Registered"],
        &[" refused ", "Invalid Arguments"],
    ];
    let logged: u64 = kinds.iter().map(|words| count_lines(&log, words)).sum();
    let summaries = log
        .iter()
        .filter(|line| line.contains(" suppressed peer=127.0.0.1 "));
    let count = |line: &String| {
        line.split("refusals=")
            .nth(1)?
            .split(' ')
            .next()?
            .parse::<u64>()
            .ok()
    };
    let summed: u64 = summaries.filter_map(count).sum();
    assert_eq!(
        logged + summed,
        EACH * kinds.len() as u64,
        "{logged} lines and {summed} in summaries"
    );
    assert!(
        logged >= REFUSALS && summed > 0,
        "{logged} lines and {summed} in summaries"
    );
}

#[test]
fn a_stranger_cannot_fill_the_log_and_honest_calls_are_still_logged() {
    const EACH: usize = 3000;
    let mut network = Network::serving(&[ADD]);
    let address = network.server("server1").address();
    let mut stranger = Peer::connect_from([127, 0, 0, 77], address, Framing::Framed);
    let name = "x".repeat(10_000);
    let flood = stranger
        .framed(&add().client(&name).id(1).to_string())
        .repeat(EACH);
    let mut sending = stranger.twin();
    let sender = std::thread::spawn(move || sending.send_bytes(&flood));
    for _ in 0..EACH {
        stranger.receive();
    }
    sender.join().expect("sent");
    assert_eq!(number(&network.peer(Framing::Lines).call(add().id(2))), 5);
    network.server("server1").signal("TERM");
    assert_eq!(network.server_mut("server1").wait().code(), Some(0));
    let log = network.server("server1").log_to_end();
    let bytes: usize = log.iter().map(String::len).sum();
    // Without a limit, each message would cause two lines. The peer sends for a few seconds only.
    assert!(bytes < EACH * 100, "{bytes} bytes");
    assert_eq!(
        count_lines(&log, &[" call ", "svc1.add(int, int)", "outcome=ok"]),
        1
    );
}
