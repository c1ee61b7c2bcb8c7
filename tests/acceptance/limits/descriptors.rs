//! A server without free file descriptors: open sessions go on, and connections are accepted as
//! soon as a descriptor is free.

use std::time::{Duration, Instant};

use super::add;
use crate::harness::{ADD, Framing, Network, Peer, ServerProcess, eventually, number, python};

#[test]
fn a_server_without_free_descriptors_serves_open_sessions_and_accepts_others_later() {
    let network = serving_with_one_worker();
    let server = network.server("server1");
    let mut live = network.peer(Framing::Framed);
    assert_eq!(number(&live.call(add().id(1))), 5);
    leave_descriptors(server, 4);
    let mut waiting: Vec<_> = (0..16).map(|_| network.peer(Framing::Lines)).collect();
    for peer in &mut waiting {
        peer.send(add().id(1));
    }
    server.logged(&["ERROR", "accept failed"]);
    assert_eq!(number(&live.call(add().id(2))), 5);
    for mut peer in waiting {
        assert_eq!(number(&peer.receive()), 5);
    }
    assert_eq!(number(&live.call(add().id(3))), 5);
}

/// Serves `add` with one worker, so that the number of descriptors does not change by itself.
fn serving_with_one_worker() -> Network {
    let network = Network::with_procedures(&[ADD]).amended(
        "tenants: [client1]",
        "tenants: [client1]\n    concurrency: 1",
    );
    network.served(&[])
}

/// Leaves this number of free descriptors to a server.
fn leave_descriptors(server: &ServerProcess, free: usize) {
    let open_count = std::fs::read_dir(format!("/proc/{}/fd", server.pid()))
        .expect("its descriptors")
        .count();
    let limit = format!("--nofile={}", open_count + free);
    let status = std::process::Command::new("prlimit")
        .args(["--pid", &server.pid().to_string(), &limit])
        .status();
    assert!(status.expect("prlimit").success());
}

/// Returns the time for which the threads of a process have run.
fn cpu_time(pid: u32) -> Duration {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).expect("its state");
    let columns = stat.rsplit_once(')').expect("a name").1.split_whitespace();
    let ticks = columns.skip(11).take(2).map(|ticks| {
        let ticks: u64 = ticks.parse().expect("a number");
        ticks
    });
    // A tick of this file is always a hundredth of a second.
    Duration::from_millis(ticks.sum::<u64>() * 10)
}

/// Accepting is tried again at least once a second, and not all the time.
#[test]
fn a_free_descriptor_is_used_within_a_second_and_no_time_is_wasted_until_then() {
    let network = serving_with_one_worker();
    let server = network.server("server1");
    let mut live = network.peer(Framing::Framed);
    assert_eq!(number(&live.call(add().id(1))), 5);
    leave_descriptors(server, 2);
    let mut open: Vec<Peer> = (0..2).map(|_| network.peer(Framing::Framed)).collect();
    for peer in &mut open {
        assert_eq!(number(&peer.call(add().id(1))), 5);
    }
    let mut fastest = Duration::MAX;
    for _ in 0..4 {
        let cpu_before = cpu_time(server.pid());
        let began_at = Instant::now();
        let failures = || {
            let is_failure = |line: &String| line.contains("accept failed");
            server.log().into_iter().filter(is_failure).count()
        };
        let failed_before = failures();
        let mut waiting = network.peer(Framing::Lines);
        waiting.send(add().id(1));
        eventually("accepting failed again", || {
            (failures() > failed_before).then_some(())
        });
        assert_eq!(number(&live.call(add().id(2))), 5);
        let busy = cpu_time(server.pid()).saturating_sub(cpu_before);
        assert!(
            busy < Duration::from_millis(200) || busy < began_at.elapsed() / 4,
            "{busy:?} of {:?}",
            began_at.elapsed()
        );
        let freed_at = Instant::now();
        drop(open.remove(0));
        assert_eq!(number(&waiting.receive()), 5);
        fastest = fastest.min(freed_at.elapsed());
        open.push(waiting);
    }
    assert!(fastest < Duration::from_secs(1), "{fastest:?}");
    assert_eq!(number(&live.call(add().id(3))), 5);
}

/// Connections that are reset before or after they are accepted disturb nobody.
#[test]
fn a_storm_of_resets_does_not_hold_up_accepting() {
    let network = Network::with_procedures(&[ADD]).served(&["--max-empty-connections", "10000"]);
    let server = network.server("server1");
    let mut live = network.peer(Framing::Framed);
    for round in 0..20 {
        let storm: Vec<Peer> = (0..50).map(|_| network.peer(Framing::Lines)).collect();
        storm.into_iter().for_each(Peer::reset);
        assert_eq!(number(&live.call(add().id(round))), 5);
        assert_eq!(number(&network.peer(Framing::Lines).call(add())), 5);
    }
    let is_failure = |line: &String| line.contains("accept failed");
    assert!(!server.log().iter().any(is_failure));
}

/// Starts a server that may open this number of files.
fn with_files(data: &std::path::Path, files: &str, flags: &[&str]) -> ServerProcess {
    let mut command = std::process::Command::new("prlimit");
    command.args([
        &format!("--nofile={files}"),
        env!("CARGO_BIN_EXE_rpc-server"),
        "--python",
        python(),
    ]);
    ServerProcess::launch(command, data, flags).expect("a server")
}

#[test]
fn a_server_says_at_its_start_what_it_needs_and_uses_the_hard_limit() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let data = folder.path().join("data");
    let server = with_files(&data, "700:1300", &["--max-connections", "1000"]);
    server.logged(&[
        "WARN",
        "fewer connections than --max-connections",
        "wanted=1000",
        "connections=715",
        "open_files=1300",
        "needed=1613",
    ]);
    server.logged(&["started", "connections=715"]);
    drop(server);
    let server = with_files(&data, "64:1613", &["--max-connections", "1000"]);
    server.logged(&["started", "connections=1000"]);
    let has_warning = |line: &String| line.contains("WARN");
    assert!(!server.log().iter().any(has_warning), "{:?}", server.log());
}

#[test]
fn a_server_says_when_its_workers_need_more_descriptors_than_there_are() {
    let mut network = Network::with_procedures(&[ADD]).amended(
        "tenants: [client1]",
        "tenants: [client1]\n    concurrency: 200",
    );
    let server = with_files(&network.data("server1"), "1000", &["--max-connections=400"]);
    network.adopt("server1", server);
    network.apply().succeeds();
    let words = ["WARN", "too few open files", "limit=1000", "workers=200"];
    network.server("server1").logged(&words);
}
