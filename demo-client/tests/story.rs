//! The story goes well: twice at once, with its ports taken, and it leaves nothing behind, however
//! it ends.

use std::io::{BufRead as _, BufReader};
use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};

/// The story in a temporary folder of its own, so that what it leaves behind can be seen.
fn story(temporary: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_demo-client"));
    command
        .env("TMPDIR", temporary)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command
}

/// Processes that work in that folder.
fn running_in(folder: &Path) -> Vec<String> {
    let processes = std::fs::read_dir("/proc")
        .expect("/proc")
        .filter_map(Result::ok);
    let in_folder = |process: &std::fs::DirEntry| {
        std::fs::read_link(process.path().join("cwd")).is_ok_and(|cwd| cwd.starts_with(folder))
    };
    processes
        .filter(in_folder)
        .map(|process| process.file_name().to_string_lossy().into_owned())
        .collect()
}

fn assert_nothing_is_left(temporary: &Path) {
    let left: Vec<_> = std::fs::read_dir(temporary)
        .expect("the folder")
        .filter_map(Result::ok)
        .collect();
    assert!(left.is_empty(), "{left:?}");
    assert_eq!(running_in(temporary), [""; 0]);
}

#[track_caller]
fn assert_goes_well(output: &Output) {
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(
        output.status.success(),
        "{text}\n{}",
        String::from_utf8_lossy(&output.stderr)
    );
    for words in [
        "svc1::add(2.5, 0.5)            -> 3.0                           f64",
        "Service Not Found",
        "RPC Not Found",
        "Client Not Registered",
        "Invalid Arguments",
        "float division by zero (ZeroDivisionError)",
        "by the new; 0 lost",
        "nothing to do, nothing sent",
        "(Overdrawn)",
        "Nothing is left running or lying about.",
    ] {
        assert!(text.contains(words), "{words}\n{text}");
    }
    assert!((30..=75).contains(&text.lines().count()), "{text}");
}

#[test]
fn the_story_goes_well_twice_at_once_with_its_ports_taken() {
    // Taken by this test, or by whoever else has them.
    let _taken = [7101, 7102, 7103].map(|port| TcpListener::bind(("127.0.0.1", port)));
    let folder = tempfile::tempdir().expect("a folder");
    let stories: Vec<Child> = (0..2)
        .map(|_| story(folder.path()).spawn().expect("a story"))
        .collect();
    for child in stories {
        assert_goes_well(&child.wait_with_output().expect("its end"));
    }
    assert_nothing_is_left(folder.path());
}

#[test]
fn a_story_that_is_interrupted_leaves_nothing_behind() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut child = story(folder.path()).spawn().expect("a story");
    let mut lines = BufReader::new(child.stdout.take().expect("its output"))
        .lines()
        .map_while(Result::ok);
    assert!(lines.any(|line| line.contains("server2 listens on")));
    let interrupted = Command::new("kill")
        .args(["-INT", &child.id().to_string()])
        .status()
        .expect("kill");
    assert!(interrupted.success());
    let status = child.wait().expect("its end");
    assert_eq!(status.code(), Some(130));
    assert_nothing_is_left(folder.path());
}

#[test]
fn an_argument_is_wrong_usage() {
    let output = story(Path::new("/tmp"))
        .arg("--help")
        .output()
        .expect("a run");
    assert_eq!(output.status.code(), Some(2));
}
