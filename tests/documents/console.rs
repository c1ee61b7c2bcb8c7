//! Console blocks of a document: runs their commands and compares their output.

use std::path::Path;
use std::process::Command;

use crate::fence::Fence;
use crate::harness::{Network, begin, finish};

/// Runs each command of a block and compares its output. Returns the number of commands.
#[track_caller]
pub fn run_all(document: &str, network: &Network, fence: &Fence<'_>) -> usize {
    let commands = fence.text.split("$ ").skip(1);
    let checked = commands.map(|command| {
        let (command, expected) = command.split_once('\n').expect("a line");
        let printed = run(network, command);
        let line = fence.line;
        assert_eq!(
            stable_lines(&printed),
            stable_lines(expected),
            "{document}:{line}: {command}\n{printed}"
        );
    });
    checked.count()
}

/// Runs a command in the project folder, with the programs in its `PATH`. Returns its output.
pub fn run(network: &Network, command: &str) -> String {
    let finished = finish(begin(shell(network, command)));
    finished.stdout + &finished.stderr
}

/// Returns the shell that runs a command as [`run`] does.
pub fn shell(network: &Network, command: &str) -> Command {
    let programs = Path::new(env!("CARGO_BIN_EXE_initializer"))
        .parent()
        .expect("their folder");
    let path = std::env::var("PATH").unwrap_or_default();
    let mut shell = network.command("sh", &["-c", &format!("exec 2>&1; {command}")]);
    shell.env("PATH", format!("{}:{path}", programs.display()));
    shell
}

/// Returns what is the same in every run. A line of JSON stays as it is. Other lines lose the words
/// with a digit or an `@`: numbers, times and user names. The sizes of files to send stay. The lines
/// are sorted, because servers answer in any order.
fn stable_lines(text: &str) -> Vec<String> {
    let is_stable = |word: &str| !word.contains(|c: char| c.is_ascii_digit() || c == '@');
    let stable_words = |line: &str| -> String {
        if line.starts_with('{') {
            return line.to_owned();
        }
        let is_about_files = line.contains(" to send in ") || line.contains("Sending ");
        let words: Vec<&str> = line.split_whitespace().collect();
        let is_size = |place: usize| {
            let unit = words.get(place + 1);
            is_about_files && matches!(unit, Some(&("B" | "kB" | "MB")))
        };
        let stable = (0..words.len()).filter(|place| is_stable(words[*place]) || is_size(*place));
        stable
            .map(|place| words[place])
            .collect::<Vec<_>>()
            .join(" ")
    };
    let mut lines: Vec<String> = text.lines().map(stable_words).collect();
    lines.sort();
    lines
}
