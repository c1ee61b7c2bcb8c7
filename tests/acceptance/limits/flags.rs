//! The values that the flags for limits accept, and the threads that a flag asks for.

use super::{ADD, add};
use crate::harness::{Framing, HelpFlag, Network, ServerProcess, flags_under, number};

/// Asserts that a server does not start with this value, and that the message names both.
fn assert_refused(flag: &str, value: &str) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let flag_and_value = format!("{flag}={value}");
    let error = ServerProcess::try_start(folder.path(), &[&flag_and_value]).err();
    let message = error.unwrap_or_else(|| panic!("{flag_and_value} was accepted"));
    assert!(
        message.contains(&format!("`{value}`")) && message.contains(flag),
        "{message}"
    );
}

/// Returns the flags for limits.
fn limits() -> Vec<HelpFlag> {
    let help = Network::new("").server_program(&["--help"]).succeeds();
    let mut flags = flags_under(&help, "Limits");
    assert!(flags.len() >= 20, "{flags:?}");
    let is_log_limit = |name: &str| ["--log-max", "--log-keep"].contains(&name);
    flags.extend(
        flags_under(&help, "Log")
            .into_iter()
            .filter(|flag| is_log_limit(&flag.name)),
    );
    flags
}

/// The flags whose default depends on the machine or on another flag. The help says on what.
const DERIVED: &[(&str, &str)] = &[
    ("--max-address-connections", "without this flag, half of"),
    ("--threads", "without this flag, one per core"),
];

#[test]
fn every_limit_has_a_default() {
    for flag in limits() {
        let derived = DERIVED.iter().find(|(name, _)| *name == flag.name);
        match (&flag.default, derived) {
            (Some(default), None) => assert!(
                default.starts_with(|c: char| ('1'..='9').contains(&c)),
                "{flag:?}"
            ),
            (None, Some((_, words))) => assert!(flag.text.contains(words), "{flag:?}"),
            _ => panic!("{flag:?}"),
        }
    }
}

#[test]
fn no_limit_can_be_switched_off() {
    for flag in limits() {
        let zero = if flag.value == "TIME" { "0s" } else { "0" };
        assert_refused(&flag.name, zero);
    }
}

#[test]
fn a_limit_is_a_number_with_a_known_unit() {
    for (flag, values) in [
        ("--max-frame", &["129MiB", "1GB", "-1"][..]),
        ("--max-connections", &["-1", "unlimited"]),
        ("--header-timeout", &["10", "never"]),
        ("--write-timeout", &["0ms"]),
        ("--deadline", &["2y", "8761h"]),
        ("--threads", &["-1"]),
        ("--max-worker-memory", &["63MiB", "1TiB"]),
    ] {
        for value in values {
            assert_refused(flag, value);
        }
    }
}

#[test]
fn as_many_threads_serve_connections_as_the_flag_says() {
    for count in [1, 3] {
        let network = Network::with_procedures(&[ADD]).served(&["--threads", &count.to_string()]);
        assert_eq!(number(&network.peer(Framing::Lines).call(add())), 5);
        let tasks = format!("/proc/{}/task", network.server("server1").pid());
        let lanes = std::fs::read_dir(tasks).expect("its threads").flatten();
        let lanes = lanes.filter(|thread| {
            let name = std::fs::read_to_string(thread.path().join("comm"));
            name.is_ok_and(|name| name.starts_with("lane-"))
        });
        assert_eq!(lanes.count(), count);
    }
}
