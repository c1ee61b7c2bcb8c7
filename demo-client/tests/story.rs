//! The demo succeeds, also twice at the same time with its ports taken. It leaves nothing behind,
//! however it ends.

use std::io::{BufRead as _, BufReader};
use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};

/// Returns a command for the demo with its own temporary folder, so that a test sees what it leaves
/// behind.
fn demo(temporary: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_demo-client"));
    command
        .env("TMPDIR", temporary)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command
}

/// Returns the ids of the processes that work in a folder or below it.
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
fn assert_success(output: &Output) {
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
        "All its processes and files are removed.",
    ] {
        assert!(text.contains(words), "{words}\n{text}");
    }
    assert!((30..=75).contains(&text.lines().count()), "{text}");
}

#[test]
fn the_demo_succeeds_twice_at_the_same_time_with_its_ports_taken() {
    // An error means that another program has the port.
    let _taken = [7101, 7102, 7103].map(|port| TcpListener::bind(("127.0.0.1", port)));
    let folder = tempfile::tempdir().expect("a folder");
    let demos: Vec<Child> = (0..2)
        .map(|_| demo(folder.path()).spawn().expect("a demo"))
        .collect();
    for child in demos {
        assert_success(&child.wait_with_output().expect("the end of the demo"));
    }
    assert_nothing_is_left(folder.path());
}

#[test]
fn an_interrupted_demo_leaves_nothing_behind() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut child = demo(folder.path()).spawn().expect("a demo");
    let mut lines = BufReader::new(child.stdout.take().expect("piped"))
        .lines()
        .map_while(Result::ok);
    assert!(lines.any(|line| line.contains("server2 listens on")));
    let interrupted = Command::new("kill")
        .args(["-INT", &child.id().to_string()])
        .status()
        .expect("kill");
    assert!(interrupted.success());
    let status = child.wait().expect("the end of the demo");
    assert_eq!(status.code(), Some(130));
    assert_nothing_is_left(folder.path());
}

#[test]
fn an_argument_ends_with_exit_code_2() {
    let output = demo(Path::new("/tmp"))
        .arg("--help")
        .output()
        .expect("a run");
    assert_eq!(output.status.code(), Some(2));
}
