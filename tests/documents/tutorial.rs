//! `docs/TUTORIAL.md`: its files are written, its commands run and their outputs compared, in its order.
//!
//! A block `yaml NAME` or `python NAME` is a file, `yaml add to NAME` more of one; `console` holds commands and what they
//! print. Blocks in `sh` are not run: they stay in the foreground, or need cargo, nc or a second machine.

use std::io::Write as _;
use std::path::Path;

use crate::fence::{Fence, fences};
use crate::harness::{Network, begin, finish};

const TUTORIAL: &str = include_str!("../../docs/TUTORIAL.md");

const START: &str = "rpc-server --listen 127.0.0.1:7101 --data data\n";

#[test]
fn the_tutorial_goes_as_it_says() {
    let mut network = Network::new("");
    let mut commands = 0;
    for fence in fences(TUTORIAL) {
        match (fence.language, &fence.words[..]) {
            ("yaml", []) => accepted(&fence),
            ("yaml" | "python", [name]) => drop(network.write(name, &fence.text)),
            ("yaml", ["add", "to", name]) => append(&network.path().join(name), &fence.text),
            ("sh", _) if fence.text == START => drop(network.start("home", &[])),
            ("console", _) => commands += run_all(&network, &fence),
            _ => {}
        }
    }
    assert!(commands >= 10, "{commands}");
}

fn accepted(fence: &Fence<'_>) {
    let parsed = rpc_schema::parse(Path::new("init.yaml"), &fence.text);
    assert!(parsed.is_ok(), "TUTORIAL.md:{}: {:?}", fence.line, parsed.err());
}

fn append(path: &Path, text: &str) {
    let file = std::fs::File::options().append(true).open(path);
    file.and_then(|mut file| file.write_all(text.as_bytes())).expect("a file that grows");
}

/// Runs each command of a block and compares what it prints; the answer is how many there were.
fn run_all(network: &Network, fence: &Fence<'_>) -> usize {
    let commands = fence.text.split("$ ").skip(1);
    let ran = commands.map(|command| {
        let (command, expected) = command.split_once('\n').expect("a line");
        let printed = run(network, command);
        let place = fence.line;
        assert_eq!(essence(&printed), essence(expected), "TUTORIAL.md:{place}: {command}\n{printed}");
    });
    ran.count()
}

/// Runs a command in the project folder, with the programs in its path.
fn run(network: &Network, command: &str) -> String {
    let programs = Path::new(env!("CARGO_BIN_EXE_initializer")).parent().expect("their folder");
    let path = std::env::var("PATH").unwrap_or_default();
    let mut shell = network.command("sh", &["-c", &format!("exec 2>&1; {command}")]);
    shell.env("PATH", format!("{}:{path}", programs.display()));
    let finished = finish(begin(shell));
    finished.stdout + &finished.stderr
}

/// What is the same in every run: JSON as it is, of other lines the words without digits.
fn essence(text: &str) -> Vec<String> {
    let is_stable = |word: &&str| !word.contains(|c: char| c.is_ascii_digit());
    let essence = |line: &str| -> String {
        if line.starts_with('{') {
            return line.to_owned();
        }
        line.split_whitespace().filter(is_stable).collect::<Vec<_>>().join(" ")
    };
    text.lines().map(essence).collect()
}
