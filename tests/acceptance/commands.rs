//! The three programs as commands: help, exit codes, and their messages when they cannot start.

mod answers;
mod client;
mod output;
mod terminal;

use std::os::unix::fs::PermissionsExt as _;
use std::process::Command;

use crate::harness::{Finished, Network, begin, finish};

const PROGRAMS: [(&str, &str); 3] = [
    ("rpc-server", env!("CARGO_BIN_EXE_rpc-server")),
    ("initializer", env!("CARGO_BIN_EXE_initializer")),
    ("rpc-client", env!("CARGO_BIN_EXE_rpc-client")),
];

fn run(program: &str, arguments: &[&str]) -> Finished {
    let mut command = Command::new(program);
    command.args(arguments).env("NO_COLOR", "1");
    finish(begin(command))
}

/// Runs `rpc-server`, which must end with one error line. Returns this line.
#[track_caller]
fn does_not_start(network: &Network, arguments: &[&str]) -> String {
    let finished = network.server_program(arguments).ends(1);
    let errors: Vec<_> = finished
        .stderr
        .lines()
        .filter_map(|line| line.strip_prefix("error: "))
        .collect();
    assert_eq!((&*finished.stdout, errors.len()), ("", 1), "{finished:?}");
    errors[0].to_owned()
}

#[test]
fn help_and_version_are_printed_to_stdout() {
    for (name, program) in PROGRAMS {
        let help = run(program, &["--help"]).succeeds();
        assert!(
            help.stdout.contains("Examples:") && help.stderr.is_empty(),
            "{help:?}"
        );
        assert!(
            help.stdout.lines().all(|line| line.chars().count() <= 110),
            "{help:?}"
        );
        let version = run(program, &["--version"]).succeeds();
        assert_eq!(
            version.stdout,
            format!("{name} {}\n", env!("CARGO_PKG_VERSION"))
        );
    }
    for (program, verb) in [(1, "apply"), (1, "plan"), (2, "call"), (2, "list")] {
        run(PROGRAMS[program].1, &[verb, "--help"])
            .succeeds()
            .says("Usage:");
    }
}

#[test]
fn a_wrong_command_line_ends_with_exit_code_2_and_names_the_error() {
    for (name, program) in PROGRAMS {
        let finished = run(program, &["--colour"])
            .ends(2)
            .says("--colour")
            .says(&format!("see `{name} --help`"));
        assert_eq!(finished.stdout, "");
        assert_eq!(finished.stderr.lines().count(), 1, "{finished:?}");
        assert_eq!(run(program, &[]).ends(2).stderr.lines().count(), 1);
    }
    for (program, arguments, words) in [
        (0, &["--listen", "here", "--data", "d"][..], "here"),
        (0, &["--listen", "127.0.0.1:0"], "--data <DIR>"),
        (
            0,
            &["--listen", "127.0.0.1:0", "--data", "d", "--deadline", "5"],
            "invalid duration `5`; expected a number and a unit, such as",
        ),
        (
            0,
            &[
                "--listen",
                "127.0.0.1:0",
                "--data",
                "d",
                "--max-frame",
                "129MiB",
            ],
            "at most 128MiB",
        ),
        (
            0,
            &["--listen", "127.0.0.1:0", "--data", "d", "--workers", "0"],
            "at least 1",
        ),
        (
            0,
            &[
                "--listen",
                "127.0.0.1:0",
                "--data",
                "d",
                "--log-format",
                "xml",
            ],
            "expected one of `text`, `json`",
        ),
        (1, &["apply"], "init.yaml"),
        (
            1,
            &["apply", "init.yaml", "--timeout", "0s"],
            "it must be at least 1ms",
        ),
        (
            1,
            &["apply", "init.yaml", "--server", "server1=here"],
            "invalid address `here`",
        ),
        (2, &["call"], "<SERVICE.PROCEDURE>"),
        (1, &["status"], "init.yaml"),
        (1, &["history", "init.yaml", "--only", "server1"], "--only"),
        (
            1,
            &["aply", "init.yaml"],
            "there is no command `aply` (did you mean `apply`?)",
        ),
        (1, &["cert", "lst", "init.yaml"], "(did you mean `list`?)"),
        (
            1,
            &["apply", "init.yaml", "--plan", "p.json"],
            "cannot be used with",
        ),
        (
            1,
            &["apply", "init.yaml", "--only", "server1", "--retire"],
            "cannot be used with",
        ),
        (
            1,
            &["status", "init.yaml", "--watch", "soon"],
            "invalid duration `soon`",
        ),
        (2, &["shout"], "shout"),
    ] {
        run(PROGRAMS[program].1, arguments).ends(2).says(words);
    }
}

#[test]
fn completions_are_printed_for_every_program() {
    for (name, program) in PROGRAMS {
        for shell in ["bash", "zsh", "fish"] {
            let finished = run(program, &["--completions", shell])
                .succeeds()
                .says(name);
            assert_eq!(finished.stderr, "");
        }
        run(program, &["--completions", "tcsh"])
            .ends(2)
            .says("tcsh");
    }
}

#[test]
fn a_missing_file_is_reported_in_one_line() {
    let network = Network::of_two_servers();
    let words = "cannot read `nowhere.yaml`: there is no such file";
    for finished in [
        network.initializer(&["apply", "nowhere.yaml"]),
        network.initializer(&["plan", "nowhere.yaml"]),
        network.initializer(&["nowhere.yaml"]),
        network.client(&["--init", "nowhere.yaml", "list"]),
    ] {
        let finished = finished.ends(1).says(words);
        assert_eq!(
            finished.stderr.matches("nowhere.yaml`").count(),
            1,
            "{finished:?}"
        );
        assert_eq!(finished.stdout, "");
    }
}

#[test]
fn a_known_verb_wins_over_a_file_of_that_name() {
    let mut network = Network::serving_two();
    network.write("plan", "not: [yaml");
    network.write("apply", "not: [yaml");
    network.plan().ends(0);
    network.apply().succeeds();
    network.initializer(&["apply"]).ends(2);
    network.initializer(&["./plan"]).ends(1).says("./plan:1:");
    network
        .initializer(&["apply", "plan"])
        .ends(1)
        .says("plan:1:");
    network.server_mut("server1").kill();
}

#[test]
fn a_server_that_cannot_start_says_why_in_one_line() {
    let mut network = Network::of_two_servers();
    let address = network.start("server1", &[]).to_string();
    let words = does_not_start(
        &network,
        &["--listen", &address, "--data", "data-of-nobody"],
    );
    assert!(
        words.starts_with(&format!("cannot listen on {address}: ")),
        "{words}"
    );
    network.write("file", "");
    for folder in ["file", "file/below", "/proc/nowhere"] {
        let words = does_not_start(&network, &["--listen", "127.0.0.1:0", "--data", folder]);
        assert!(
            words.starts_with(&format!("data folder {folder}: ")),
            "{words}"
        );
    }
    let words = does_not_start(
        &network,
        &[
            "--listen",
            "127.0.0.1:0",
            "--data",
            "d",
            "--log-file",
            "file/log",
        ],
    );
    assert!(
        words.starts_with("cannot write the log file/log: "),
        "{words}"
    );
}

#[test]
fn a_server_starts_without_python_and_says_so_when_a_source_needs_it() {
    let mut network = Network::serving(&[("one", "", "int", "def one():\n    return 1\n")]);
    network.server_mut("server1").kill();
    std::fs::remove_dir_all(network.data("server1")).expect("no data");
    network.start_without_python("server1");
    network
        .initializer(&["status", "init.yaml"])
        .says("no Python yet");
    let why = "cannot start Python as `python3`: No such file or directory (os error 2)";
    network.apply().ends(1).says(why);
}

#[test]
fn a_python_that_cannot_be_used_is_named() {
    let mut network = Network::of_two_servers();
    network.start("server1", &["--python", "python3"]);
    let answer = |version: &str| {
        format!("echo '{{\"executable\": \"/bin/sh\", \"path\": [], \"version\": [{version}]}}'")
    };
    for (script, words) in [
        (
            None,
            "cannot start Python as `./python`: No such file or directory (os error 2); name another with --python",
        ),
        (
            Some(answer("3, 8, 19")),
            "`./python` is Python 3.8, and 3.9 or newer is needed",
        ),
        (
            Some(answer("2, 7, 18")),
            "`./python` is Python 2.7, and 3.9 or newer is needed",
        ),
        (
            Some("echo Python 3.11".to_owned()),
            "`./python` does not behave like Python: ",
        ),
        (
            Some("echo 'no such command' >&2; exit 127".to_owned()),
            "`./python` is not a usable Python (exit status: 127): no such command",
        ),
    ] {
        if let Some(script) = script {
            let file = network.write("python", &format!("#!/bin/sh\n{script}\n"));
            std::fs::set_permissions(file, std::fs::Permissions::from_mode(0o755))
                .expect("an executable");
        }
        let found = does_not_start(
            &network,
            &[
                "--listen",
                "127.0.0.1:0",
                "--data",
                "d",
                "--python",
                "./python",
            ],
        );
        assert!(found.starts_with(words), "{words}\n{found}");
    }
}
