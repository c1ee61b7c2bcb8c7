//! `README.md`: its first example runs as it is pasted.

use std::net::TcpListener;

use crate::console::run;
use crate::fence::{fences, first_and_next};
use crate::harness::Network;

const README: &str = include_str!("../../README.md");

#[test]
fn the_first_example_prints_its_result() {
    let fences = fences(README);
    let (init, source) = first_and_next(&fences, "yaml");
    let is_by_hand = |text: &str| text.starts_with("rpc-server --listen 127.0.0.1:7101 ");
    let by_hand = fences.iter().find(|fence| is_by_hand(&fence.text));
    let by_hand = &by_hand.expect("commands").text;
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let port = listener
        .local_addr()
        .expect("its address")
        .port()
        .to_string();
    drop(listener);
    let network = Network::new(&init.text.replace("7101", &port));
    network.write("add.py", &source.text);
    let printed = run(
        &network,
        &format!("{}kill $!", by_hand.replace("7101", &port)),
    );
    assert!(printed.lines().any(|line| line == "3.0"), "{printed}");
    assert!(!printed.contains("error"), "{printed}");
}
