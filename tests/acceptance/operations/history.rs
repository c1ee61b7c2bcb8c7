//! `initializer history` and `rollback`.

use serde_json::json;

use super::{apply_values, events, values};
use crate::harness::{Network, TWO_SERVERS, eventually, request};

#[test]
fn the_history_lists_the_applies_of_all_servers_newest_first() {
    let network = Network::serving_two();
    let second = apply_values(&network, [2, 1]);
    let third = apply_values(&network, [3, 3]);
    let history = network.initializer(&["history", "init.yaml"]).succeeds();
    let places: Vec<_> = [&third, &second]
        .iter()
        .map(|id| history.stdout.find(id.as_str()))
        .collect();
    assert!(places[0].is_some() && places[0] < places[1], "{history:#?}");
    history
        .says("    server1  generation 3, live: 1 changed")
        .says("    server1  generation 2: 1 changed")
        .says("    server2  generation 2, live: 1 changed")
        .says("    server2  generation 1: 1 new")
        .says("history: 3 applies kept");
    let lines = network
        .initializer(&["history", "init.yaml", "--json"])
        .succeeds()
        .json_lines();
    let applies = events(lines, "apply");
    assert_eq!(applies.len(), 3);
    assert_eq!(
        (
            &applies[1]["apply"],
            &applies[1]["servers"][0]["generation"]
        ),
        (&json!(second), &json!(2))
    );
    assert_eq!(
        applies[1]["servers"].as_array().map(Vec::len),
        Some(1),
        "server2 did not change"
    );
}

#[test]
fn a_rollback_restores_what_each_server_ran_at_an_apply_and_sends_no_source() {
    let network = Network::serving_two();
    let second = apply_values(&network, [2, 1]);
    apply_values(&network, [3, 3]);
    for name in ["one.py", "two.py"] {
        std::fs::remove_file(network.path().join(name)).expect("a removed file");
    }
    let to = ["rollback", "init.yaml", "--to", &second[..8]];
    network
        .initializer(&[&to[..], &["--dry-run"]].concat())
        .ends(3)
        .says("~ svc1.value()")
        .says("~ svc2.value()");
    assert_eq!(values(&network), [(3, 3), (2, 3)]);
    let last = network
        .initializer(&[&to[..], &["--json"]].concat())
        .succeeds()
        .summary();
    assert_eq!(
        (&last["applied"], &last["files-sent"]),
        (&json!(true), &json!(0)),
        "{last}"
    );
    assert_eq!(values(&network), [(4, 2), (3, 1)]);
    network.initializer(&to).succeeds().says("nothing to do");
    let note = format!("(rollback to {second})");
    network
        .initializer(&["history", "init.yaml"])
        .succeeds()
        .says(&note);
    // Without `--to`, a rollback restores what ran before the last apply. That was the rollback.
    network.initializer(&["rollback", "init.yaml"]).succeeds();
    assert_eq!(values(&network), [(5, 3), (4, 3)]);
}

#[test]
fn a_rollback_restores_removed_procedures_and_tenants() {
    let network = Network::serving_two();
    let first = TWO_SERVERS.to_owned();
    network.write(
        "init.yaml",
        &first.replace(
            "tenants: [client1]\n    rpcs:\n      - { name: value, returns: int, path: one.py }",
            "rpcs: []",
        ),
    );
    network.apply().succeeds();
    let refused = network.ask("server1", request("svc1", "value"));
    assert_eq!(
        refused["value"]["exception-type"], "RPC Not Found",
        "{refused}"
    );
    network
        .initializer(&["rollback", "init.yaml"])
        .succeeds()
        .says("+ svc1.value()")
        .says("+ tenant client1");
    assert_eq!(network.value("server1"), (3, 1));
}

#[test]
fn an_impossible_rollback_is_refused_with_its_reason() {
    let mut network = Network::serving_two();
    let refused = |to: &str| {
        network
            .initializer(&["rollback", "init.yaml", "--to", to])
            .ends(1)
    };
    refused("abc").says("the id of an apply must be given with at least 4 digits");
    refused("0123456789")
        .says("no server keeps an apply `0123456789`")
        .says("initializer history");
    network
        .initializer(&["rollback", "init.yaml"])
        .ends(1)
        .says("there is no earlier apply to go back to");
    let first = apply_values(&network, [2, 2]);
    apply_values(&network, [3, 3]);
    network.server_mut("server2").kill();
    network
        .initializer(&["rollback", "init.yaml", "--to", &first])
        .ends(1)
        .says("server `server2` at ")
        .says("connection refused");
    assert_eq!(network.value("server1"), (3, 3));
}

#[test]
fn a_server_keeps_as_many_applies_as_its_flag_says() {
    let mut network = Network::of_two_servers();
    for name in ["server1", "server2"] {
        network.start(name, &["--history", "3"]);
    }
    let ids: Vec<String> = (1..=6)
        .map(|value| apply_values(&network, [value, 1]))
        .collect();
    let generations = network.data("server1").join("generations");
    let kept = || -> Vec<String> {
        let entries = std::fs::read_dir(&generations).expect("a folder").flatten();
        let mut names: Vec<_> = entries
            .map(|entry| entry.file_name().to_string_lossy().into_owned())
            .collect();
        names.sort();
        names
    };
    eventually("older generations are removed", || {
        (kept() == ["4.json", "5.json", "6.json"]).then_some(())
    });
    let objects = || count_files(&network.data("server1").join("objects"));
    eventually("the files of older generations are removed", || {
        (objects() == 3).then_some(())
    });
    network
        .initializer(&["rollback", "init.yaml", "--to", &ids[1]])
        .ends(1)
        .says("no server keeps an apply");
    // Only server2 still keeps the first apply.
    network
        .initializer(&["rollback", "init.yaml", "--to", &ids[0]])
        .ends(1)
        .says("server `server1` no longer keeps what it ran then");
    network
        .initializer(&["rollback", "init.yaml", "--to", &ids[3]])
        .succeeds();
    assert_eq!(values(&network), [(7, 4), (1, 1)]);
}

fn count_files(folder: &std::path::Path) -> usize {
    let entries = std::fs::read_dir(folder).expect("a folder").flatten();
    entries
        .map(|entry| {
            if entry.path().is_dir() {
                count_files(&entry.path())
            } else {
                1
            }
        })
        .sum()
}

#[test]
fn a_generation_with_missing_files_is_marked_and_cannot_be_restored() {
    let network = Network::serving_two();
    let first = network
        .initializer(&["history", "init.yaml", "--json"])
        .succeeds()
        .json_lines()[0]
        .clone();
    let first = first["apply"].as_str().expect("an id").to_owned();
    apply_values(&network, [2, 1]);
    let hash = deploy::sha256_hex(b"def value():\n    return 1\n");
    let object = network
        .data("server1")
        .join("objects")
        .join(&hash[..2])
        .join(&hash);
    std::fs::remove_file(&object).expect("an object");
    let words = format!("cannot roll back to it: the file {hash} is missing");
    network
        .initializer(&["history", "init.yaml"])
        .succeeds()
        .says(&words);
    network
        .initializer(&["rollback", "init.yaml", "--to", &first])
        .ends(1)
        .says("server `server1` cannot go back to generation 1: the file ");
    assert_eq!(network.value("server1"), (2, 2));
}
