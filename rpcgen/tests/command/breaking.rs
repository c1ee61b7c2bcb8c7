//! `rpcgen breaking`: compares two files, or a file with an earlier revision in git.

use std::fs;
use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};

use super::place::TestFolder;

const OLD: &str = "\
network:
  servers: { server1: { ip: 127.0.0.1, port: 7101 } }
  clients: { client1: { ip: 127.0.0.1 }, client2: { ip: 127.0.0.2 } }
types:
  Tally: { name: str, votes: int }
services:
  svc1:
    provider: server1
    tenants: [client1]
    rpcs:
      - { name: count, arguments: [Tally], returns: int }
      - { name: add, arguments: [int, int], returns: int }
  svc2:
    provider: server1
    tenants: [client2]
    rpcs:
      - { name: ping }
";

fn changed() -> TestFolder {
    let folder = TestFolder::new(OLD);
    let overload = "      - { name: add, arguments: [str], returns: int }\n  svc2:";
    let new = OLD
        .replace("votes: int", "votes: float")
        .replace("  svc2:", overload);
    folder.write(
        "new.yaml",
        &new.replace("tenants: [client2]", "tenants: [client1]"),
    );
    folder
}

#[test]
fn breaking_changes_are_listed_by_client() {
    changed().run("breaking init.yaml new.yaml").check(
        3,
        "\
client1
  breaks on the wire: calls with the old stubs fail
    svc1.count(Tally): the field `votes` of `Tally` was `int` and is `float`
  breaks Rust sources: calls may have to change
    svc1.add: it now has overloads, and its arguments are passed as one value
  is new
    svc1.add(str): the overload is new
    svc2: it is now a tenant
client2
  breaks on the wire: calls with the old stubs fail
    svc2: it is no longer a tenant
breaking: 2 on the wire, 1 in Rust sources; 2 new
",
        "",
    );
}

#[test]
fn a_client_that_breaks_is_red_on_a_terminal_and_long_lines_are_broken() {
    let folder = changed();
    let on_terminal = include_str!("../../../tests/acceptance/commands/on_terminal.py");
    let mut command = Command::new("python3");
    command
        .args(["-c", on_terminal, "40", env!("CARGO_BIN_EXE_rpcgen")])
        .args(["breaking", "init.yaml", "new.yaml"])
        .env_remove("NO_COLOR")
        .current_dir(folder.path());
    let output = command.output().expect("python3 runs");
    let printed = String::from_utf8(output.stdout).expect("text");
    assert_eq!(output.status.code(), Some(3), "{printed}");
    for expected in [
        "\u{1b}[31mclient1\u{1b}[0m\n",
        "\u{1b}[31m  breaks on the wire: calls with the old\n    stubs fail\u{1b}[0m\n",
        "\u{1b}[33m  breaks Rust sources: ",
        "\u{1b}[32m    svc2: it is now a tenant\u{1b}[0m\n",
    ] {
        assert!(printed.contains(expected), "{expected:?}: {printed}");
    }
}

#[test]
fn additions_are_compatible() {
    let folder = changed();
    folder.run("breaking init.yaml init.yaml").check(
        0,
        "compatible: nothing changes for any client\n",
        "",
    );
    folder.write(
        "more.yaml",
        &OLD.replace("{ name: ping }", "{ name: ping }\n      - { name: pong }"),
    );
    let expected = "client2\n  is new\n    svc2.pong(): the procedure is new\ncompatible: 1 new\n";
    folder
        .run("breaking init.yaml more.yaml")
        .check(0, expected, "");
}

#[test]
fn json_has_an_object_per_change_and_a_summary() {
    let folder = changed();
    for flags in ["--json", "--format json"] {
        let run = folder.run(&format!("breaking init.yaml new.yaml {flags}"));
        let lines: Vec<Value> = run
            .stdout
            .lines()
            .map(|line| serde_json::from_str(line).expect(line))
            .collect();
        assert_eq!((run.code, lines.len()), (3, 6));
        let first = json!({
            "schema": 1, "client": "client1", "effect": "wire", "service": "svc1", "rpc": "count",
            "what": "svc1.count(Tally)", "why": "the field `votes` of `Tally` was `int` and is `float`",
        });
        let summary = json!({ "schema": 1, "summary": { "breaking": true, "wire": 2, "source": 1, "new": 2 } });
        assert_eq!((&lines[0], &lines[5]), (&first, &summary));
    }
}

#[test]
fn github_shows_a_change_at_its_place_in_the_new_file() {
    let run = changed().run("breaking init.yaml new.yaml --format github");
    let lines: Vec<&str> = run.stdout.lines().collect();
    assert_eq!(run.code, 3);
    for (index, start) in [
        (
            0,
            "::error file=new.yaml,line=11::`client1` can no longer call `svc1.count(Tally)`: the field",
        ),
        (
            1,
            "::warning file=new.yaml,line=12::`client1` may have to change its calls of `svc1.add` in Rust: it now has",
        ),
        (
            2,
            "::notice file=new.yaml,line=13::`client1` may call `svc1.add(str)`",
        ),
        (
            4,
            "::error file=new.yaml,line=14::`client2` can no longer call `svc2`: it is no longer a tenant",
        ),
    ] {
        assert!(lines[index].starts_with(start), "{}", lines[index]);
    }
}

#[test]
fn the_old_file_may_come_from_git() {
    let repository = Repository::new(OLD);
    let folder = &repository.0;
    folder.run("breaking --against HEAD init.yaml").check(
        0,
        "compatible: nothing changes for any client\n",
        "",
    );
    folder.write("init.yaml", &OLD.replace("      - { name: ping }\n", ""));
    let run = folder.run("breaking init.yaml --against HEAD");
    assert!(
        run.stdout.contains("svc2.ping(): the procedure is gone"),
        "{}",
        run.stdout
    );
    assert_eq!(run.code, 3);
    // What the file extends comes from the same revision.
    folder.write("site.yaml", "extends: init.yaml\n");
    repository.git(&["add", "site.yaml"]);
    repository.git(&["commit", "--quiet", "--message", "a site", "site.yaml"]);
    let run = folder.run("breaking site.yaml --against HEAD --format github");
    assert!(
        run.stdout.starts_with(
            "::error file=init.yaml,line=13::`client2` can no longer call `svc2.ping()`"
        ),
        "{}",
        run.stdout
    );
    let unknown = "error: git cannot show `init.yaml` of `nowhere`: ";
    folder
        .run("breaking init.yaml --against nowhere")
        .check(1, "", unknown);
    folder.run("breaking init.yaml --against=--help").check(
        1,
        "",
        "error: invalid git revision `--help`",
    );
}

/// A repository with a network, whose hooks and rebases can run the command.
struct Repository(TestFolder);

impl Repository {
    fn new(init: &str) -> Self {
        let repository = Self(TestFolder::new(init));
        repository.git(&["init", "--quiet"]);
        repository.git(&["add", "init.yaml"]);
        repository.git(&["commit", "--quiet", "--message", "a network"]);
        repository
    }

    /// Runs git, and returns what it and its hooks printed.
    fn git(&self, arguments: &[&str]) -> String {
        let run = Command::new("git")
            .args(["-c", "user.name=a", "-c", "user.email=a@example.org"])
            .args(arguments)
            .current_dir(self.0.path())
            .env("GIT_CONFIG_GLOBAL", "/dev/null")
            .output()
            .expect("git runs");
        let printed = [run.stdout, run.stderr].concat();
        let printed = String::from_utf8(printed).expect("text");
        assert!(run.status.success(), "{printed}");
        printed
    }

    /// Returns the command that compares a file with the last commit of its repository.
    fn compare(file: &Path) -> String {
        let rpcgen = env!("CARGO_BIN_EXE_rpcgen");
        format!("'{rpcgen}' breaking --against HEAD '{}'", file.display())
    }
}

const NOTHING_CHANGES: &str = "compatible: nothing changes for any client";

#[test]
fn a_hook_of_git_compares_the_file_with_its_own_repository() {
    let of_file = Repository::new(OLD);
    let of_hook = Repository::new("network: {}\n");
    let file = of_file.0.path().join("init.yaml");
    let hook = ".git/hooks/pre-commit";
    of_hook.0.write(
        hook,
        &format!("#!/bin/sh\n{}\n", Repository::compare(&file)),
    );
    let executable = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    fs::set_permissions(of_hook.0.path().join(hook), executable).expect("executable");
    // Git names the repository to the hooks of a linked worktree.
    of_hook.git(&["worktree", "add", "--quiet", "tree"]);
    let printed = of_hook.git(&[
        "-C",
        "tree",
        "commit",
        "--allow-empty",
        "--message",
        "nothing",
    ]);
    assert!(printed.contains(NOTHING_CHANGES), "{printed}");
}

#[test]
fn a_rebase_compares_a_file_in_a_worktree_with_its_own_repository() {
    let of_file = Repository::new(OLD);
    of_file.git(&["worktree", "add", "--quiet", "tree"]);
    let other = Repository::new("network: {}\n");
    other.git(&["commit", "--quiet", "--allow-empty", "--message", "nothing"]);
    for file in ["init.yaml", "tree/init.yaml"] {
        let compare = Repository::compare(&of_file.0.path().join(file));
        let rebase = ["rebase", "--force-rebase", "--exec", &compare, "HEAD~1"];
        let named = ["--git-dir=.git", "--work-tree=."];
        let printed = other.git(&[&named[..], &rebase].concat());
        assert!(printed.contains(NOTHING_CHANGES), "{printed}");
    }
}

#[test]
fn variables_of_git_decide_nothing() {
    let folder = Repository::new(OLD);
    for variable in [
        "GIT_DIR",
        "GIT_WORK_TREE",
        "GIT_INDEX_FILE",
        "GIT_OBJECT_DIRECTORY",
        "GIT_PREFIX",
    ] {
        let run = Command::new(env!("CARGO_BIN_EXE_rpcgen"))
            .args(["breaking", "--against", "HEAD", "init.yaml"])
            .current_dir(folder.0.path())
            .env(variable, "/nowhere")
            .output()
            .expect("rpcgen runs");
        let stderr = String::from_utf8_lossy(&run.stderr);
        assert!(run.status.success(), "{variable}: {stderr}");
    }
}

#[test]
fn wrong_usage_and_invalid_files_have_different_exit_codes() {
    let folder = changed();
    folder.run("breaking init.yaml").check(
        2,
        "",
        "error: expected two files, or one file and `--against`",
    );
    folder
        .run("breaking init.yaml new.yaml --against HEAD")
        .check(2, "", "error: expected two files");
    folder.write("wrong.yaml", "network: 1\n");
    folder.run("breaking init.yaml wrong.yaml").check(
        1,
        "",
        "error[E022]: `network` must be a mapping",
    );
    folder.run("breaking wrong.yaml init.yaml").check(
        1,
        "",
        "error[E022]: `network` must be a mapping",
    );
    folder
        .run("breaking init.yaml nowhere.yaml")
        .check(1, "", "error: cannot read");
}
