//! `rpc-client`: calls from the command line, and the list of procedures.

use std::net::Ipv4Addr;

use serde_json::{Value, json};

use crate::harness::{ADD, Finished, Network, begin, finish, scripted_on};

const INIT: &str = "\
network:
  servers:
    server1: { ip: 127.0.0.1, port: 1 }
  clients:
    client1: { ip: 127.0.0.1 }
    client2: { ip: 127.0.0.2 }
services:
  svc1:
    provider: server1
    tenants: [client1]
    rpcs:
      - { name: add, doc: Adds two integers., arguments: [int, int], returns: int, path: add.py }
      - { name: add, arguments: [float, float], returns: float, path: add.py }
      - { name: add, arguments: [str, str], returns: str, path: add.py }
      - { name: both, arguments: [int, \"List[str]\"], returns: [int, \"List[str]\"], path: both.py }
      - { name: nothing, path: both.py }
      - { name: fail, path: both.py }
      - { name: sleep, path: both.py }
  open:
    provider: server1
    tenants: [client1, client2]
    rpcs:
      - { name: ping, returns: bool, path: both.py }
";

const BOTH: &str = "\
import time

def both(a, b):
    return a, b

def nothing():
    pass

def fail():
    raise KeyError('the key')

def sleep():
    time.sleep(1000)

def ping():
    return True
";

fn serving() -> Network {
    let mut network = Network::new(INIT);
    network.write("add.py", ADD.3);
    network.write("both.py", BOTH);
    network.start("server1", &[]);
    network.apply().succeeds();
    network
}

/// Runs `rpc-client --as client1 call` with further arguments.
fn call(network: &Network, arguments: &[&str]) -> Finished {
    network.client(&[&["--as", "client1", "call"], arguments].concat())
}

#[test]
fn returned_values_are_json_one_per_line() {
    let network = serving();
    for (arguments, printed) in [
        (&["svc1.add", "2", "3"][..], "5\n"),
        (&["svc1.add", "2.5", "3"], "5.5\n"),
        (&["svc1.add", "-2", "-3"], "-5\n"),
        (&["svc1.add", "a", "b c"], "\"ab c\"\n"),
        (&["svc1.add", "\"a\"", "\"b\\n\""], "\"ab\\n\"\n"),
        (&["svc1.add", "7", "x"], "\"7x\"\n"),
        (&["svc1.both", "7", "[\"a\", \"b\"]"], "7\n[\"a\",\"b\"]\n"),
        (&["svc1.nothing"], ""),
        (&["open.ping"], "true\n"),
    ] {
        let finished = call(&network, arguments).succeeds();
        assert_eq!(
            (&*finished.stdout, &*finished.stderr),
            (printed, ""),
            "{arguments:?}"
        );
    }
}

#[test]
fn options_may_follow_the_values() {
    let network = serving();
    for (arguments, printed) in [
        (
            &["svc1.add", "2", "3", "--types", "float,float"][..],
            "5.0\n",
        ),
        (&["svc1.add", "--types", "str,str", "2", "3"], "\"23\"\n"),
        (&["--types", "int, int", "svc1.add", "2", "3"], "5\n"),
        (
            &[
                "svc1.add",
                "2",
                "-3",
                "--server",
                "server1",
                "--wait",
                "1s",
                "--deadline",
                "10s",
            ],
            "-1\n",
        ),
        (
            &["svc1.add", "--types", "str,str", "--", "--json", "-x"],
            "\"--json-x\"\n",
        ),
    ] {
        assert_eq!(
            call(&network, arguments).succeeds().stdout,
            printed,
            "{arguments:?}"
        );
    }
    let answer = call(&network, &["svc1.both", "7", "[]", "--json"])
        .succeeds()
        .summary();
    assert_eq!(
        (
            &answer["return-values"],
            &answer["generation"],
            &answer["schema"]
        ),
        (&json!([7, []]), &json!(1), &json!(1))
    );
    assert_eq!(answer["source"], deploy::sha256_hex(BOTH.as_bytes()));
}

#[test]
fn an_exception_ends_with_exit_code_1_and_shows_its_type_its_kind_and_whether_the_call_ran() {
    let mut network = serving();
    let more = "    server1: { ip: 127.0.0.1, port: 1 }\n    server2: { ip: 127.0.0.1, port: 2 }\n";
    network.write(
        "init.yaml",
        &INIT.replace("    server1: { ip: 127.0.0.1, port: 1 }\n", more),
    );
    network.start("server2", &[]);
    for (arguments, error, executed) in [
        (
            &["svc1.fail"][..],
            "error: Execution Exception: 'the key' (KeyError)",
            "yes",
        ),
        (
            &["svc1.missing", "1"],
            "error: RPC Not Found: service `svc1` has no procedure `missing`",
            "no",
        ),
        (
            &["--server", "server2", "open.ping"],
            "error: Service Not Found: ",
            "no",
        ),
        (
            &["--types", "bool", "svc1.add", "true"],
            "error: Invalid Arguments: ",
            "no",
        ),
        (
            &["--deadline", "100ms", "svc1.sleep"],
            "error: Deadline Exceeded: ",
            "unknown",
        ),
    ] {
        let finished = call(&network, arguments).ends(1);
        let lines: Vec<&str> = finished.stderr.lines().collect();
        assert_eq!((&*finished.stdout, lines.len()), ("", 2), "{finished:?}");
        assert!(lines[0].starts_with(error), "{finished:?}");
        assert_eq!(lines[1], format!("executed: {executed}"));
    }
    network
        .client(&["--as", "client2", "call", "svc1.nothing"])
        .ends(1)
        .says("Client Not Registered");
}

#[test]
fn failures_are_printed_as_json_on_request() {
    let network = serving();
    let failed = |status: i32, arguments: &[&str]| -> Value {
        let finished = network
            .client(&[&["--json", "--as", "client1", "call"], arguments].concat())
            .ends(status);
        assert_eq!(finished.stderr, "");
        let lines = finished.json_lines();
        assert_eq!(
            (lines.len(), &lines[0]["schema"]),
            (1, &json!(1)),
            "{lines:?}"
        );
        lines[0].clone()
    };
    let raised = failed(1, &["svc1.fail"]);
    assert_eq!(raised["error"], "'the key'");
    assert_eq!(
        (&raised["exception-type"], &raised["exception-kind"]),
        (&json!("Execution Exception"), &json!("KeyError"))
    );
    assert_eq!(raised["executed"], "yes");
    let invalid = failed(1, &["--types", "bool", "svc1.add", "true"]);
    assert_eq!(
        invalid["valid-signatures"].as_array().map(Vec::len),
        Some(3),
        "{invalid}"
    );
    assert_eq!(failed(1, &["nope.add"])["executed"], "no");
    assert!(
        failed(2, &["svc1.add", "1"])["error"]
            .as_str()
            .expect("words")
            .contains("no overload takes these values")
    );
}

#[test]
fn a_file_that_does_not_load_is_reported_as_json_on_request() {
    let network = Network::new("network: 7\n");
    for arguments in [
        &["--json", "list"][..],
        &["--json", "--init", "nowhere.yaml", "call", "a.b"],
    ] {
        let line = network.client(arguments).ends(1).summary();
        assert_eq!(line["schema"], 1);
        assert!(
            line["error"]
                .as_str()
                .is_some_and(|words| !words.is_empty()),
            "{line}"
        );
    }
}

#[test]
fn an_invalid_call_ends_with_exit_code_2_and_the_reason() {
    let network = serving();
    for (arguments, words) in [
        (
            &["svc1"][..],
            "invalid procedure `svc1`; expected SERVICE.PROCEDURE",
        ),
        (
            &["svc1.add", "1"],
            "no overload takes these values; valid: svc1.add(int, int), svc1.add(float, float), svc1.add(str, str)",
        ),
        (&["svc1.both", "7", "[\"a\""], "svc1.both(int, List[str])"),
        (
            &["--types", "int", "svc1.add", "1", "2"],
            "`--types` must have one type for each value; types: 1, values: 2",
        ),
        (&["--types", "int,foo", "svc1.add", "1", "2"], "foo"),
        (
            &["--types", "int,int", "svc1.add", "1", "[2"],
            "invalid value `[2` for type `int`: ",
        ),
    ] {
        let finished = call(&network, arguments).ends(2).says(words);
        assert_eq!(finished.stdout, "");
    }
    call(&network, &["nope.add"])
        .ends(1)
        .says("no service `nope` in this network");
    call(&network, &["--server", "server9", "svc1.nothing"])
        .ends(1)
        .says("no server `server9` in this network");
}

/// Procedures of named arguments, a record, an enumeration, and `bytes`.
const TYPED: &str = "\
network:
  servers:
    server1: { ip: 127.0.0.1, port: 1 }
  clients:
    client1: { ip: 127.0.0.1 }
types:
  Colour: { doc: What is painted., items: [red, green] }
  Spot: { fields: { x: int, colour: Colour } }
  Unused: [none]
services:
  paint:
    provider: server1
    tenants: [client1]
    rpcs:
      - name: fill
        doc: |
          Fills a spot.
          It takes a moment.
        arguments: { spot: Spot, times: int }
        path: paint.py
      - { name: mix, arguments: { first: Colour, second: Colour }, returns: Colour, path: paint.py }
      - { name: load, arguments: [bytes], path: paint.py }
      - { name: either, arguments: [int], path: paint.py }
      - { name: either, arguments: [bool], path: paint.py }
";

#[test]
fn the_list_has_the_names_of_arguments_the_types_and_the_documentation() {
    let network = Network::new(TYPED);
    assert_eq!(
        network.client(&["list"]).succeeds().stdout,
        "\
paint.fill(spot: Spot, times: int) -> ()  # Fills a spot.
    # It takes a moment.
paint.mix(first: Colour, second: Colour) -> (Colour)
paint.load(bytes) -> ()
paint.either(int) -> ()
paint.either(bool) -> ()

Colour{red, green}  # What is painted.
Spot{x: int, colour: Colour}
"
    );
    let lines = network.client(&["list", "--json"]).succeeds().json_lines();
    assert_eq!(lines.len(), 7);
    assert_eq!(
        lines[0]["arguments"],
        json!([{ "name": "spot", "type": "Spot" }, { "name": "times", "type": "int" }])
    );
    assert_eq!(
        lines[6],
        json!({ "schema": 1, "type": "Spot", "definition": "Spot{x: int, colour: Colour}", "doc": null })
    );
}

#[test]
fn an_argument_that_is_refused_before_it_is_sent_has_a_reason() {
    let network = Network::new(TYPED);
    for (arguments, words) in [
        (
            &["paint.mix", "red", "purple"][..],
            "argument 2: `purple` is not an item of `Colour`; its items are red, green",
        ),
        (
            &["--types", "Colour,Colour", "paint.mix", "red", "purple"],
            "invalid value `purple` for type `Colour`: `purple` is not an item of `Colour`; its items are red, green",
        ),
        (
            &["paint.fill", "{\"y\": 1}", "1"],
            "argument 1: `Spot` has no field `y`; its fields are x, colour",
        ),
        (
            &["paint.fill", "{x: 1}", "1"],
            "argument 1: `{x: 1}` is not JSON: ",
        ),
        (
            &["paint.load", "AAE="],
            "`bytes` are base64 in quotes, such as `\"AAE=\"`",
        ),
        (
            &["--types", "bytes", "paint.load", "AAE="],
            "`bytes` are base64 in quotes, such as `\"AAE=\"`",
        ),
        (
            &["paint.either", "1.5"],
            "valid: paint.either(int) (argument 1: invalid type: floating point `1.5`, expected `int`), paint.either(bool) (argument 1: ",
        ),
    ] {
        let finished = network.client(&[&["call"], arguments].concat()).ends(2);
        assert_eq!(finished.says(words).stdout, "");
    }
}

#[test]
fn options_may_stand_before_the_verb() {
    let network = serving();
    let call = [
        "--deadline",
        "10s",
        "--types",
        "int,int",
        "call",
        "svc1.add",
        "2",
        "3",
    ];
    let finished = network.client(&[&["--as", "client1"], &call[..]].concat());
    assert_eq!(finished.succeeds().stdout, "5\n");
    let plan = network.initializer(&["--json", "--timeout", "10s", "plan", "init.yaml"]);
    assert_eq!(plan.succeeds().summary()["event"], "plan");
    let status = network.initializer(&["--timeout=10s", "status", "init.yaml", "--json"]);
    assert_eq!(status.succeeds().summary()["as-declared"], 1);
    for arguments in [
        &["aply"][..],
        &["aply", "init.yaml"],
        &["--json", "aply", "init.yaml"],
    ] {
        network
            .initializer(arguments)
            .ends(2)
            .says("did you mean `apply`?");
    }
    network
        .initializer(&["--", "plan"])
        .ends(1)
        .says("cannot read `plan`");
    network
        .initializer(&["--", "aply"])
        .ends(2)
        .says("no file `aply`");
}

#[test]
fn the_client_is_selected_by_flag_then_environment_then_as_the_only_one() {
    let network = serving();
    let list = |arguments: &[&str], variable: Option<&str>| {
        let mut command = network.command(
            env!("CARGO_BIN_EXE_rpc-client"),
            &[arguments, &["list"]].concat(),
        );
        command.envs(variable.map(|name| ("RPC_CLIENT", name)));
        finish(begin(command))
    };
    assert_eq!(
        list(&["--as", "client2"], None).succeeds().stdout,
        "open.ping() -> (bool)\n"
    );
    assert_eq!(
        list(&[], Some("client2")).succeeds().stdout,
        "open.ping() -> (bool)\n"
    );
    let all = list(&["--as", "client1"], Some("client2"))
        .succeeds()
        .says("svc1.add(int, int) -> (int)  # Adds two integers.");
    assert_eq!(all.stdout.lines().count(), 8);
    list(&[], None)
        .ends(1)
        .says("the network has `client1`, `client2`")
        .says("--as");
    for unknown in [list(&["--as", "client9"], None), list(&[], Some("client9"))] {
        unknown
            .ends(1)
            .says("no client `client9` in this network; it has `client1`, `client2`");
    }
    let lines = list(&["--as", "client2", "--json"], None)
        .succeeds()
        .json_lines();
    assert_eq!(
        lines,
        [json!({
            "schema": 1, "signature": "open.ping() -> (bool)", "provider": "server1", "arguments": [],
            "returns": ["bool"], "doc": null,
        })]
    );
    network.write(
        "init.yaml",
        &INIT
            .replace("    client2: { ip: 127.0.0.2 }\n", "")
            .replace(", client2", ""),
    );
    assert_eq!(
        list(&[], None).succeeds().stdout.lines().count(),
        8,
        "the only client of a network needs no name"
    );
}

/// An IP address of its own, so that no other program takes a port while the server is down.
const OWN_IP: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 77);

#[test]
fn a_server_that_is_down_is_waited_for_as_long_as_the_flag_says() {
    let mut network = serving();
    let address = network
        .start("server1", &["--listen", &format!("{OWN_IP}:0")])
        .to_string();
    network.apply().succeeds();
    network.server_mut("server1").kill();
    let words = format!(
        "Unavailable: cannot reach server `server1` at {address}: connection refused (is it running?)"
    );
    call(&network, &["open.ping"])
        .ends(1)
        .says(&words)
        .says("executed: no");
    call(&network, &["--wait", "250ms", "open.ping"])
        .ends(1)
        .says(&words);
    // A call tries two sessions that are closed at once. Only a client that waits tries a third
    // one, and each further one is refused.
    let begin_call = |arguments: &[&str]| {
        let (address, two_sessions) = scripted_on(OWN_IP, 2, |_, _| {});
        let arguments = [&["--as", "client1", "call", "open.ping"], arguments].concat();
        let mut command = network.command(env!("CARGO_BIN_EXE_rpc-client"), &arguments);
        command.env("RPC_SERVER_SERVER1", address.to_string());
        (begin(command), address, two_sessions)
    };
    for (arguments, is_refused) in [(&[][..], false), (&["--wait", "1s"], true)] {
        let (calling, _, two_sessions) = begin_call(arguments);
        let finished = finish(calling).ends(1).says("executed: no");
        two_sessions.join().expect("two sessions");
        assert_eq!(
            finished.stderr.contains("connection refused"),
            is_refused,
            "{finished:?}"
        );
    }
    let (waiting, address, two_sessions) = begin_call(&["--wait", "15s"]);
    two_sessions.join().expect("two sessions");
    network.start("server1", &["--listen", &address.to_string()]);
    assert_eq!(finish(waiting).succeeds().stdout, "true\n");
}
