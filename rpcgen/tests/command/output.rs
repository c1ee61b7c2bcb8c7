//! Data that cannot be written: the disk is full, or the reader has gone.

use std::fs::File;
use std::process::Stdio;

use super::place::{INIT, TestFolder};

/// Command lines of all verbs, with the exit code of each when its output is read.
const COMMANDS: [(&str, i32); 18] = [
    ("--help", 0),
    ("--version", 0),
    ("--completions bash", 0),
    ("init.yaml --out new --check", 3),
    ("init.yaml --out new", 0),
    ("init.yaml --out other --format json", 0),
    ("check init.yaml --format json", 0),
    ("check nowhere.yaml --format json", 1),
    ("check nowhere.yaml --format github", 1),
    ("doc init.yaml", 0),
    ("doc init.yaml --out page.html", 0),
    ("breaking init.yaml init.yaml", 0),
    ("breaking init.yaml without.yaml", 3),
    ("breaking init.yaml without.yaml --json", 3),
    ("explain", 0),
    ("explain E051", 0),
    ("schema", 0),
    ("new network", 0),
];

/// Returns a folder in which every command of [`COMMANDS`] has output.
fn folder() -> TestFolder {
    let folder = TestFolder::new(INIT);
    folder.write("services/svc1/rpc1.py", "def rpc1(a, b): ...\n");
    folder.write("services/svc2/rpc2.py", "def rpc2(a): ...\n");
    folder.write("without.yaml", &INIT.replace("rpc1", "rpc9"));
    folder
}

#[test]
fn a_command_whose_output_is_lost_fails_and_says_so() {
    let folder = folder();
    for (arguments, _) in COMMANDS {
        let full = File::options().write(true).open("/dev/full");
        let run = folder.run_into(arguments, full.expect("a full device").into());
        let words = "error: cannot write to stdout: No space left on device";
        let lost = run.stderr.lines().filter(|line| line.starts_with(words));
        assert_eq!(
            (run.code, lost.count()),
            (1, 1),
            "{arguments}: {}",
            run.stderr
        );
    }
}

#[test]
fn a_command_whose_reader_has_gone_is_quiet() {
    let folder = folder();
    for (arguments, code) in COMMANDS {
        let (reader, writer) = std::io::pipe().expect("a pipe");
        drop(reader);
        let run = folder.run_into(arguments, Stdio::from(writer));
        let has_note = arguments.ends_with("--check");
        assert_eq!(
            (run.code, run.stderr.is_empty()),
            (code, !has_note),
            "{arguments}: {}",
            run.stderr
        );
    }
}
