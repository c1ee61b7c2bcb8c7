//! `initializer watch`.

use std::io::{BufRead as _, BufReader};
use std::process::{Child, Stdio};
use std::sync::mpsc::{Receiver, channel};

use super::{apply_values, events, values};
use crate::harness::{Network, PATIENCE, eventually};

/// A running `initializer watch`. Dropping this kills it.
struct Watching {
    program: Child,
    lines: Receiver<String>,
}

impl Watching {
    fn begin(network: &Network) -> Self {
        let mut command =
            network.command(env!("CARGO_BIN_EXE_initializer"), &["watch", "init.yaml"]);
        let mut program = command
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("a program");
        let (sender, lines) = channel();
        let streams: [Box<dyn std::io::Read + Send>; 2] = [
            Box::new(program.stdout.take().expect("piped")),
            Box::new(program.stderr.take().expect("piped")),
        ];
        for stream in streams {
            let sender = sender.clone();
            std::thread::spawn(move || {
                BufReader::new(stream)
                    .lines()
                    .map_while(Result::ok)
                    .try_for_each(|line| sender.send(line))
            });
        }
        Self { program, lines }
    }

    /// Waits for a line that contains the words, and returns the line.
    #[track_caller]
    fn says(&self, words: &str) -> String {
        let mut printed = String::new();
        loop {
            let line = self.lines.recv_timeout(PATIENCE);
            let line =
                line.unwrap_or_else(|_| panic!("{words:?} was not printed, but:\n{printed}"));
            if line.contains(words) {
                return line;
            }
            printed += &(line + "\n");
        }
    }
}

impl Drop for Watching {
    fn drop(&mut self) {
        let _ = self.program.kill();
        let _ = self.program.wait();
    }
}

#[test]
fn every_change_is_applied_and_a_wrong_file_is_retried_after_its_next_change() {
    let network = Network::serving_two();
    let watching = Watching::begin(&network);
    watching.says("nothing differs");
    network.write_value("one.py", 2);
    let line = watching.says("applied ");
    assert!(line.contains("1 changed, on server1, in "), "{line}");
    assert_eq!(values(&network), [(2, 2), (1, 1)]);
    network.write("two.py", "def other():\n    return 1\n");
    watching.says("value");
    network.write_value("two.py", 3);
    watching.says("applied ");
    assert_eq!(values(&network), [(2, 2), (2, 3)]);
    // As editors do: a new file replaces the old one.
    network.write_value("one.py.new", 4);
    std::fs::rename(
        network.path().join("one.py.new"),
        network.path().join("one.py"),
    )
    .expect("renamed");
    watching.says("applied ");
    assert_eq!(network.value("server1"), (3, 4));
    let init = std::fs::read_to_string(network.path().join("init.yaml")).expect("a file");
    network.write("sub/new.py", "def value():\n    return 5\n");
    network.write(
        "init.yaml",
        &init.replace("path: one.py", "path: sub/new.py"),
    );
    watching.says("applied ");
    network.write_value("sub/new.py", 6);
    eventually(
        "a source that `init.yaml` names since its change is watched",
        || (network.value("server1").1 == 6).then_some(()),
    );
    // As a change of the git branch does: the folder is removed and made again.
    std::fs::remove_dir_all(network.path().join("sub")).expect("removed");
    watching.says("sub/new.py");
    network.write_value("sub/new.py", 7);
    eventually("a folder that was made again is watched", || {
        (network.value("server1").1 == 7).then_some(())
    });
}

#[test]
fn a_change_of_a_file_that_is_extended_is_applied() {
    let network = Network::serving_two();
    let base = std::fs::read_to_string(network.path().join("init.yaml")).expect("a file");
    network.write("base.yaml", &base);
    network.write("init.yaml", "extends: base.yaml\n");
    let watching = Watching::begin(&network);
    watching.says("nothing differs");
    network.write("new.py", "def value():\n    return 5\n");
    network.write("base.yaml", &base.replace("path: one.py", "path: new.py"));
    watching.says("applied ");
    assert_eq!(network.value("server1").1, 5);
    network.write("base.yaml", "netwrk: {}\n");
    let finding = watching.says("base.yaml:1:1");
    assert!(finding.contains("-->"), "{finding}");
    network.write("base.yaml", &base);
    watching.says("applied ");
    assert_eq!(network.value("server1").1, 1);
}

#[test]
fn a_source_that_is_missing_at_the_start_is_waited_for() {
    let network = Network::serving_two();
    let init = std::fs::read_to_string(network.path().join("init.yaml")).expect("a file");
    network.write(
        "init.yaml",
        &init.replace("path: one.py", "path: later/one.py"),
    );
    let watching = Watching::begin(&network);
    watching.says("later/one.py");
    network.write_value("later/one.py", 9);
    watching.says("applied ");
    assert_eq!(network.value("server1"), (2, 9));
}

#[test]
fn a_server_that_is_down_is_retried() {
    let mut network = Network::serving_two();
    let watching = Watching::begin(&network);
    watching.says("nothing differs");
    let address = network.server("server2").address().to_string();
    network.server_mut("server2").kill();
    network.write_value("two.py", 2);
    watching.says("connection refused");
    network.start("server2", &["--listen", &address]);
    watching.says("applied ");
    assert_eq!(values(&network), [(1, 1), (2, 2)]);
}

#[test]
fn the_applies_of_one_watch_count_as_one_in_the_history() {
    let mut network = Network::of_two_servers();
    network.start("server1", &["--history", "3"]);
    network.start("server2", &[]);
    network.apply().succeeds();
    let first = apply_values(&network, [2, 1]);
    let watching = Watching::begin(&network);
    watching.says("nothing differs");
    for value in 3..10 {
        network.write_value("one.py", value);
        watching.says("applied ");
        assert_eq!(values(&network)[0].1, value);
    }
    drop(watching);
    let history = network.initializer(&["history", "init.yaml", "--json"]);
    let kept = events(history.succeeds().json_lines(), "apply");
    let ids: Vec<_> = kept.iter().map(|apply| apply["apply"].clone()).collect();
    // The last two of the watch, the apply before it, and the first one.
    assert_eq!(ids.len(), 4, "{kept:#?}");
    assert!(ids.contains(&first.clone().into()), "{ids:?}");
    network
        .initializer(&["rollback", "init.yaml"])
        .succeeds()
        .says("1 changed");
    assert_eq!(values(&network)[0].1, 2);
}
