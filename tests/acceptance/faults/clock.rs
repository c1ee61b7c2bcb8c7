//! A clock that jumps while a server runs.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::json;

use crate::harness::{
    ADD, Frames, Framing, Gate, Network, ServerProcess, left_out, number, python, request,
};

/// A library that adds the number of seconds in a file to the clock that people read. It takes the
/// place of the function of the C library.
const SHIFT: &str = r#"
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

int clock_gettime(clockid_t clock, struct timespec *time) {
    long failed = syscall(SYS_clock_gettime, clock, time);
    if (failed || (clock != CLOCK_REALTIME && clock != CLOCK_REALTIME_COARSE)) return failed;
    char text[32] = { 0 };
    int file = open(getenv("CLOCK_SHIFT"), O_RDONLY);
    if (file >= 0) {
        if (read(file, text, sizeof text - 1) > 0) time->tv_sec += atol(text);
        close(file);
    }
    return 0;
}
"#;

const YEAR_SECONDS: i64 = 365 * 24 * 3600;

/// Builds the library in a folder. Returns its path, or `None` without a C compiler.
fn build_shift(folder: &Path) -> Option<PathBuf> {
    let source = folder.join("shift.c");
    let library = folder.join("shift.so");
    std::fs::write(&source, SHIFT).expect("written");
    let mut compiler = Command::new("cc");
    compiler.args(["-shared", "-fPIC", "-o"]);
    let built = compiler.arg(&library).arg(&source).status();
    built
        .is_ok_and(|status| status.success())
        .then_some(library)
}

#[test]
fn a_clock_that_jumps_a_year_ends_no_session_no_call_and_no_lease() {
    let gate = Gate::new();
    let wait = gate.source("wait");
    let mut network = Network::with_procedures(&[ADD, ("wait", "int", "int", &wait)]);
    let folder = tempfile::tempdir().expect("a temporary folder");
    let Some(library) = build_shift(folder.path()) else {
        return left_out("there is no C compiler here");
    };
    let shift = folder.path().join("seconds");
    let set = |seconds: i64| {
        // The file is replaced at once, so that nobody reads half a number.
        let next = folder.path().join("next");
        std::fs::write(&next, seconds.to_string()).expect("written");
        std::fs::rename(next, &shift).expect("renamed");
    };
    set(0);
    let mut command = Command::new(env!("CARGO_BIN_EXE_rpc-server"));
    command.env("LD_PRELOAD", OsString::from(library));
    command.env("CLOCK_SHIFT", &shift);
    command.args(["--python", python()]);
    let flags = ["--deadline", "1m", "--idle-timeout", "1m"];
    let server = ServerProcess::launch(command, &network.data("server1"), &flags);
    network.adopt("server1", server.expect("a server"));
    network.apply().succeeds();
    let add = || request("svc1", "add").arg("int", 2).arg("int", 3).id(1);
    let mut text = network.peer(Framing::Framed);
    assert_eq!(number(&text.call(add())), 5);
    let mut binary = network.binary();
    binary.send(Frames::new().bind(0, "wait", &["int"]));
    let mut script = network.script("server1");
    let (_, manifest) = script.status();
    script.begin("long", 60_000, &manifest).expect("begun");
    let year = |line: &str| {
        line.split('-')
            .next()
            .and_then(|year| year.parse::<i64>().ok())
    };
    for (call, seconds) in (1..).zip([YEAR_SECONDS, -YEAR_SECONDS, 0]) {
        binary.send(Frames::new().call(call, 0, (7_i64,)));
        let visitor = gate.enter();
        set(seconds);
        let mut fresh = network.peer(Framing::Framed);
        assert_eq!(number(&fresh.call(add())), 5);
        assert_eq!(number(&text.call(add())), 5);
        visitor.release();
        assert_eq!(binary.returned::<i64>(), (call, 7));
        let status = script.ask("INIT-STATUS", json!({})).expect("a status");
        assert!(!status["lease"].is_null(), "the lease has ended: {status}");
    }
    script.step("INIT-ABORT", "long").expect("aborted");
    network.write("p0.py", "def add(a, b):\n    return a - b\n");
    network.apply().succeeds();
    let years: Vec<_> = network
        .server("server1")
        .log()
        .iter()
        .filter_map(|line| year(line))
        .collect();
    let first = years.iter().min().expect("lines with a time");
    let last = years.iter().max().expect("lines with a time");
    assert!(
        last - first >= 2,
        "the clock of the log did not jump: {years:?}"
    );
}
