//! The values that the flags for limits accept.

use crate::harness::ServerProcess;

#[test]
fn no_limit_can_be_switched_off() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    for (flag, values) in [
        ("--max-frame", &["0", "129MiB", "1GB", "-1"][..]),
        ("--max-connections", &["0", "-1", "unlimited"]),
        ("--max-session-calls", &["0"]),
        ("--max-calls", &["0"]),
        ("--max-queued", &["0"]),
        ("--header-timeout", &["0s", "10", "never"]),
        ("--idle-timeout", &["0s"]),
        ("--write-timeout", &["0ms"]),
        ("--deadline", &["0s", "2y"]),
        ("--drain-timeout", &["0s"]),
        ("--max-bound", &["0"]),
        ("--threads", &["0", "-1"]),
        ("--native-threads", &["0"]),
        ("--workers", &["0"]),
        ("--worker-idle", &["0s"]),
        ("--load-timeout", &["0s"]),
    ] {
        for value in values {
            let flag_and_value = format!("{flag}={value}");
            let error = ServerProcess::try_start(folder.path(), &[&flag_and_value]).err();
            let message = error.unwrap_or_else(|| panic!("{flag_and_value} was accepted"));
            assert!(
                message.contains(value) && message.contains(flag),
                "{message}"
            );
        }
    }
}
