//! Further files of a service: modules that its sources import, and data that they read.

use serde_json::{Value, json};

use crate::harness::{Network, request};

const INIT: &str = "\
network:
  servers:
    server1: { ip: 127.0.0.1, port: 1 }
  clients:
    client1: { ip: 127.0.0.1 }
services:
  svc1:
    provider: server1
    tenants: [client1]
    concurrency: 1
    modules: [services/svc1/words.py, services/shared/numbers_of.py]
    data: [services/svc1/roll.csv]
    rpcs:
      - { name: greeting, returns: str, path: services/svc1/greeting.py }
      - { name: beside_me, returns: str, path: services/svc1/roll.py }
      - { name: from_the_project, returns: str, path: services/svc1/roll.py }
      - { name: bump, returns: int, path: services/svc1/counter.py }
      - { name: read_counter, returns: int, path: services/svc1/counter.py }
";

fn serving() -> Network {
    let mut network = Network::new(INIT);
    for (name, content) in [
        (
            "words.py",
            "from numbers_of import one\n\nWORD = 'hello'\n\ndef say():\n    return f'{WORD} {one()}'\n",
        ),
        (
            "greeting.py",
            "import words\n\ndef greeting():\n    return words.say()\n",
        ),
        ("roll.csv", "anna,7\n"),
        (
            "roll.py",
            "import os\n\ndef beside_me():\n    with open(os.path.join(os.path.dirname(__file__), 'roll.csv')) as file:\n        \
             return file.read()\n\ndef from_the_project():\n    with open('services/svc1/roll.csv') as file:\n        \
             return file.read()\n",
        ),
        (
            "counter.py",
            "count = 0\n\ndef bump():\n    global count\n    count += 1\n    return count\n\ndef read_counter():\n    return count\n",
        ),
    ] {
        network.write(&format!("services/svc1/{name}"), content);
    }
    network.write(
        "services/shared/numbers_of.py",
        "def one():\n    return 1\n",
    );
    network.start("server1", &[]);
    network.apply().succeeds();
    network
}

#[track_caller]
fn returned(network: &Network, rpc: &str) -> Value {
    let answer = network.ask("server1", request("svc1", rpc));
    assert_eq!(answer["header"], "RPC-RES", "{answer}");
    answer["value"]["return-values"][0].clone()
}

#[test]
fn modules_and_data_are_deployed_and_found() {
    let network = serving();
    assert_eq!(returned(&network, "greeting"), "hello 1");
    assert_eq!(returned(&network, "beside_me"), "anna,7\n");
    assert_eq!(returned(&network, "from_the_project"), "anna,7\n");
    std::fs::remove_dir_all(network.path().join("services")).expect("removed");
    assert_eq!(
        returned(&network, "from_the_project"),
        "anna,7\n",
        "the server reads its own copy"
    );
}

#[test]
fn two_procedures_of_one_file_share_its_globals() {
    let network = serving();
    assert_eq!(
        [returned(&network, "bump"), returned(&network, "bump")],
        [json!(1), json!(2)]
    );
    assert_eq!(returned(&network, "read_counter"), 2);
}

#[test]
fn a_changed_module_alone_gets_new_workers() {
    let network = serving();
    returned(&network, "bump");
    let before = network.server("server1").workers();
    network.write(
        "services/shared/numbers_of.py",
        "def one():\n    return 'one'\n",
    );
    network
        .plan()
        .ends(3)
        .says("~ module services/shared/numbers_of.py")
        .says("0 changed, 0 removed, ")
        .says("unchanged, 1 file that procedures share on 1 server, 1 file to send");
    let summary = network
        .initializer(&["apply", "init.yaml", "--json"])
        .succeeds()
        .summary();
    assert_eq!(summary["files-sent"], 1);
    assert_eq!(returned(&network, "greeting"), "hello one");
    assert_eq!(
        returned(&network, "read_counter"),
        0,
        "a worker that is started again has fresh globals"
    );
    let server = network.server("server1");
    server.wait_for_workers("the old workers leave", |now| now.is_disjoint(&before));
    let shared = "services/shared/numbers_of.py (svc1)";
    server.logged(&["generation live", "generation=2", shared]);
    network
        .initializer(&["history", "init.yaml"])
        .succeeds()
        .says(&format!("generation 2, live: {shared}"));
}

#[test]
fn changed_data_alone_gets_new_workers() {
    let network = serving();
    assert_eq!(returned(&network, "bump"), 1);
    network.write("services/svc1/roll.csv", "bert,8\n");
    network.plan().ends(3).says("~ data services/svc1/roll.csv");
    network.apply().succeeds().says("1 file");
    assert_eq!(returned(&network, "beside_me"), "bert,8\n");
    assert_eq!(returned(&network, "read_counter"), 0);
}

#[test]
fn a_module_that_makes_its_source_fail_is_refused_with_the_line_of_the_import() {
    let network = serving();
    for (content, words) in [
        ("def one(:\n", "SyntaxError"),
        (
            "raise RuntimeError('not today')\n",
            "RuntimeError: not today",
        ),
        (
            "def two():\n    return 2\n",
            "ImportError: cannot import name 'one'",
        ),
    ] {
        network.write("services/shared/numbers_of.py", content);
        network
            .apply_unchecked()
            .ends(1)
            .says(words)
            .says("services/svc1/greeting.py:1:");
        assert_eq!(returned(&network, "greeting"), "hello 1");
    }
    network.write(
        "init.yaml",
        &INIT.replace(", services/shared/numbers_of.py", ""),
    );
    network
        .apply_unchecked()
        .ends(1)
        .says("ModuleNotFoundError: No module named 'numbers_of'");
    network.write("init.yaml", &INIT.replace("roll.csv]", "rolls.csv]"));
    network
        .apply()
        .ends(1)
        .says("E080")
        .says("services/svc1/rolls.csv");
    assert_eq!(returned(&network, "beside_me"), "anna,7\n");
}

#[test]
fn binary_data_arrives_unchanged() {
    let network = serving();
    let bytes: Vec<u8> = (0..=255).cycle().take(100_000).collect();
    std::fs::write(network.path().join("services/svc1/roll.csv"), &bytes).expect("a written file");
    let source = "import hashlib\n\ndef beside_me():\n    with open(__file__.replace('roll.py', 'roll.csv'), 'rb') as file:\n        \
                  return hashlib.sha256(file.read()).hexdigest()\n\nfrom_the_project = lambda: ''\n";
    network.write("services/svc1/roll.py", source);
    network.apply().succeeds().says("2 files");
    assert_eq!(returned(&network, "beside_me"), deploy::sha256_hex(&bytes));
}
