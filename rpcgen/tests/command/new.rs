//! `rpcgen new`. `tests/documents` of the root package runs the network that it writes.

use std::fs;
use std::path::Path;

use super::place::{INIT, TestFolder};

const TUTORIAL: &str = include_str!("../../../docs/TUTORIAL.md");

/// Makes a clone with the manifests of its crates alone.
fn clone(folder: &TestFolder) {
    for (path, name) in [("rpc/runtime", "rpc-runtime"), ("rpc/rpcgen", "rpcgen")] {
        let manifest = format!("[package]\nname = \"{name}\"\n");
        folder.write(&format!("{path}/Cargo.toml"), &manifest);
    }
}

#[test]
fn a_network_is_written_and_the_next_commands_are_shown() {
    let folder = TestFolder::new(INIT);
    let run = folder.run("new first");
    run.check(0, &run.stdout, "");
    let shown = format!(
        "```sh\nrpcgen new first\n```\n\n```text\n{}```\n",
        run.stdout
    );
    assert!(TUTORIAL.contains(&shown), "TUTORIAL.md:\n{shown}");
    let (files, commands) = run
        .stdout
        .split_once("next, in the folder `first`:\n")
        .expect("both");
    for line in files.lines() {
        let file = line.strip_prefix("wrote ").expect(line);
        assert!(folder.path().join(file).is_file(), "{file}");
    }
    let readme = fs::read_to_string(folder.path().join("first/README.md")).expect("a file");
    for line in commands.lines() {
        let command = line.split('#').next().unwrap_or_default().trim();
        assert!(readme.contains(&format!("```sh\n{command}\n")), "{command}");
    }
}

#[test]
fn the_written_file_and_its_sources_have_no_findings() {
    let folder = TestFolder::new(INIT);
    folder.run("new first");
    folder.run("check first/init.yaml").check(0, "", "");
    let stubs = "wrote stubs/mod.rs\nwrote stubs/words.rs\n";
    folder
        .run("first/init.yaml --out stubs")
        .check(0, stubs, "");
}

#[test]
fn cargo_finds_the_crates_in_the_given_clone_else_in_the_one_of_the_program() {
    let folder = TestFolder::new(INIT);
    clone(&folder);
    let manifest = |arguments: &str| {
        let run = folder.run(arguments);
        run.check(0, &run.stdout, "");
        fs::read_to_string(folder.path().join("first/Cargo.toml")).expect("a file")
    };
    let given = manifest("new first --runtime rpc/runtime");
    for line in [
        "rpc-runtime = { path = \"../rpc/runtime\" }\n",
        "rpcgen = { path = \"../rpc/rpcgen\", default-features = false }\n",
    ] {
        assert!(given.contains(line), "{given}");
    }
    fs::remove_dir_all(folder.path().join("first")).expect("removed");
    let default = manifest("new first");
    let path = default.split("rpc-runtime = { path = \"").nth(1);
    let (path, _) = path.expect("a path").split_once('"').expect("a path");
    let found = folder.path().join("first").join(path).canonicalize();
    let runtime = Path::new(env!("CARGO_MANIFEST_DIR")).join("../runtime");
    assert_eq!(
        found.expect("a folder"),
        runtime.canonicalize().expect("a folder")
    );
}

#[test]
fn the_current_folder_can_be_the_new_one() {
    let folder = TestFolder::new(INIT);
    fs::remove_file(folder.path().join("init.yaml")).expect("removed");
    let run = folder.run("new .");
    assert!(
        run.stdout
            .contains("wrote ./init.yaml\nnext, in the folder `.`:\n")
    );
    folder.run("check init.yaml").check(0, "", "");
}

#[test]
fn nothing_is_overwritten_and_nothing_is_left() {
    let folder = TestFolder::new(INIT);
    clone(&folder);
    for (arguments, message) in [
        (
            "new .",
            "error: the folder `.` is not empty; choose a new or an empty folder\n",
        ),
        (
            "new init.yaml",
            "error: `init.yaml` is not a folder; choose a new or an empty folder\n",
        ),
        (
            "new a/b/c",
            "error: there is no folder `a/b`; make it first\n",
        ),
        (
            "new /proc/first",
            "error: cannot create the folder `/proc/first`: ",
        ),
        (
            "new first --runtime rpc",
            "error: there is no crate `rpc-runtime` in `rpc`; `--runtime` takes the folder `runtime` of a clone",
        ),
    ] {
        let run = folder.run(arguments);
        run.check(1, "", message);
        assert_eq!(run.stderr.lines().count(), 1, "{}", run.stderr);
    }
    let entries = fs::read_dir(folder.path()).expect("a folder");
    assert_eq!(entries.count(), 2, "init.yaml and rpc");
    let init = fs::read_to_string(folder.path().join("init.yaml")).expect("a file");
    assert_eq!(init, INIT);
}
