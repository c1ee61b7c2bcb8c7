//! Applies that break calls of clients, and rollbacks of some servers.

use super::{apply_values, values};
use crate::harness::Network;

/// Changes what `svc1.value` returns, which breaks its client.
fn change_a_return_type(network: &Network) {
    let init = std::fs::read_to_string(network.path().join("init.yaml")).expect("init.yaml");
    network.write(
        "init.yaml",
        &init.replacen("returns: int", "returns: str", 1),
    );
    network.write("one.py", "def value():\n    return \"one\"\n");
}

#[test]
fn a_breaking_change_needs_a_flag_where_nobody_can_be_asked() {
    let network = Network::serving_two();
    change_a_return_type(&network);
    for arguments in [
        &["apply", "init.yaml"][..],
        &["apply", "init.yaml", "--yes"],
    ] {
        network
            .initializer(arguments)
            .ends(1)
            .says("can no longer call `svc1.value()`")
            .says("nothing has changed: this apply breaks calls of clients")
            .says("give --allow-breaking");
    }
    network
        .initializer(&["plan", "init.yaml", "--out", "plan.json"])
        .ends(3);
    network
        .initializer(&["apply", "--plan", "plan.json"])
        .ends(1)
        .says("give --allow-breaking");
    network
        .initializer(&["status", "init.yaml"])
        .says("generation 1");
    network
        .initializer(&["apply", "init.yaml", "--allow-breaking"])
        .succeeds();
}

#[test]
fn a_plan_as_workflow_commands_has_an_error_for_each_broken_client() {
    let network = Network::serving_two();
    change_a_return_type(&network);
    network
        .initializer(&["plan", "init.yaml", "--format", "github"])
        .ends(3)
        .says("::error file=init.yaml,title=breaks a client::`client1` can no longer call `svc1.value()`")
        .says("::notice file=init.yaml::plan: 0 new, 1 changed, 0 removed, 1 unchanged on 2 servers");
    let as_format = network.initializer(&["plan", "init.yaml", "--format", "json"]);
    let as_flag = network.initializer(&["plan", "init.yaml", "--json"]);
    assert_eq!(as_format.ends(3).stdout, as_flag.ends(3).stdout);
}

#[test]
fn the_deploy_key_may_be_named_by_the_environment() {
    let mut network = Network::of_two_servers();
    network.write("deploy.key", "a key that is long enough for all\n");
    let key = network.path().join("deploy.key");
    let flag = ["--deploy-key", key.to_str().expect("a path")];
    network.start("server1", &flag);
    network.start("server2", &flag);
    let plan = |key: &str| {
        let mut command =
            network.command(env!("CARGO_BIN_EXE_initializer"), &["plan", "init.yaml"]);
        command.env("RPC_DEPLOY_KEY_FILE", key);
        crate::harness::finish(crate::harness::begin(command))
    };
    plan("deploy.key").ends(3);
    plan("missing.key").ends(1).says("missing.key");
    plan("").ends(1).says("give --deploy-key");
}

#[test]
fn a_rollback_of_some_servers_goes_on_when_another_one_is_down() {
    let mut network = Network::serving_two();
    apply_values(&network, [2, 2]);
    network.server_mut("server2").kill();
    network
        .initializer(&["rollback", "init.yaml"])
        .ends(1)
        .says("server2")
        .says("`--only SERVER,...` rolls back the servers that answer");
    network
        .initializer(&["rollback", "init.yaml", "--only", "nobody"])
        .ends(1)
        .says("no server `nobody` in this network");
    network
        .initializer(&["rollback", "init.yaml", "--only", "server1"])
        .succeeds()
        .says("server1 (generation 3): live");
    network
        .initializer(&["history", "init.yaml"])
        .says(", only server1");
    network.start("server2", &[]);
    assert_eq!(values(&network), [(3, 1), (2, 2)]);
}

#[test]
fn a_second_rollback_says_that_it_undoes_the_first() {
    let network = Network::serving_two();
    let second = apply_values(&network, [2, 2]);
    network
        .initializer(&["rollback", "init.yaml"])
        .succeeds()
        .never_says("undoes");
    for dry in [&["--dry-run"][..], &[]] {
        network
            .initializer(&[&["rollback", "init.yaml"][..], dry].concat())
            .says("was a rollback to ")
            .says(&format!("this undoes it, and returns to {second}"));
    }
    assert_eq!(values(&network).map(|(_, value)| value), [2, 2]);
}
