//! Console blocks of a document: their commands run, and what they print is compared.

use std::path::Path;

use crate::fence::Fence;
use crate::harness::{Network, begin, finish};

/// Runs each command of a block and compares what it prints; the answer is how many there were.
#[track_caller]
pub fn run_all(document: &str, network: &Network, fence: &Fence<'_>) -> usize {
    let commands = fence.text.split("$ ").skip(1);
    let ran = commands.map(|command| {
        let (command, expected) = command.split_once('\n').expect("a line");
        let printed = run(network, command);
        let place = fence.line;
        assert_eq!(
            essence(&printed),
            essence(expected),
            "{document}:{place}: {command}\n{printed}"
        );
    });
    ran.count()
}

/// Runs a command in the project folder, with the programs in its path.
fn run(network: &Network, command: &str) -> String {
    let programs = Path::new(env!("CARGO_BIN_EXE_initializer"))
        .parent()
        .expect("their folder");
    let path = std::env::var("PATH").unwrap_or_default();
    let mut shell = network.command("sh", &["-c", &format!("exec 2>&1; {command}")]);
    shell.env("PATH", format!("{}:{path}", programs.display()));
    let finished = finish(begin(shell));
    finished.stdout + &finished.stderr
}

/// What is the same in every run: JSON as it is, of other lines the words without digits and who it
/// was. Lines are in an order of their own, since servers answer in any.
fn essence(text: &str) -> Vec<String> {
    let is_stable = |word: &&str| !word.contains(|c: char| c.is_ascii_digit() || c == '@');
    let essence = |line: &str| -> String {
        if line.starts_with('{') {
            return line.to_owned();
        }
        line.split_whitespace()
            .filter(is_stable)
            .collect::<Vec<_>>()
            .join(" ")
    };
    let mut lines: Vec<String> = text.lines().map(essence).collect();
    lines.sort();
    lines
}
