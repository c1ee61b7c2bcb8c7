//! `initializer status`.

use serde_json::json;

use super::events;
use crate::harness::{Network, txn};

#[test]
fn a_status_shows_what_is_live_its_time_its_origin_and_how_it_differs_from_the_file() {
    let mut network = Network::of_two_servers();
    network.start("server1", &[]);
    network.start("server2", &[]);
    network
        .initializer(&["status", "init.yaml"])
        .ends(3)
        .says("+ server1")
        .says("nothing has been applied yet");
    let id = super::apply_values(&network, [1, 1]);
    let status = network.initializer(&["status", "init.yaml"]).ends(0);
    let status = status
        .says("= server1")
        .says("generation 1, as the file says")
        .says(&format!("apply {id}, 20"))
        .says(" from 127.0.0.1")
        .says("rpc-server 0.1.0, Python 3.")
        .says("no sandbox, up since 20")
        .says("status: 2 as the file says, 0 different, 0 unreachable");
    assert_eq!(status.stderr, "");
    network.write_value("one.py", 2);
    let status = network.initializer(&["status", "init.yaml"]).ends(3);
    status
        .says("~ server1")
        .says("not as the file says")
        .says("~ svc1.value()  code ")
        .says("status: 1 as the file says, 1 different, 0 unreachable");
    assert_eq!(network.value("server1"), (1, 1), "`status` changes nothing");
}

#[test]
fn an_unreachable_server_does_not_hide_the_others() {
    let mut network = Network::serving_two();
    let address = network.server("server2").address();
    network.server_mut("server2").kill();
    network
        .initializer(&["status", "init.yaml"])
        .ends(1)
        .says("= server1")
        .says(&format!(
            "! server2 at {address}: connection refused (is it running?)"
        ))
        .says("status: 1 as the file says, 0 different, 1 unreachable");
    let lines = network
        .initializer(&["status", "init.yaml", "--json"])
        .ends(1)
        .json_lines();
    let summary = lines.last().expect("a summary").clone();
    assert_eq!(
        (&summary["as-declared"], &summary["unreachable"]),
        (&json!(1), &json!(1)),
        "{summary}"
    );
    let servers = events(lines, "server");
    assert_eq!(
        (&servers[0]["reachable"], &servers[1]["reachable"]),
        (&json!(true), &json!(false))
    );
    assert_eq!(servers[0]["applied"]["generation"], 1, "{}", servers[0]);
}

#[test]
fn a_server_that_refuses_to_answer_is_not_called_unreachable() {
    let network = Network::serving_two();
    network.write("other.txt", "another key of some length\n");
    let status = |arguments: &[&str]| {
        let arguments = [
            &["status", "init.yaml", "--deploy-key", "other.txt"],
            arguments,
        ]
        .concat();
        network.initializer(&arguments).ends(1)
    };
    status(&[]).says("status: 0 as the file says, 0 different, 0 unreachable, 2 refused to answer");
    let summary = status(&["--json"]).summary();
    assert_eq!(
        (&summary["unreachable"], &summary["refused"]),
        (&json!(0), &json!(2))
    );
}

#[test]
fn an_apply_that_is_under_way_is_shown_with_its_holder() {
    let network = Network::serving_two();
    network
        .script("server1")
        .prepare_source("txn", "svc1", "def value():\n    return 5\n");
    network
        .initializer(&["status", "init.yaml"])
        .ends(0)
        .says(&format!(
            "under way: apply {} by the test from 127.0.0.1; its lease ends in ",
            txn("txn")
        ));
}

#[test]
fn swapped_server_addresses_are_reported() {
    let network = Network::serving_two();
    let other = |name: &str, place: &str| format!("{name}={}", network.server(place).address());
    let swapped = [other("server1", "server2"), other("server2", "server1")];
    let flags = ["--server", &swapped[0], "--server", &swapped[1]];
    for verb in ["status", "apply", "plan"] {
        network
            .initializer(&[&[verb, "init.yaml"][..], &flags].concat())
            .ends(1)
            .says("this is server `server2`")
            .says("this is server `server1`");
    }
}
