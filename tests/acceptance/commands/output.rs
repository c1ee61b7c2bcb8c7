//! Results that cannot be written: the disk is full, or the reader has gone.

use std::fs::File;
use std::process::{Command, Stdio};

use crate::harness::{Finished, Network, begin_with_stdout, finish};

/// Command lines of the three programs that end by themselves, with the exit code of each when its
/// output is read.
const COMMANDS: [(&str, &str, i32); 21] = [
    (CLIENT, "--help", 0),
    (CLIENT, "--version", 0),
    (CLIENT, "--completions bash", 0),
    (CLIENT, "list", 0),
    (CLIENT, "list --json", 0),
    (CLIENT, "call svc1.value", 0),
    (CLIENT, "call svc1.value --json", 0),
    (CLIENT, "call svc1.value 7 --json", 2),
    (INITIALIZER, "--help", 0),
    (INITIALIZER, "plan init.yaml", 3),
    (INITIALIZER, "plan init.yaml --json", 3),
    (INITIALIZER, "plan init.yaml --diff", 3),
    (INITIALIZER, "plan nowhere.yaml --json", 1),
    (INITIALIZER, "status init.yaml", 3),
    (INITIALIZER, "status init.yaml --json", 3),
    (INITIALIZER, "status init.yaml --watch 1h", 0),
    (INITIALIZER, "history init.yaml", 0),
    (INITIALIZER, "history init.yaml --json", 0),
    (INITIALIZER, "rollback init.yaml --dry-run --to", 3),
    (SERVER, "--help", 0),
    (SERVER, "--completions bash", 0),
];

const CLIENT: &str = env!("CARGO_BIN_EXE_rpc-client");
const INITIALIZER: &str = env!("CARGO_BIN_EXE_initializer");
const SERVER: &str = env!("CARGO_BIN_EXE_rpc-server");

/// Returns a network whose file differs from what its servers run, and which has one earlier apply.
fn differing() -> Network {
    let network = Network::serving_two();
    network.write_value("one.py", 2);
    network.apply().succeeds();
    network.write_value("two.py", 2);
    network
}

/// Returns the command of a line. `--to` gets the id of the first apply.
fn command(network: &Network, program: &str, line: &str) -> Command {
    let mut arguments: Vec<String> = line.split_whitespace().map(str::to_owned).collect();
    if line.ends_with("--to") {
        let history = network.initializer(&["history", "init.yaml", "--json"]);
        let first = history.json_lines()[1]["apply"].clone();
        arguments.push(first.as_str().expect("an id").to_owned());
    }
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    network.command(program, &arguments)
}

fn run(command: Command, stdout: Stdio) -> Finished {
    finish(begin_with_stdout(command, stdout))
}

fn full_device() -> Stdio {
    let full = File::options().write(true).open("/dev/full");
    full.expect("a full device").into()
}

/// Returns the writing end of a pipe that nobody reads.
fn pipe_without_reader() -> Stdio {
    let (reader, writer) = std::io::pipe().expect("a pipe");
    drop(reader);
    writer.into()
}

#[track_caller]
fn says_that_output_was_lost(finished: &Finished) {
    let words = "error: cannot write to stdout: No space left on device";
    let lines = finished.stderr.lines();
    assert_eq!(finished.status, 1, "{finished:?}");
    assert_eq!(
        lines.filter(|line| line.starts_with(words)).count(),
        1,
        "{finished:?}"
    );
}

#[test]
fn a_command_whose_output_is_lost_fails_and_says_so() {
    let network = differing();
    for (program, line, _) in COMMANDS {
        println!("{program} {line}");
        let command = command(&network, program, line);
        says_that_output_was_lost(&run(command, full_device()));
    }
    // These two change the servers, also if nobody can read how.
    for line in ["apply init.yaml", "rollback init.yaml --json"] {
        let command = command(&network, INITIALIZER, line);
        says_that_output_was_lost(&run(command, full_device()));
    }
    assert_eq!(network.value("server2").1, 1);
}

#[test]
fn a_watch_whose_output_is_lost_ends_after_its_apply() {
    let network = differing();
    let watch = |line: &str| run(command(&network, INITIALIZER, line), full_device());
    for (value, line) in [(2, "watch init.yaml"), (3, "watch init.yaml --json")] {
        network.write_value("one.py", value);
        network.write_value("two.py", value);
        says_that_output_was_lost(&watch(line));
        assert_eq!(network.value("server1").1, value);
        assert_eq!(network.value("server2").1, value);
    }
    network.initializer(&["status", "init.yaml"]).succeeds();
    network.write("two.py", "def other():\n    return 1\n");
    says_that_output_was_lost(&watch("watch init.yaml --json"));
}

#[test]
fn a_watch_whose_reader_has_gone_ends_quietly_after_its_apply() {
    let network = differing();
    let watch = command(&network, INITIALIZER, "watch init.yaml");
    let finished = run(watch, pipe_without_reader());
    assert_eq!((finished.status, &*finished.stderr), (0, ""));
    assert_eq!(network.value("server2").1, 2);
}

#[test]
fn a_command_whose_reader_has_gone_is_quiet() {
    let network = differing();
    for (program, line, status) in COMMANDS {
        println!("{program} {line}");
        let command = command(&network, program, line);
        let finished = run(command, pipe_without_reader());
        assert_eq!((finished.status, &*finished.stderr), (status, ""));
    }
}

#[test]
fn a_server_whose_address_is_lost_does_not_serve() {
    let network = Network::of_two_servers();
    let line = "--listen 127.0.0.1:0 --data data --log-level error";
    let finished = run(command(&network, SERVER, line), full_device());
    says_that_output_was_lost(&finished);
}
