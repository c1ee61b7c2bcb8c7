//! `docs/TUTORIAL.md`: writes its files, runs its commands and compares their output, in the page's
//! order.
//!
//! A block `yaml NAME` or `python NAME` is a file. A block `yaml add to NAME` is appended to a
//! file. A block `console` holds commands and their output. Blocks in `sh` are not run: their
//! commands stay in the foreground, or need cargo, nc or a second machine.

use std::io::Write as _;
use std::path::Path;

use crate::console::run_all;
use crate::fence::{Fence, fences};
use crate::harness::Network;

const TUTORIAL: &str = include_str!("../../docs/TUTORIAL.md");

const START: &str = "rpc-server --listen 127.0.0.1:7101 --data data\n";

#[test]
fn the_commands_print_what_the_tutorial_shows() {
    let mut network = Network::new("");
    let mut commands = 0;
    for fence in fences(TUTORIAL) {
        match (fence.language, &fence.words[..]) {
            ("yaml", []) => check_accepted(&fence),
            ("yaml" | "python", [name]) => drop(network.write(name, &fence.text)),
            ("yaml", ["add", "to", name]) => append(&network.path().join(name), &fence.text),
            ("sh", _) if fence.text == START => drop(network.start("home", &[])),
            ("console", _) => commands += run_all("TUTORIAL.md", &network, &fence),
            _ => {}
        }
    }
    assert!(commands >= 10, "{commands}");
}

fn check_accepted(fence: &Fence<'_>) {
    let parsed = rpc_schema::parse(Path::new("init.yaml"), &fence.text);
    assert!(
        parsed.is_ok(),
        "TUTORIAL.md:{}: {:?}",
        fence.line,
        parsed.err()
    );
}

fn append(path: &Path, text: &str) {
    let file = std::fs::File::options().append(true).open(path);
    file.and_then(|mut file| file.write_all(text.as_bytes()))
        .expect("a file to append to");
}
