//! What the programs print on a terminal: broken lines, and colours.

use std::process::Command;

use crate::harness::{Finished, Network, TWO_SERVERS, begin, finish, python};

/// Runs a program on a terminal that is this wide, and copies what it prints.
const ON_TERMINAL: &str = include_str!("on_terminal.py");

const WIDTH: usize = 50;

/// Runs a program of the network on a terminal, with or without colours.
fn on_terminal(network: &Network, program: &str, arguments: &[&str], colours: bool) -> Finished {
    let mut command = terminal_command(network, program, arguments);
    if colours {
        command.env_remove("NO_COLOR");
    }
    finish(begin(command))
}

fn terminal_command(network: &Network, program: &str, arguments: &[&str]) -> Command {
    let width = WIDTH.to_string();
    let arguments = [&["-c", ON_TERMINAL, &width, program], arguments].concat();
    network.command(python(), &arguments)
}

const CLIENT: &str = env!("CARGO_BIN_EXE_rpc-client");
const INITIALIZER: &str = env!("CARGO_BIN_EXE_initializer");

/// Asserts that the lines fit, and that the lines which continue others are indented.
#[track_caller]
fn check_lines(finished: &Finished, expected: &str) {
    let fits = |line: &str| line.chars().count() <= WIDTH;
    assert!(finished.stdout.lines().all(fits), "{}", finished.stdout);
    assert!(finished.stdout.contains(expected), "{}", finished.stdout);
}

/// Returns a network whose file takes an overload from `client1`.
fn breaking() -> Network {
    let network = Network::serving_two();
    let init = std::fs::read_to_string(network.path().join("init.yaml")).expect("init.yaml");
    network.write(
        "init.yaml",
        &init.replacen("name: value, returns: int", "name: value, doc: How many words there are in all of the texts together., arguments: { x: int }, returns: int", 1),
    );
    network.write("one.py", "def value(x):\n    return x\n");
    network
}

#[test]
fn lines_are_broken_and_indented_on_a_narrow_terminal() {
    let network = breaking();
    let plan = on_terminal(&network, INITIALIZER, &["plan", "init.yaml"], false).ends(3);
    check_lines(
        &plan,
        "! `client1` can no longer call `svc1.value()`: it\n  now takes (int)\n",
    );
    check_lines(&plan, "unchanged on\n    2 servers, ");
    let status = on_terminal(&network, INITIALIZER, &["status", "init.yaml"], false).ends(3);
    check_lines(&status, "    rpc-server ");
    check_lines(&status, "\n        ");
    let list = on_terminal(&network, CLIENT, &["list"], false).succeeds();
    check_lines(
        &list,
        "svc1.value(x: int) -> (int)  # How many words\n    there are in all of the texts together.\n",
    );
    let wrong = TWO_SERVERS.replacen("name: value, returns: int", "name: v, returns: Wat", 1);
    network.write("init.yaml", &wrong);
    let findings = on_terminal(&network, INITIALIZER, &["plan", "init.yaml"], false).ends(1);
    // Lines of the file stay whole.
    findings.says("= help: the types are int, float, bool, str,\n           bytes, ");
}

#[test]
fn a_client_that_breaks_is_red() {
    let network = breaking();
    let plan = on_terminal(&network, INITIALIZER, &["plan", "init.yaml"], true).ends(3);
    plan.says("\u{1b}[31m! `client1` can no longer call `svc1.value()`:");
    on_terminal(&network, INITIALIZER, &["plan", "init.yaml"], false).never_says("\u{1b}");
}

#[test]
fn an_apply_that_breaks_calls_asks_on_a_terminal() {
    let network = breaking();
    let answered = |typed: &str| {
        let mut command = terminal_command(&network, INITIALIZER, &["apply", "init.yaml"]);
        command.env("TYPED", typed);
        finish(begin(command))
    };
    for typed in ["", "n", "maybe"] {
        let refused = answered(typed).ends(1);
        assert!(refused.stdout.contains("Apply it anyway? [y/N]"));
        assert!(refused.stdout.contains("error: nothing has changed"));
    }
    let applied = answered("y").succeeds();
    assert!(applied.stdout.contains("server1 (generation 2): live"));
    network.write("one.py", "def value():\n    return 1\n");
    let init = std::fs::read_to_string(network.path().join("init.yaml")).expect("init.yaml");
    network.write("init.yaml", &init.replace("arguments: { x: int }, ", ""));
    let applied = on_terminal(
        &network,
        INITIALIZER,
        &["apply", "init.yaml", "--yes"],
        false,
    );
    assert!(!applied.succeeds().stdout.contains("[y/N]"));
}
