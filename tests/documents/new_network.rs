//! `rpcgen new`: the network that it writes runs as its `README.md` says.

use std::fs;
use std::path::Path;
use std::process::Command;

use crate::console::shell;
use crate::fence::fences;
use crate::harness::{Finished, Network, begin, finish};

const START: &str = "rpc-server --listen 127.0.0.1:7101 --data data\n";

/// What must hold of the package. It also compiles all that the commands of `README.md` run.
const CHECKS: &str = "\
cargo fmt --check
cargo clippy --all-targets -- -D warnings
cargo test --no-run
cargo build
";

#[test]
fn a_new_network_runs_as_its_readme_says() {
    let mut network = Network::new("");
    write_hello(network.path());
    // Compiling may take longer than `finish` waits.
    let checked = in_hello(&network, CHECKS).output().expect("a shell");
    Finished::from(checked).succeeds();
    let readme = fs::read_to_string(network.path().join("hello/README.md")).expect("a file");
    let mut printed = String::new();
    let mut blocks = 0;
    for fence in fences(&readme) {
        blocks += 1;
        match fence.language {
            "sh" if fence.text == START => drop(network.start("home", &[])),
            "sh" => printed = run(&network, &fence.text),
            _ => assert!(printed.ends_with(&fence.text), "{printed}"),
        }
    }
    assert_eq!(blocks, 5, "{readme}");
    // Cargo would keep a program for each run of this test.
    run(&network, "cargo clean --package hello");
}

/// Writes the network `hello` to a folder of that name. Its package uses the versions of the crates
/// that this workspace uses, which Cargo has already.
fn write_hello(folder: &Path) {
    let hello = folder.join("hello");
    rpcgen::new_network(&hello, None).expect("a network");
    let lock = Path::new(env!("CARGO_MANIFEST_DIR")).join("Cargo.lock");
    fs::copy(lock, hello.join("Cargo.lock")).expect("a copy");
}

/// Runs commands in the folder `hello`. Returns their output.
#[track_caller]
fn run(network: &Network, commands: &str) -> String {
    finish(begin(in_hello(network, commands))).succeeds().stdout
}

/// Returns a shell that runs commands in the folder `hello`, up to the first that fails.
fn in_hello(network: &Network, commands: &str) -> Command {
    let mut shell = shell(network, &format!("set -e; cd hello; {commands}"));
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).join("new_network");
    shell
        .env("CARGO_TARGET_DIR", target)
        .env("CARGO_NET_OFFLINE", "true")
        .env("CARGO_INCREMENTAL", "0")
        .env("CARGO_PROFILE_DEV_DEBUG", "none");
    shell
}
