//! `docs/OPERATIONS.md`: lists every limit of `rpc-server` with its default, and its commands print
//! what the page shows.

use crate::console::run_all;
use crate::fence::fences;
use crate::harness::Network;

const OPERATIONS: &str = include_str!("../../docs/OPERATIONS.md");
const PROTOCOL: &str = include_str!("../../docs/PROTOCOL.md");

/// Returns each flag under `Limits:` in the help that has a default, with the default.
fn limits() -> Vec<(String, String)> {
    let help = Network::new("")
        .server_program(&["--help"])
        .succeeds()
        .stdout;
    let limits = help.split_once("\nLimits:\n").expect("the limits").1;
    let limits = limits.split_once("\nExamples:\n").expect("their end").0;
    let words = limits.split_whitespace().collect::<Vec<_>>().join(" ");
    let flag = |entry: &str| {
        let (name, rest) = entry.split_once(' ')?;
        let (_, default) = rest.split_once("[default: ")?;
        Some((format!("--{name}"), default.split_once(']')?.0.to_owned()))
    };
    format!(" {words}").split(" --").filter_map(flag).collect()
}

#[test]
fn every_limit_is_listed_with_its_default() {
    let limits = limits();
    assert!(limits.len() >= 10, "{limits:?}");
    for (flag, default) in &limits {
        let row = format!("\n| `{flag}` | {default} |");
        assert!(OPERATIONS.contains(&row), "OPERATIONS.md has no row {row}");
        let in_protocol = PROTOCOL.contains(&format!("\n| `{flag}` |"));
        assert!(
            !in_protocol || PROTOCOL.contains(&row),
            "PROTOCOL.md has another default for {flag}"
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
