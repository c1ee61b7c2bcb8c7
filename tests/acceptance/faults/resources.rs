//! A server that has no file descriptor left.

use std::process::Command;
use std::time::{Duration, Instant};

use crate::harness::{ADD, Framing, Network, number, request};

/// Returns the processor time of a process.
fn processor_time(pid: u32) -> Duration {
    const TICK: Duration = Duration::from_millis(10);
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).expect("a running process");
    let (_, columns) = stat.rsplit_once(')').expect("its name");
    // The name is the second column, and the times are the 14th and the 15th.
    let ticks = columns.split_whitespace().skip(11).take(2);
    ticks
        .map(|ticks| TICK * ticks.parse().expect("a number"))
        .sum()
}

#[test]
fn a_server_without_free_descriptors_does_not_spin_and_accepts_again_within_a_second() {
    const CONNECTIONS: usize = 200;
    const LOOK: Duration = Duration::from_secs(1);
    let network = Network::serving(&[ADD]);
    let server = network.server("server1");
    let add = || request("svc1", "add").arg("int", 2).arg("int", 3).id(1);
    let mut live = network.peer(Framing::Framed);
    assert_eq!(number(&live.call(add())), 5);
    let open_count = std::fs::read_dir(format!("/proc/{}/fd", server.pid()))
        .expect("its descriptors")
        .count();
    let limit = format!("--nofile={}", open_count + 4);
    let status = Command::new("prlimit")
        .args(["--pid", &server.pid().to_string(), &limit])
        .status();
    assert!(status.expect("prlimit").success());
    let mut waiting: Vec<_> = (0..CONNECTIONS)
        .map(|_| network.peer(Framing::Framed))
        .collect();
    server.logged(&["ERROR", "accept failed"]);
    let before = processor_time(server.pid());
    // Not a wait for an event: the server must not work during this time.
    std::thread::park_timeout(LOOK);
    let used = processor_time(server.pid()).saturating_sub(before);
    assert!(used < LOOK / 3, "{used:?} of work while nothing happens");
    assert_eq!(number(&live.call(add())), 5);
    // Connections are accepted in their order, so the first one has a descriptor.
    let mut first = waiting.remove(0);
    assert_eq!(number(&first.call(add())), 5);
    while !waiting.is_empty() {
        drop(first);
        let begin = Instant::now();
        first = waiting.remove(0);
        assert_eq!(number(&first.call(add())), 5);
        let took = begin.elapsed();
        assert!(
            took < Duration::from_secs(2),
            "{took:?} after a descriptor was free"
        );
        // All others are closed at once.
        if waiting.len() == CONNECTIONS - 8 {
            waiting.clear();
        }
    }
    assert_eq!(number(&network.peer(Framing::Framed).call(add())), 5);
    assert_eq!(number(&live.call(add())), 5);
}
