//! `docs/OPERATIONS.md`: lists every limit of `rpc-server` with its default, and its commands print
//! what the page shows.

use crate::console::run_all;
use crate::fence::fences;
use crate::harness::{Finished, Network, flags_under};

const OPERATIONS: &str = include_str!("../../docs/OPERATIONS.md");
const PROTOCOL: &str = include_str!("../../docs/PROTOCOL.md");

/// Returns the flags for limits of all programs, as the table names them, with their defaults.
fn limits() -> Vec<(String, Option<String>)> {
    let network = Network::new("");
    let help = |finished: Finished| finished.succeeds();
    let server = help(network.server_program(&["--help"]));
    let mut limits = flags_under(&server, "Limits");
    let log = flags_under(&server, "Log").into_iter();
    limits.extend(log.filter(|flag| matches!(&*flag.value, "SIZE" | "N")));
    let mut limits: Vec<_> = limits
        .into_iter()
        .map(|flag| (flag.name, flag.default))
        .collect();
    for (program, help) in [
        (
            "initializer",
            help(network.initializer(&["apply", "--help"])),
        ),
        ("rpc-client", help(network.client(&["call", "--help"]))),
    ] {
        let times = flags_under(&help, "Options").into_iter();
        let times = times.filter(|flag| flag.value == "TIME");
        limits.extend(times.map(|flag| (format!("{program} {}", flag.name), flag.default)));
    }
    limits
}

#[test]
fn every_limit_is_listed_with_its_default() {
    let limits = limits();
    assert!(limits.len() >= 25, "{limits:?}");
    for (flag, default) in &limits {
        let row = match default {
            Some(default) => format!("\n| `{flag}` | {default} |"),
            None => format!("\n| `{flag}` |"),
        };
        assert!(OPERATIONS.contains(&row), "OPERATIONS.md has no row {row}");
        let in_protocol = PROTOCOL.contains(&format!("\n| `{flag}` |"));
        assert!(
            !in_protocol || PROTOCOL.contains(&row),
            "PROTOCOL.md has another default for {flag}"
        );
    }
}

#[test]
fn every_listed_limit_is_a_flag() {
    let limits = limits();
    let table = OPERATIONS
        .split_once("\n## Limits\n")
        .expect("the section")
        .1;
    let table = table
        .split_once("\n| flag | default | |\n")
        .expect("the table")
        .1;
    let rows = table
        .lines()
        .skip(1)
        .take_while(|line| line.starts_with('|'));
    let listed: Vec<_> = rows
        .map(|row| row.split('`').nth(1).expect("a flag"))
        .collect();
    assert_eq!(listed.len(), limits.len());
    for flag in listed {
        assert!(
            limits.iter().any(|(known, _)| known == flag),
            "there is no flag {flag}"
        );
    }
}

#[test]
fn the_commands_print_what_the_page_shows() {
    let mut network = Network::new("");
    let mut commands = 0;
    for fence in fences(OPERATIONS) {
        match (fence.language, &fence.words[..]) {
            ("yaml" | "python", [name]) => drop(network.write(name, &fence.text)),
            ("sh", ["start"]) => {
                network.start("alpha", &[]);
                network.start("beta", &[]);
            }
            ("console", _) => commands += run_all("OPERATIONS.md", &network, &fence),
            _ => {}
        }
    }
    assert!(commands >= 10, "{commands}");
}
