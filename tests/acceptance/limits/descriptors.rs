//! A server without free file descriptors: open sessions go on, and connections are accepted as
//! soon as a descriptor is free.

use super::add;
use crate::harness::{ADD, Framing, Network, number};

#[test]
fn a_server_without_free_descriptors_serves_open_sessions_and_accepts_others_later() {
    let network = Network::with_procedures(&[ADD])
        .amended(
            "tenants: [client1]",
            "tenants: [client1]\n    concurrency: 1",
        )
        .served(&[]);
    let server = network.server("server1");
    let mut live = network.peer(Framing::Framed);
    assert_eq!(number(&live.call(add().id(1))), 5);
    let open_count = std::fs::read_dir(format!("/proc/{}/fd", server.pid()))
        .expect("its descriptors")
        .count();
    let limit = format!("--nofile={}", open_count + 4);
    let status = std::process::Command::new("prlimit")
        .args(["--pid", &server.pid().to_string(), &limit])
        .status();
    assert!(status.expect("prlimit").success());
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
