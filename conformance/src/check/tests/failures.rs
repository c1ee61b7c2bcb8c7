//! A Python that cannot be used, and a Python that does not finish its work.

use std::path::PathBuf;

use super::*;

fn interpreter(name: &str) -> PathBuf {
    match name.strip_suffix(".sh") {
        Some(_) => Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("tests/interpreters")
            .join(name),
        None => name.into(),
    }
}

/// Checks a project with a module and two sources with this Python.
fn check_with(python: &Path, limits: Limits) -> Result<Vec<Finding>, PythonUnavailable> {
    let rpc = |name: &str| format!("      - {{ name: {name}, path: {name}.py }}\n");
    let project = Project::new(&init(&["one", "two"].map(rpc).concat()));
    for name in ["one", "two"] {
        project.write(&format!("{name}.py"), format!("def {name}(): ...\n"));
    }
    check_within(&project.document(), python, |_, _| true, limits)
}

/// Checks the error about a Python that cannot be used.
#[track_caller]
fn check_unavailable(python: &str, expected: &str) {
    let python = interpreter(python);
    let error = check_with(&python, LIMITS).expect_err("no usable Python");
    let message = error.to_string();
    let reason = message
        .strip_prefix(&format!("`{}` ", python.display()))
        .expect("the name of the Python");
    assert_eq!(reason, format!("{expected}: the sources were not checked"));
}

#[test]
fn a_python_that_cannot_be_used_is_an_error() {
    check_unavailable("/no/python3", "was not found");
    check_unavailable("no-python-of-this-name", "was not found");
    check_unavailable("/", "cannot be started (Permission denied (os error 13))");
    check_unavailable("is_old.sh", "is Python 3.8, but 3.9 or newer is needed");
}

/// Checks the findings, each with its hint, of a Python that starts but does not finish.
#[track_caller]
fn check_unfinished(python: &str, limits: Limits, expected: &[&str]) {
    let python = interpreter(python);
    let line = |finding: Finding| {
        let message = finding
            .message
            .replace(&format!("`{}`", python.display()), "it");
        let hint = finding
            .hint
            .map_or_else(String::new, |hint| format!(" ({hint})"));
        format!("{} {message}{hint}", finding.code)
    };
    let findings = check_with(&python, limits).expect("a Python");
    assert_eq!(findings.into_iter().map(line).collect::<Vec<_>>(), expected);
}

#[test]
fn a_python_that_is_never_ready_is_a_finding_at_the_first_file() {
    let rest = "(2 more files were not read)";
    let ended = "E083 it ended before it read `lib/words.py` (exit status: 1; Fatal Python error: no encodings)";
    check_unfinished("breaks_off.sh", LIMITS, &[&format!("{ended} {rest}")]);
    let garbled = "E083 it sent an invalid answer before it read `lib/words.py`";
    check_unfinished("prints_garbage.sh", LIMITS, &[&format!("{garbled} {rest}")]);
    let short = Limits {
        answer_bytes: 100_000,
        ..LIMITS
    };
    let oversized = "E083 it answered with more than 100000 bytes before it read `lib/words.py`";
    check_unfinished(
        "prints_endlessly.sh",
        short,
        &[&format!("{oversized} {rest}")],
    );
    let hasty = Limits {
        time: Duration::from_millis(50),
        ..LIMITS
    };
    let slow = "E083 it did not finish reading `lib/words.py` within 50ms";
    check_unfinished("hangs.sh", hasty, &[&format!("{slow} {rest}")]);
}

#[test]
fn after_an_unfinished_file_another_process_reads_the_remaining_files() {
    let hasty = Limits {
        file_time: Duration::from_millis(50),
        ..LIMITS
    };
    let slow = |file: &str| format!("E083 it did not finish reading `{file}` within 50ms");
    let expected = ["lib/words.py", "one.py", "two.py"].map(slow);
    check_unfinished(
        "hangs_at_a_file.sh",
        hasty,
        &expected.each_ref().map(String::as_str),
    );
    check_unfinished(
        "stops_at_the_second.sh",
        LIMITS,
        &[
            "E083 found",
            "E083 it ended while it was reading `one.py` (exit status: 3; no memory)",
            "E083 found",
        ],
    );
}

#[test]
fn findings_in_other_files_are_kept() {
    let project = Project::new(&init(
        "      - { name: one, path: one.py }\n      - { name: two, path: two.py }\n      - { name: three, path: three.py }\n",
    ));
    project.write("one.py", "def uno(): ...\n");
    project.write(
        "two.py",
        format!("x = f'{}'\ndef two(): ...\n", "{x}".repeat(300_000)),
    );
    project.write("three.py", "def three(a): ...\n");
    let limits = Limits {
        file_time: Duration::from_secs(2),
        ..LIMITS
    };
    let found = check_within(
        &project.document(),
        Path::new(DEFAULT_PYTHON),
        |_, _| true,
        limits,
    );
    let messages: Vec<_> = found
        .expect("a Python")
        .into_iter()
        .map(|finding| finding.message)
        .collect();
    assert_eq!(
        messages,
        [
            "there is no function `one` in this file",
            "`python3` did not finish reading `two.py` within 2s",
            "`three` takes 1 argument, but 0 are declared",
        ]
    );
}

#[test]
fn a_file_that_takes_too_much_memory_is_a_finding() {
    let project = Project::new(&init(
        "      - { name: one, path: one.py }\n      - { name: two, path: two.py }\n",
    ));
    project.write(
        "one.py",
        format!("x = [{}]\ndef one(): ...\n", "1,".repeat(500_000)),
    );
    project.write("two.py", "");
    let limits = Limits {
        memory_bytes: 150 << 20,
        ..LIMITS
    };
    let found = check_within(
        &project.document(),
        Path::new(DEFAULT_PYTHON),
        |_, _| true,
        limits,
    );
    let messages: Vec<_> = found
        .expect("a Python")
        .into_iter()
        .map(|finding| finding.message)
        .collect();
    assert_eq!(
        messages,
        [
            "MemoryError: it is too large or nests too deeply to be parsed",
            "there is no function `two` in this file"
        ]
    );
}
