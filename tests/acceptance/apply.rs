//! `initializer plan` and `apply`: what they show, what they send, and what they do not change.

use serde_json::json;

use crate::harness::{Framing, Network, Peer, TWO_SERVERS, request};

/// Returns an `init.yaml` with `svc1` on `server1` for the tenants. Each procedure is `() -> int`
/// in `<name>.py`.
fn init(tenants: &str, rpcs: &[&str]) -> String {
    let rpcs: Vec<_> = rpcs
        .iter()
        .map(|rpc| format!("      - {{ name: {rpc}, returns: int, path: {rpc}.py }}\n"))
        .collect();
    format!(
        "network:\n  servers:\n    server1: {{ ip: 127.0.0.1, port: 1 }}\n  clients:\n    \
         client1: {{ ip: 127.0.0.1 }}\n    client2: {{ ip: 127.0.0.2 }}\nservices:\n  svc1:\n    \
         provider: server1\n    tenants: [{tenants}]\n    rpcs:\n{}",
        rpcs.concat()
    )
}

/// Starts a network of one server on which the procedures are live.
fn serving(rpcs: &[&str]) -> Network {
    let mut network = Network::new(&init("client1, client2", rpcs));
    for rpc in rpcs {
        network.write(
            &format!("{rpc}.py"),
            &format!("def {rpc}():\n    return 1\n"),
        );
    }
    network.start("server1", &[]);
    network.apply().succeeds();
    network
}

#[test]
fn a_plan_names_what_is_new_changed_removed_and_unchanged_and_changes_nothing() {
    let network = serving(&["kept", "changed", "gone"]);
    network
        .plan()
        .ends(0)
        .says("= server1")
        .says("0 new, 0 changed, 0 removed, 3 unchanged on 1 server");
    network.write("init.yaml", &init("client1", &["kept", "changed", "fresh"]));
    network.write("changed.py", "def changed():\n    return 2\n");
    network.write("fresh.py", "def fresh():\n    return 3\n");
    let plan = network
        .plan()
        .ends(3)
        .says("~ server1")
        .says("generation 1 -> 2")
        .says("~ svc1")
        .says("+ svc1.fresh()")
        .says("~ svc1.changed()  code ")
        .says("- svc1.gone()")
        .says("- tenant client2")
        .says("= 1 procedure")
        .says("`client1` can no longer call `svc1.gone()`: the procedure is gone")
        .says("`client2` can no longer call `svc1`: it is no longer a tenant")
        .says("plan: 1 new, 1 changed, 1 removed, 1 unchanged on 1 server");
    assert_eq!(plan.stderr, "");
    network
        .initializer(&["plan", "init.yaml", "--verbose"])
        .ends(3)
        .says("= svc1.kept()");
    let answer = network.ask("server1", request("svc1", "changed"));
    assert_eq!(
        (
            &answer["value"]["generation"],
            &answer["value"]["return-values"]
        ),
        (&json!(1), &json!([1]))
    );
    assert_eq!(
        network.ask("server1", request("svc1", "gone"))["header"],
        "RPC-RES"
    );
}

#[test]
fn a_plan_as_json_is_one_object_with_the_counts_and_the_breaks() {
    let network = serving(&["kept", "gone"]);
    network.write("init.yaml", &init("client1, client2", &["kept"]));
    let lines = network
        .initializer(&["plan", "init.yaml", "--json"])
        .ends(3)
        .json_lines();
    let [plan] = &lines[..] else {
        panic!("{lines:?}")
    };
    assert_eq!(
        (&plan["event"], &plan["schema"]),
        (&json!("plan"), &json!(1))
    );
    assert_eq!(
        plan["servers"][0]["services"][0]["rpcs"],
        json!([{ "key": "svc1.gone()", "mark": "-", "what": "" }])
    );
    assert_eq!(
        [
            &plan["new"],
            &plan["changed"],
            &plan["removed"],
            &plan["unchanged"]
        ],
        [0, 0, 1, 1]
    );
    assert_eq!(plan["breaks"].as_array().map(Vec::len), Some(2), "{plan}");
}

#[test]
fn an_apply_is_live_on_every_server_and_a_second_one_sends_nothing() {
    let mut network = Network::of_two_servers();
    network.start("server1", &[]);
    network.start("server2", &[]);
    network
        .plan()
        .ends(3)
        .says("+ server1")
        .says("+ server2")
        .says("2 new");
    let answer = network.ask("server1", request("svc1", "value"));
    assert_eq!(answer["value"]["exception-type"], "Service Not Found");
    let first = network
        .initializer(&["apply", "init.yaml", "--json"])
        .succeeds()
        .summary();
    assert_eq!(
        (&first["event"], &first["applied"], &first["schema"]),
        (&json!("summary"), &json!(true), &json!(1))
    );
    assert_eq!(
        first["files-sent"], 2,
        "each server is sent its own copy, also of the same bytes: {first}"
    );
    assert_eq!(
        [network.value("server1"), network.value("server2")],
        [(1, 1); 2]
    );
    let workers = ["server1", "server2"].map(|name| network.server(name).workers());
    network
        .apply()
        .succeeds()
        .says("nothing to do, nothing sent");
    let second = network
        .initializer(&["apply", "init.yaml", "--json"])
        .succeeds()
        .summary();
    assert_eq!(
        (
            &second["applied"],
            &second["files-sent"],
            &second["bytes-sent"]
        ),
        (&json!(false), &json!(0), &json!(0))
    );
    assert_eq!(
        [network.value("server1"), network.value("server2")],
        [(1, 1); 2]
    );
    assert_eq!(
        ["server1", "server2"].map(|name| network.server(name).workers()),
        workers
    );
}

#[test]
fn a_file_name_without_a_verb_means_apply() {
    let mut network = Network::of_two_servers();
    network.start("server1", &[]);
    network.start("server2", &[]);
    network
        .initializer(&["init.yaml"])
        .succeeds()
        .says("applied ");
    assert_eq!(network.value("server2"), (1, 1));
}

#[test]
fn only_the_files_that_a_server_lacks_are_sent() {
    let names: Vec<String> = (0..20).map(|number| format!("rpc{number}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let network = serving(&names);
    network.write("rpc7.py", "def rpc7():\n    return 7\n");
    let summary = network
        .initializer(&["apply", "init.yaml", "--json"])
        .succeeds()
        .summary();
    assert_eq!(
        (&summary["applied"], &summary["files-sent"]),
        (&json!(true), &json!(1)),
        "{summary}"
    );
    assert_eq!(
        network.ask("server1", request("svc1", "rpc7"))["value"]["return-values"],
        json!([7])
    );
    network.write("rpc7.py", "def rpc7():\n    return 1\n");
    let back = network
        .initializer(&["apply", "init.yaml", "--json"])
        .succeeds()
        .summary();
    assert_eq!(
        back["files-sent"], 0,
        "the server still has the file of generation 1: {back}"
    );
    assert_eq!(
        network.ask("server1", request("svc1", "rpc7"))["value"]["generation"],
        3
    );
}

#[test]
fn a_procedure_or_service_that_the_file_no_longer_declares_is_removed() {
    let network = serving(&["kept", "gone"]);
    let exception = |service: &str, rpc: &str| {
        network.ask("server1", request(service, rpc))["value"]["exception-type"].clone()
    };
    network.write("init.yaml", &init("client1", &["kept"]));
    network.apply().succeeds();
    assert_eq!(exception("svc1", "gone"), "RPC Not Found");
    assert_eq!(
        network.ask("server1", request("svc1", "kept"))["header"],
        "RPC-RES"
    );
    network.write(
        "init.yaml",
        &init("client1", &["kept"]).replace("svc1:", "other:"),
    );
    network.apply().succeeds().says("- svc1").says("+ other");
    assert_eq!(exception("svc1", "kept"), "Service Not Found");
    assert_eq!(
        network.ask("server1", request("other", "kept"))["header"],
        "RPC-RES"
    );
}

#[test]
fn a_tenant_removed_while_connected_is_refused_at_its_next_call() {
    let network = serving(&["kept"]);
    let address = network.server("server1").address();
    let mut stays = Peer::connect(address, Framing::Lines);
    let mut leaves = Peer::connect_from([127, 0, 0, 2], address, Framing::Framed);
    let call = |peer: &mut Peer, id: u64| peer.call(request("svc1", "kept").id(id));
    assert_eq!(
        (
            call(&mut stays, 1)["header"].clone(),
            call(&mut leaves, 1)["header"].clone()
        ),
        ("RPC-RES".into(), "RPC-RES".into())
    );
    let workers = network.server("server1").workers();
    network.write("init.yaml", &init("client1", &["kept"]));
    network.apply().succeeds();
    let refused = call(&mut leaves, 2);
    assert_eq!(
        (
            &refused["value"]["exception-type"],
            &refused["value"]["executed"]
        ),
        (&json!("Client Not Registered"), &json!("no"))
    );
    assert_eq!(
        call(&mut leaves, 3)["header"],
        "RPC-EX",
        "the session stays open"
    );
    let answer = call(&mut stays, 2);
    assert_eq!(
        (&answer["header"], &answer["value"]["generation"]),
        (&json!("RPC-RES"), &json!(2))
    );
    assert_eq!(
        network.server("server1").workers(),
        workers,
        "a change of tenants alone keeps the workers"
    );
}

#[test]
fn a_restart_replaces_the_workers_and_makes_no_new_generation() {
    let network = Network::serving_two();
    let before = ["server1", "server2"].map(|name| network.server(name).workers());
    network
        .initializer(&["apply", "init.yaml", "--restart"])
        .succeeds()
        .says("every worker was replaced");
    assert_eq!(
        [network.value("server1"), network.value("server2")],
        [(1, 1); 2]
    );
    for (name, before) in ["server1", "server2"].into_iter().zip(before) {
        let replaced =
            |now: &std::collections::BTreeSet<u32>| now.len() == 1 && now.is_disjoint(&before);
        network
            .server(name)
            .wait_for_workers("fresh workers", replaced);
    }
    network.write_value("one.py", 2);
    for applied in [true, false] {
        let last = network
            .initializer(&["apply", "init.yaml", "--restart", "--json"])
            .succeeds()
            .summary();
        assert_eq!(
            (&last["event"], &last["applied"]),
            (&json!("summary"), &json!(applied)),
            "{last}"
        );
    }
    assert_eq!(
        [network.value("server1"), network.value("server2")],
        [(2, 2), (1, 1)]
    );
}

#[test]
fn a_server_that_left_the_file_is_shown_and_emptied_by_retire() {
    let mut network = Network::of_two_servers();
    let ports = [network.start("server1", &[]), network.start("server2", &[])]
        .map(|address| address.port());
    let two = TWO_SERVERS.replace("port: 1 ", &format!("port: {} ", ports[0]));
    let two = two.replace("port: 2 ", &format!("port: {} ", ports[1]));
    network.write("init.yaml", &two);
    network.apply().succeeds();
    let lines: Vec<&str> = two
        .lines()
        .filter(|line| !line.contains("server2:"))
        .collect();
    let one = lines
        .join("\n")
        .split("  svc2:")
        .next()
        .expect("a text")
        .to_owned();
    network.write("init.yaml", &one);
    let left = format!(
        "- server2 at 127.0.0.1:{} was removed from the file",
        ports[1]
    );
    network
        .plan()
        .ends(3)
        .says(&left)
        .says("`--retire` empties it");
    network
        .initializer(&["plan", "init.yaml", "--retire"])
        .ends(3)
        .says("`client1` can no longer call `svc2`");
    network.apply().succeeds().says(&left);
    assert_eq!(
        network.value("server2"),
        (1, 1),
        "a server that left the file keeps running"
    );
    network.plan().says(&left);
    network
        .initializer(&["apply", "init.yaml", "--retire", "--allow-breaking"])
        .succeeds()
        .says("- svc2");
    let answer = network.ask("server2", request("svc2", "value"));
    assert_eq!(
        answer["value"]["exception-type"], "Service Not Found",
        "{answer}"
    );
    assert_eq!(network.value("server1").1, 1);
    network.plan().ends(0).never_says("removed from the file");
}

#[test]
fn retire_finds_a_server_that_left_the_file_by_its_address_on_the_command_line() {
    let network = Network::serving_two();
    let lines: Vec<&str> = TWO_SERVERS
        .lines()
        .filter(|line| !line.contains("server2:"))
        .collect();
    network.write(
        "init.yaml",
        lines.join("\n").split("  svc2:").next().expect("a text"),
    );
    let place = format!("server2={}", network.server("server2").address());
    network
        .initializer(&[
            "apply",
            "init.yaml",
            "--retire",
            "--allow-breaking",
            "--server",
            &place,
        ])
        .succeeds()
        .says("- svc2");
    assert_eq!(
        network.ask("server2", request("svc2", "value"))["value"]["exception-type"],
        "Service Not Found"
    );
}

#[test]
fn every_kind_of_breaking_change_is_named_in_the_plan() {
    let network = Network::serving_two();
    for (from, to, broken) in [
        (
            "returns: int, path: one.py",
            "returns: str, path: one.py",
            "`client1` can no longer call `svc1.value()`: it now returns (str)",
        ),
        (
            "name: value, returns: int, path: one.py",
            "name: value, arguments: [int], returns: int, path: one.py",
            "`client1` can no longer call `svc1.value()`: it now takes (int)",
        ),
        (
            "provider: server2",
            "provider: server1",
            "`client1` can no longer call `svc2`: the service moved to another server",
        ),
        (
            "tenants: [client1]\n    rpcs:\n      - { name: value, returns: int, path: two.py }",
            "rpcs:\n      - { name: value, returns: int, path: two.py }",
            "`client1` can no longer call `svc2`: it is no longer a tenant",
        ),
    ] {
        assert!(TWO_SERVERS.contains(from), "{from}");
        network.write("init.yaml", &TWO_SERVERS.replace(from, to));
        network
            .initializer(&["plan", "init.yaml", "--no-sources"])
            .ends(3)
            .says(broken);
    }
}

#[test]
fn a_service_that_moves_is_served_by_its_new_provider_alone() {
    let network = Network::serving_two();
    network.write(
        "init.yaml",
        &TWO_SERVERS.replace("provider: server2", "provider: server1"),
    );
    network.apply().succeeds();
    assert_eq!(
        network.ask("server1", request("svc2", "value"))["header"],
        "RPC-RES"
    );
    assert_eq!(
        network.ask("server2", request("svc2", "value"))["value"]["exception-type"],
        "Service Not Found"
    );
}

#[test]
fn the_command_line_overrides_the_environment_and_the_environment_overrides_the_file() {
    let network = Network::serving_two();
    network.plan().ends(0);
    let place = |name: &str| format!("{name}={}", network.server(name).address());
    let bare = |arguments: &[&str], variables: &[(&str, &str)]| {
        let mut command = network.command(env!("CARGO_BIN_EXE_initializer"), arguments);
        for name in ["RPC_SERVER_SERVER1", "RPC_SERVER_SERVER2"] {
            command.env_remove(name);
        }
        command.envs(variables.iter().copied());
        crate::harness::finish(crate::harness::begin(command))
    };
    bare(&["plan", "init.yaml"], &[])
        .ends(1)
        .says("server `server1` at 127.0.0.1:1: connection refused");
    let both = [
        "plan",
        "init.yaml",
        "--server",
        &place("server1"),
        "--server",
        &place("server2"),
    ];
    bare(&both, &[]).ends(0);
    bare(&both, &[("RPC_SERVER_SERVER1", "127.0.0.1:3")]).ends(0);
    bare(&["plan", "init.yaml"], &[("RPC_SERVER_SERVER2", "here")])
        .ends(1)
        .says("invalid address `here` in RPC_SERVER_SERVER2; expected IP:PORT");
    let unknown = [&both[..], &["--server", "server3=127.0.0.1:3"]].concat();
    bare(&unknown, &[])
        .ends(1)
        .says("no server `server3` in this network");
    bare(&["plan", "init.yaml", "--server", "server1"], &[])
        .ends(2)
        .says("NAME=IP:PORT");
}
