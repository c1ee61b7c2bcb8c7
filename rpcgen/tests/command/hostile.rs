//! Hostile files: a file that would cost much memory is refused with little memory. The finding
//! names its place.

use std::fmt::Write as _;
use std::fs::File;
use std::process::Command;

use super::place::{INIT, TestFolder};

/// Memory that the program itself needs, with its code and its stack.
const BASELINE_MIB: u64 = 32;

/// Additional memory that a file may cost.
const ALLOWED_MIB: u64 = 64;

/// Runs `rpcgen check` on a file in an address space of that size. A larger allocation ends the
/// program.
fn check_within(folder: &TestFolder, mebibytes: u64, file: &str) -> (Option<i32>, String) {
    let script = format!("ulimit -v {} && exec \"$0\" check \"$1\"", mebibytes << 10);
    let output = Command::new("sh")
        .args(["-c", &script, env!("CARGO_BIN_EXE_rpcgen"), file])
        .current_dir(folder.path())
        .output()
        .expect("rpcgen runs");
    (
        output.status.code(),
        String::from_utf8(output.stderr).expect("text"),
    )
}

fn check_refused(name: &str, text: &str, code: &str, at: &str) {
    let folder = TestFolder::new(text);
    let (exit, stderr) = check_within(&folder, BASELINE_MIB + ALLOWED_MIB, "init.yaml");
    assert_eq!(exit, Some(1), "{name}: {stderr}");
    assert!(
        stderr.starts_with(&format!("error[{code}]")),
        "{name}: {stderr}"
    );
    assert!(
        stderr.contains(&format!("--> init.yaml:{at}\n")),
        "{name}: {stderr}"
    );
    assert!(stderr.len() < 2_000, "{name}: {} bytes", stderr.len());
}

#[test]
fn a_small_file_is_checked_within_the_baseline() {
    let folder = TestFolder::new(INIT);
    folder.write("services/svc1/rpc1.py", "def rpc1(a, b): ...\n");
    folder.write("services/svc2/rpc2.py", "def rpc2(a): ...\n");
    assert_eq!(
        check_within(&folder, BASELINE_MIB, "init.yaml"),
        (Some(0), String::new())
    );
}

#[test]
fn aliases_that_expand_to_too_much_are_refused() {
    let square = format!(
        "x-a: &a [{}]\nx-b:\n{}",
        "x, ".repeat(1_500),
        "- *a\n".repeat(1_500)
    );
    check_refused("a square of aliases", &square, "E005", "668:3");
    let mut laughs = "a0: &a0 [x, x]\n".to_owned();
    for level in 1..40 {
        let _ = writeln!(
            laughs,
            "a{level}: &a{level} [*a{0}, *a{0}, *a{0}]",
            level - 1
        );
    }
    check_refused("a billion laughs", &laughs, "E005", "13:12");
}

#[test]
fn nesting_above_the_limit_is_refused_at_its_place() {
    check_refused("brackets", &"[".repeat(100_000), "E004", "1:65");
    check_refused("maps", &"{a: ".repeat(100_000), "E004", "1:257");
    check_refused("dashes", &"- ".repeat(100_000), "E004", "1:129");
    let mut indented = String::new();
    for depth in 0..2_000 {
        let _ = writeln!(indented, "{}a:", " ".repeat(depth));
    }
    check_refused("indented maps", &indented, "E004", "65:65");
}

#[test]
fn a_large_file_of_question_marks_is_refused() {
    check_refused(
        "keys of keys",
        &"? ? ?\n".repeat((31 << 20) / 6),
        "E008",
        "1:3",
    );
}

#[test]
fn a_file_above_the_size_limit_is_not_read() {
    let folder = TestFolder::new("");
    let large = File::create(folder.path().join("large.yaml")).expect("created");
    large.set_len(50_000_000).expect("grown");
    let (exit, stderr) = check_within(&folder, BASELINE_MIB, "large.yaml");
    assert_eq!(exit, Some(1), "{stderr}");
    assert!(
        stderr.starts_with("error[E002]: `large.yaml` is larger than 32 MiB\n"),
        "{stderr}"
    );
}
