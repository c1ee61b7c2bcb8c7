//! Files that are made to harm whoever reads them.

use std::process::Command;

use serde_json::Value;

use crate::harness::{Network, begin, finish, python};

/// Runs a command and prints its exit status, its processor time in seconds, its largest memory in
/// KiB, and its output.
const MEASURE: &str = "\
import json, resource, subprocess, sys
ended = subprocess.run(sys.argv[1:], stdin=subprocess.DEVNULL, capture_output=True, text=True)
used = resource.getrusage(resource.RUSAGE_CHILDREN)
print(json.dumps([ended.returncode, used.ru_utime + used.ru_stime, used.ru_maxrss, ended.stdout + ended.stderr]))
";

#[test]
fn a_hostile_init_yaml_is_refused_with_its_place_at_once_and_with_little_memory() {
    const MAX_SECONDS: f64 = 1.0;
    const MAX_KIB: u64 = 64 << 10;
    let bomb: Vec<String> = (1..40)
        .map(|level| {
            let before = format!("*a{}, ", level - 1).repeat(10);
            format!("a{level}: &a{level} [{}]\n", before.trim_end_matches(", "))
        })
        .collect();
    let bomb = bomb.concat();
    let tenants = "services:\n  svc1:\n    tenants: [client1]\n    tenants: [client1, client2]\n";
    for (name, text) in [
        ("a bomb", format!("a0: &a0 [x]\n{bomb}")),
        (
            "an alias of itself",
            "network: &a { servers: *a }\n".to_owned(),
        ),
        ("an access list twice", format!("network: {{}}\n{tenants}")),
        ("deep lists", format!("network: {}", "[".repeat(100_000))),
        ("deep maps", format!("network: {}", "{a: ".repeat(100_000))),
        (
            "a long scalar",
            format!("network: \"{}", "x".repeat(1 << 20)),
        ),
        ("no text", "network: \"\\ud800\"\n\0".to_owned()),
    ] {
        let network = Network::new(&text);
        let initializer = env!("CARGO_BIN_EXE_initializer");
        let mut command: Command = network.command(python(), &["-c", MEASURE, initializer]);
        command.args(["plan", "init.yaml"]);
        let measured = finish(begin(command)).succeeds().stdout;
        let measured: Value = serde_json::from_str(&measured).expect("JSON");
        let status = measured[0].as_i64();
        let seconds = measured[1].as_f64().expect("a number");
        let kib = measured[2].as_u64().expect("a number");
        let output = measured[3].as_str().expect("a text");
        assert!(
            matches!(status, Some(1 | 2)),
            "{name}: {status:?}\n{output}"
        );
        assert!(output.contains("init.yaml"), "{name}: {output}");
        assert!(output.len() < 20_000, "{name}: {} bytes", output.len());
        assert!(seconds < MAX_SECONDS, "{name}: {seconds} s");
        assert!(kib < MAX_KIB, "{name}: {kib} KiB");
    }
}
