//! The formats for programs: `--format json` and `--format github`.

use serde_json::{Value, json};

use super::place::{INIT, TestFolder};

/// Two servers with the same name, and a misspelt tenant after letters of several bytes.
const WRONG: &str = "\
network:
  servers:
    - { name: server1, ip: 127.0.0.1, port: 7101 }
    - { name: server1, ip: 127.0.0.1, port: 7102 }
  clients: { client1: { ip: 127.0.0.1 } }
services:
  svc1: { provider: server1, tenants: [ # åé
    clint1], rpcs: [{ doc: 'åé', nmae: rpc1 }] }
";

fn lines(text: &str) -> Vec<Value> {
    text.lines()
        .map(|line| serde_json::from_str(line).expect(line))
        .collect()
}

#[test]
fn findings_are_objects_and_the_last_line_is_the_summary() {
    let folder = TestFolder::new(WRONG);
    for arguments in [
        "check init.yaml --format json",
        "init.yaml --out gen --format json",
    ] {
        let run = folder.run(arguments);
        assert_eq!((run.code, run.stderr.as_str()), (1, ""));
        assert_eq!(
            lines(&run.stdout),
            [
                json!({
                    "schema": 1, "code": "E031", "severity": "error", "path": "init.yaml",
                    "message": "there are two servers called `server1`",
                    "line": 4, "column": 15, "end-line": 4, "end-column": 22, "label": null, "hint": null,
                    "related": {
                        "path": "init.yaml", "line": 3, "column": 15, "end-line": 3, "end-column": 22, "label": "the first is here"
                    },
                    "elsewhere": null,
                }),
                json!({
                    "schema": 1, "code": "E051", "severity": "error", "path": "init.yaml",
                    "message": "unknown tenant `clint1`",
                    "line": 8, "column": 5, "end-line": 8, "end-column": 11, "label": null,
                    "hint": "did you mean `client1`?", "related": null, "elsewhere": null,
                }),
                json!({
                    "schema": 1, "code": "E021", "severity": "error", "path": "init.yaml",
                    "message": "a procedure has no `name`",
                    "line": 8, "column": 21, "end-line": 8, "end-column": 46, "label": null,
                    "hint": "add `name: rpc1`", "related": null, "elsewhere": null,
                }),
                json!({
                    "schema": 1, "code": "E020", "severity": "error", "path": "init.yaml",
                    "message": "unknown key `nmae`",
                    "line": 8, "column": 34, "end-line": 8, "end-column": 38,
                    "label": "the keys here are name, doc, arguments, returns, path, native, deadline, idempotent",
                    "hint": "did you mean `name`?", "related": null, "elsewhere": null,
                }),
                json!({ "schema": 1, "summary": { "errors": 4, "path": "init.yaml" } }),
            ]
        );
    }
}

#[test]
fn a_summary_lists_written_files_and_differing_files() {
    let folder = TestFolder::new(INIT);
    let summary = |change: &str| {
        let files: Vec<Value> = ["gen/mod.rs", "gen/svc1.rs"]
            .iter()
            .map(|path| json!({ "path": path, "change": change }))
            .collect();
        json!({ "schema": 1, "summary": { "errors": 0, "path": "init.yaml", "files": files } })
    };
    let command = "init.yaml --out gen --tenant client1 --format json";
    let run = folder.run(&format!("{command} --check"));
    assert_eq!(
        (run.code, run.stderr.as_str(), lines(&run.stdout)),
        (3, "", vec![summary("missing")])
    );
    let run = folder.run(command);
    assert_eq!(
        (run.code, run.stderr.as_str(), lines(&run.stdout)),
        (0, "", vec![summary("wrote")])
    );
    folder.run(&format!("{command} --check")).check(
        0,
        "{\"schema\":1,\"summary\":{\"errors\":0,\"files\":[],\"path\":\"init.yaml\"}}\n",
        "",
    );
}

#[test]
fn a_failure_without_a_place_has_null_for_its_place() {
    let folder = TestFolder::new(INIT);
    for (arguments, code, message) in [
        (
            "check nowhere.yaml --format json",
            json!("E001"),
            "cannot read `nowhere.yaml`",
        ),
        (
            "init.yaml --out gen --tenant clinet1 --format json",
            json!(null),
            "no client `clinet1`",
        ),
    ] {
        let run = folder.run(arguments);
        let lines = lines(&run.stdout);
        assert_eq!((run.code, lines.len()), (1, 2), "{}", run.stdout);
        assert_eq!(
            (&lines[0]["code"], &lines[0]["line"]),
            (&code, &Value::Null)
        );
        assert!(
            lines[0]["message"]
                .as_str()
                .is_some_and(|text| text.starts_with(message)),
            "{}",
            lines[0]
        );
        assert_eq!(lines[1]["summary"]["errors"], 1);
    }
    assert_eq!(folder.run("check init.yaml --format yaml").code, 2);
}

#[test]
fn github_gets_workflow_commands() {
    let folder = TestFolder::new(WRONG);
    let run = folder.run("check ./init.yaml --format github");
    assert_eq!((run.code, run.stderr.as_str()), (1, ""));
    let commands: Vec<&str> = run.stdout.lines().collect();
    assert_eq!(
        commands[..2],
        [
            "::error file=./init.yaml,line=4,endLine=4,col=15,endColumn=22,title=E031 A name must be declared only once\
             ::there are two servers called `server1`%0A./init.yaml:3:15: the first is here",
            "::error file=./init.yaml,line=8,endLine=8,col=5,endColumn=11,title=E051 A tenant must be one of the \
             clients::unknown tenant `clint1`%0Adid you mean `client1`?",
        ]
    );
    folder.run("check nowhere.yaml --format github").check(
        1,
        "::error title=E001 The file must be a readable regular file of UTF-8 text::cannot read `nowhere.yaml`: \
         there is no such file\n",
        "",
    );
}

#[test]
fn a_finding_about_a_source_names_both_places() {
    let folder = TestFolder::new("");
    let init = "network: { servers: { a: { ip: '::1', port: 1 } } }\nservices:\n  s: { provider: a, rpcs: [{ name: one }] }\n";
    folder.write("sub/init.yaml", init);
    folder.write("sub/services/s/one.py", "\n  \ndef one(b):\n    return b\n");
    let github = folder.run("check sub/init.yaml --format github");
    let expected = "::error file=sub/services/s/one.py,line=3,title=E085 A function must take the declared \
                number of arguments%2C by position::`one` takes 1 argument, but 0 are declared%0Asub/init.yaml:3:36: declared here\n";
    github.check(1, expected, "");
    let json = folder.run("check sub/init.yaml --format json");
    assert_eq!(
        lines(&json.stdout)[0]["elsewhere"],
        json!({
            "path": "sub/services/s/one.py", "line": 3, "column": 5, "end-line": 3, "end-column": 8, "label": "",
        })
    );
}

#[test]
fn github_gets_the_files_that_are_not_up_to_date() {
    let folder = TestFolder::new(INIT);
    folder.run("init.yaml --out gen --tenant client1 --check --format github").check(
        3,
        "::error file=gen/mod.rs,title=not up to date::missing gen/mod.rs%0Arun the same command without `--check` \
         to update it\n::error file=gen/svc1.rs,title=not up to date::missing gen/svc1.rs%0Arun the same command \
         without `--check` to update it\n",
        "",
    );
}
