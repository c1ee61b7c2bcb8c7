//! `README.md`: its first example runs.

use crate::fence::{fences, first_and_next};
use crate::harness::Network;

const README: &str = include_str!("../../README.md");

#[test]
fn the_first_example_prints_its_result() {
    let fences = fences(README);
    let (init, source) = first_and_next(&fences, "yaml");
    let network = Network::new(&init.text);
    network.write("add.py", &source.text);
    let network = network.served(&[]);
    let calls = fences.iter().filter(|fence| fence.language == "console");
    let calls = calls
        .flat_map(|fence| fence.text.lines())
        .filter_map(|line| line.strip_prefix("$ rpc-client "));
    let printed: Vec<_> = calls
        .map(|call| network.client(&words(call)).succeeds().stdout)
        .collect();
    assert_eq!(printed, ["3.0\n"]);
}

fn words(command: &str) -> Vec<&str> {
    command.split(' ').collect()
}
