//! `INIT-...` messages that no honest initializer sends, and those that it may repeat.

use std::collections::BTreeMap;
use std::path::Path;

use deploy::message::MAX_MANIFEST_BYTES;
use deploy::sha256_hex;
use serde_json::{Value, json};

use super::about_to_change;
use crate::harness::{Network, Script, eventually, txn};

const SOURCE: &str = "def value():\n    return 5\n";

fn serving() -> Network {
    Network::serving(&[("value", "", "int", "def value():\n    return 1\n")])
}

/// Asserts that the answer is an `INIT-EX` of this kind with these words.
#[track_caller]
fn assert_refused(answer: Result<Value, Value>, kind: &str, words: &str) {
    let error = answer.expect_err("a refusal");
    assert_eq!(error["kind"], kind, "{error}");
    assert!(
        error["message"]
            .as_str()
            .expect("a message")
            .contains(words),
        "{words}\n{error}"
    );
}

/// Returns the path and the size of every file and folder below a folder. The size of a folder is
/// 0.
fn files(folder: &Path) -> BTreeMap<String, u64> {
    let mut files = BTreeMap::new();
    for entry in std::fs::read_dir(folder).expect("a folder").flatten() {
        let metadata = entry.metadata().expect("an entry");
        files.insert(
            entry.path().display().to_string(),
            if metadata.is_dir() { 0 } else { metadata.len() },
        );
        if metadata.is_dir() {
            files.append(&mut self::files(&entry.path()));
        }
    }
    files
}

#[test]
fn commit_and_abort_may_be_repeated() {
    let network = serving();
    let mut script = network.script("server1");
    script.prepare_source("one", "svc1", SOURCE);
    let live = json!({ "generation": 2 });
    assert_eq!(script.step("INIT-COMMIT", "one"), Ok(live.clone()));
    assert_eq!(script.step("INIT-COMMIT", "one"), Ok(live));
    assert_eq!(network.value("server1"), (2, 5));
    let committed = json!({ "outcome": { "state": "committed", "generation": 2 } });
    assert_eq!(
        script.step("INIT-ABORT", "one"),
        Ok(committed.clone()),
        "a committed transaction is not aborted"
    );
    assert_eq!(
        network.script("server1").step("INIT-OUTCOME", "one"),
        Ok(committed)
    );
    script.prepare_source("two", "svc1", "def value():\n    return 6\n");
    for _ in 0..2 {
        assert_eq!(
            script.step("INIT-ABORT", "two"),
            Ok(json!({ "outcome": { "state": "aborted" } }))
        );
    }
    assert_refused(
        script.step("INIT-COMMIT", "two"),
        "conflict",
        &format!("transaction {} is not under way here", txn("two")),
    );
    assert_eq!(script.outcome("two"), "aborted");
    assert_eq!(script.outcome("three"), "unknown");
    assert_eq!(network.value("server1"), (2, 5));
}

#[test]
fn a_commit_succeeds_although_its_connection_is_reset() {
    let mut network = serving();
    for round in 2..=11 {
        let txn = format!("round {round}");
        let mut script = network.script("server1");
        let token =
            script.prepare_source(&txn, "svc1", &format!("def value():\n    return {round}\n"));
        script.step_and_reset("INIT-COMMIT", &txn);
        let mut script = network.script("server1");
        script.resume(&txn, token);
        // The reset may overtake the message, so that the server never receives it.
        let outcome = eventually("an outcome", || {
            Some(script.outcome(&txn))
                .filter(|outcome| outcome == "committed" || stays_prepared(&mut script, &txn))
        });
        if outcome != "committed" {
            script.step("INIT-COMMIT", &txn).expect("still prepared");
        }
        assert_eq!(network.value("server1").1, round);
    }
    let live = network.value("server1");
    network.server_mut("server1").kill();
    network.start("server1", &[]);
    assert_eq!(network.value("server1"), live, "memory and disk agree");
}

/// Returns whether a prepared transaction stays in progress for 20 requests, which means that no
/// commit is under way.
fn stays_prepared(script: &mut Script, txn: &str) -> bool {
    (0..20).all(|_| script.outcome(txn) == "in-progress")
}

#[test]
fn steps_in_the_wrong_order_are_refused() {
    let network = serving();
    let mut script = network.script("server1");
    let not_under_way = |name: &str| format!("transaction {} is not under way here", txn(name));
    for step in ["INIT-PREPARE", "INIT-COMMIT"] {
        assert_refused(script.step(step, "one"), "conflict", &not_under_way("one"));
    }
    assert_refused(
        script.put("one", SOURCE.as_bytes()),
        "conflict",
        &not_under_way("one"),
    );
    let manifest = script.manifest_with_source("svc1", SOURCE);
    let begun = script.begin("one", 60_000, &manifest).expect("begun");
    assert_eq!(begun["missing"], json!([sha256_hex(SOURCE.as_bytes())]));
    let token = begun["token"].as_u64().expect("a token");
    let again = script.begin("one", 60_000, &manifest).expect("begun again")["token"]
        .as_u64()
        .expect("a token");
    assert!(again > token);
    assert_refused(
        script.ask("INIT-PREPARE", json!({ "txn": txn("one"), "token": token })),
        "conflict",
        &format!("an earlier beginning of transaction {}", txn("one")),
    );
    assert_refused(
        script.step("INIT-COMMIT", "one"),
        "conflict",
        &format!("transaction {} is not prepared", txn("one")),
    );
    assert_refused(
        script.step("INIT-PREPARE", "one"),
        "refused",
        "was not sent",
    );
    assert_refused(
        script.step("INIT-PREPARE", "two"),
        "conflict",
        &not_under_way("two"),
    );
    let stale = json!({
        "txn": txn("one"), "lease-ms": 60_000, "manifest": manifest,
        "expected": { "generation": 0, "content": "" },
    });
    assert_refused(
        script.ask("INIT-BEGIN", stale),
        "conflict",
        "the plan is for generation 0, and generation 1 is live",
    );
    assert_eq!(network.value("server1"), (1, 1));
}

#[test]
fn a_file_that_differs_from_its_hash_or_size_is_refused() {
    const LIMIT: usize = 8 << 20;
    let network = serving();
    let mut script = network.script("server1");
    let manifest = script.manifest_with_source("svc1", SOURCE);
    let hash = sha256_hex(SOURCE.as_bytes());
    let token = script.begin("one", 60_000, &manifest).expect("begun")["token"].clone();
    let before = files(network.path());
    let content = SOURCE.as_bytes();
    let other = SOURCE.replace('5', "6").into_bytes();
    assert_refused(
        script.put("one", &other),
        "refused",
        "the manifest has no file with the hash",
    );
    assert_refused(
        script.put_as("one", &hash, other.len(), &other),
        "refused",
        "its content has another hash",
    );
    assert_refused(
        script.put_as("one", &hash, content.len() - 1, content),
        "refused",
        "does not unpack to 25 bytes",
    );
    assert_refused(
        script.put_as("one", &hash, LIMIT + 1, content),
        "refused",
        "8388609 bytes are over the limit of 8388608",
    );
    assert_refused(
        script.put_as("one", &hash, content.len(), &vec![b'#'; LIMIT]),
        "refused",
        "does not unpack",
    );
    let packed = |zstd: &str| json!({ "txn": txn("one"), "token": token, "files": [{ "sha256": hash, "size": 26, "zstd": zstd }] });
    assert_refused(
        script.ask("INIT-PUT", packed("*")),
        "refused",
        "invalid base64",
    );
    assert_refused(
        script.ask("INIT-PUT", packed("AAAA")),
        "refused",
        "does not unpack",
    );
    assert_eq!(files(network.path()), before, "nothing was kept");
    script
        .put("one", content)
        .expect("the true file is accepted");
    script.step("INIT-PREPARE", "one").expect("prepared");
    script.step("INIT-COMMIT", "one").expect("committed");
    assert_eq!(network.value("server1"), (2, 5));
}

#[test]
#[expect(clippy::too_many_lines, reason = "a table of cases")]
fn an_invalid_manifest_is_refused_and_nothing_is_written() {
    let network = serving();
    let mut script = network.script("server1");
    let good = script.manifest_with_source("svc1", SOURCE);
    let before = files(network.path());
    let member = |pointer: &str, value: Value| (pointer.to_owned(), value);
    let source = "/services/svc1/rpcs/0/source";
    let file = |path: &str| json!([{ "path": path, "sha256": "a".repeat(64) }]);
    let doubled = json!([
        good["services"]["svc1"]["rpcs"][0],
        good["services"]["svc1"]["rpcs"][0]
    ]);
    for ((pointer, value), words) in [
        (
            member(&format!("{source}/path"), json!("../p0.py")),
            "the path `../p0.py` does not stay inside the project",
        ),
        (
            member(&format!("{source}/path"), json!("a/../../p0.py")),
            "does not stay inside the project",
        ),
        (
            member(&format!("{source}/path"), json!("/tmp/p0.py")),
            "does not stay inside the project",
        ),
        (
            member(&format!("{source}/path"), json!("")),
            "does not stay inside the project",
        ),
        (
            member(&format!("{source}/path"), json!("a\\..\\b.py")),
            "does not stay inside the project",
        ),
        (
            member(&format!("{source}/sha256"), json!("../../../x")),
            "invalid SHA-256",
        ),
        (
            member(&format!("{source}/sha256"), json!("A".repeat(64))),
            "invalid SHA-256",
        ),
        (
            member("/services/svc1/modules", file("../m.py")),
            "the path `../m.py` does not stay inside the project",
        ),
        (
            member("/services/svc1/data", file("..")),
            "the path `..` does not stay inside the project",
        ),
        (
            member("/services/svc1/rpcs/0/name", json!("a.b")),
            "the procedure name `a.b`",
        ),
        (
            member("/services/svc1/rpcs/0/name", json!("")),
            "the procedure name ``",
        ),
        (
            member("/services/svc1/rpcs/0/returns", json!(["Lisp"])),
            "there is no type `Lisp`",
        ),
        (
            member(
                "/services/svc1/rpcs/0/parameters",
                json!([{ "type": "int]" }]),
            ),
            "`svc1.value`",
        ),
        (
            member("/services/svc1/rpcs", doubled),
            "`svc1.value()` is declared twice",
        ),
        (
            member("/services/svc1/tenants", json!(["nobody"])),
            "the unknown tenant `nobody`",
        ),
        (
            member("/services", json!({ "../x": good["services"]["svc1"] })),
            "the service name `../x`",
        ),
        (
            member("/server", json!("../server1")),
            "the server name `../server1`",
        ),
        (
            member("/server", json!("server2")),
            "this is server `server1`, and the manifest is for server `server2`",
        ),
        (
            member("/format", json!(2)),
            "manifest format 2 is not supported",
        ),
        (
            member(&format!("{source}/path"), json!("a\u{1b}[2Jb.py")),
            "has a character that a reader cannot see",
        ),
        (
            member(
                "/network/clients",
                json!({ "client1": "127.0.0.1", "a\nb": "127.0.0.2" }),
            ),
            "the client name `a",
        ),
        (
            member("/network/servers", json!({ "../x": "127.0.0.1:1" })),
            "the server name `../x`",
        ),
        (
            member("/network/deployers", json!(["a b"])),
            "the deployer name `a b`",
        ),
        (
            member("/services/svc1/grants", json!({ "env": ["A\u{202e}"] })),
            "the grant `A",
        ),
    ] {
        let mut bad = good.clone();
        match bad.pointer_mut(&pointer) {
            Some(member) => *member = value,
            None => bad["services"]["svc1"][pointer.rsplit('/').next().expect("a member")] = value,
        }
        assert_refused(script.begin("one", 60_000, &bad), "refused", words);
        assert_eq!(script.outcome("one"), "unknown", "{words}");
    }
    assert_eq!(files(network.path()), before);
    assert_eq!(network.value("server1"), (1, 1));
    script
        .begin("one", 60_000, &good)
        .expect("the valid manifest is accepted");
}

#[test]
fn a_path_with_two_contents_is_refused() {
    let network = serving();
    let mut script = network.script("server1");
    let (_, mut manifest) = script.status();
    manifest["services"]["svc1"]["modules"] =
        json!([{ "path": "p0.py", "sha256": sha256_hex(SOURCE.as_bytes()) }]);
    script.begin("one", 60_000, &manifest).expect("begun");
    script.put("one", SOURCE.as_bytes()).expect("put");
    let refused = script
        .step("INIT-PREPARE", "one")
        .expect_err("two contents");
    assert!(
        refused["message"]
            .as_str()
            .expect("a message")
            .contains("`p0.py` has two different contents"),
        "{refused}"
    );
    assert_eq!(network.value("server1"), (1, 1));
}

#[test]
fn malformed_messages_are_refused_and_the_session_goes_on() {
    let network = serving();
    let mut script = network.script("server1");
    for (header, value) in [
        ("INIT-DANCE", json!({})),
        ("INIT-COMMIT", json!({})),
        ("INIT-COMMIT", json!({ "txn": 7 })),
        ("INIT-COMMIT", json!({ "txn": txn("one") })),
        ("INIT-OUTCOME", json!({ "txn": "one" })),
        ("INIT-OUTCOME", json!({ "txn": "A".repeat(16) })),
        ("INIT-ABORT", json!({ "txn": "a".repeat(1 << 20) })),
        ("INIT-FETCH", json!({ "files": ["/etc/passwd"] })),
        ("INIT-FETCH", json!({ "files": ["a".repeat(63)] })),
        ("INIT-LACKS", json!({ "files": ["../".repeat(20)] })),
        (
            "INIT-LACKS",
            json!({ "files": vec!["a".repeat(64); 100_001] }),
        ),
        (
            "INIT-BEGIN",
            json!({ "txn": "one", "lease-ms": -1, "expected": {}, "manifest": {} }),
        ),
        ("INIT-PUT", json!({ "txn": "one", "files": {} })),
    ] {
        assert_refused(script.ask(header, value), "malformed", "");
    }
    assert_eq!(script.status().0["generation"], 1);
}

/// Puts other things than regular files into the folder of files that a server keeps.
#[test]
fn only_regular_files_of_a_bounded_size_are_fetched() {
    let network = serving();
    let mut script = network.script("server1");
    let objects = network.data("server1").join("objects/aa");
    std::fs::create_dir_all(&objects).expect("a folder");
    let hash = |digit: &str| format!("aa{}", digit.repeat(62));
    let path = |digit: &str| objects.join(hash(digit));
    assert!(
        std::process::Command::new("mkfifo")
            .arg(path("1"))
            .status()
            .expect("mkfifo")
            .success()
    );
    std::os::unix::fs::symlink("/etc/passwd", path("2")).expect("a link");
    std::fs::create_dir(path("3")).expect("a folder");
    std::fs::File::create(path("4"))
        .and_then(|file| file.set_len(3 << 30))
        .expect("a sparse file");
    for (digit, words) in [
        ("1", "it is not a regular file"),
        ("2", "Too many levels of symbolic links"),
        ("3", "it is not a regular file"),
        ("4", "it is longer than the limit of"),
        ("5", "No such file or directory"),
    ] {
        assert_refused(
            script.ask("INIT-FETCH", json!({ "files": [hash(digit)] })),
            "refused",
            words,
        );
    }
    assert_eq!(script.status().0["generation"], 1);
}

#[test]
fn a_manifest_has_a_maximum_size() {
    let network = serving();
    let mut script = network.script("server1");
    let (live, _) = script.status();
    let begin = |size: usize| {
        json!({
            "txn": txn("one"), "origin": { "at": 1, "by": "me" }, "lease-ms": 1000, "expected": live,
            "patch": { "base": "", "size": size, "zstd": "" },
        })
    };
    for (size, words) in [
        (MAX_MANIFEST_BYTES, "does not unpack to 134217728 bytes"),
        (
            MAX_MANIFEST_BYTES + 1,
            "134217729 bytes are over the limit of 134217728 bytes",
        ),
    ] {
        let refused = script.ask("INIT-BEGIN", begin(size)).expect_err("refused");
        assert!(refused.to_string().contains(words), "{refused}");
    }
}

#[test]
fn the_name_of_who_applies_has_a_maximum_length() {
    let network = serving();
    let mut script = network.script("server1");
    let (live, manifest) = script.status();
    let begin = |by: &str| {
        json!({
            "txn": txn("one"), "origin": { "at": 1, "by": by }, "lease-ms": 1000, "expected": live,
            "manifest": manifest,
        })
    };
    assert_refused(
        script.ask("INIT-BEGIN", begin(&"x".repeat(257))),
        "malformed",
        "at most 256 characters",
    );
    script
        .ask("INIT-BEGIN", begin(&"é".repeat(256)))
        .expect("begun");
}

/// The test sends the steps without waiting for answers.
#[test]
fn steps_that_are_sent_at_once_are_executed_in_order() {
    let network = serving();
    for round in 2..8 {
        let mut script = network.script("server1");
        let source = format!("def value():\n    return {round}\n");
        let manifest = script.manifest_with_source("svc1", &source);
        let name = format!("round {round}");
        script.begin(&name, 60_000, &manifest).expect("begun");
        let answers = script.put_prepare_and_commit_at_once(&name, source.as_bytes());
        assert_eq!(answers, ["INIT-RES"; 3], "round {round}");
        assert_eq!(network.value("server1"), (round, round));
    }
}

#[test]
fn a_manifest_with_a_duplicate_name_is_refused() {
    let network = serving();
    let (live, manifest) = network.script("server1").status();
    let begin = json!({ "header": "INIT-BEGIN", "value": {
        "id": 1, "txn": txn("one"), "lease-ms": 60_000, "expected": live, "manifest": manifest,
    }});
    for (once, twice) in [
        (
            "\"client1\":\"127.0.0.1\"",
            "\"client1\":\"127.0.0.9\",\"client1\":\"127.0.0.1\"",
        ),
        (
            "\"services\":{",
            "\"services\":{\"svc1\":{\"tenants\":[],\"rpcs\":[]},",
        ),
        (
            "\"server\":\"server1\"",
            "\"server\":\"server2\",\"server\":\"server1\"",
        ),
    ] {
        let text = begin.to_string();
        assert_eq!(text.matches(once).count(), 1, "{once} in {text}");
        let answer = network
            .script("server1")
            .ask_text(&text.replace(once, twice));
        assert_eq!(answer["header"], "INIT-EX", "{answer}");
        assert_eq!(answer["value"]["kind"], "malformed", "{answer}");
        assert_eq!(network.script("server1").outcome("one"), "unknown");
    }
    assert_eq!(
        network.script("server1").ask_text(&begin.to_string())["header"],
        "INIT-RES"
    );
}

#[test]
fn a_rollback_makes_a_new_generation_with_the_old_content() {
    let network = about_to_change();
    let roll_back = |script: &mut Script, txn: &str| script.step("INIT-ROLLBACK", txn);
    let mut script = network.script("server1");
    let not_live = |name: &str| format!("transaction {} is not live here", txn(name));
    assert_refused(
        roll_back(&mut script, "never"),
        "conflict",
        &not_live("never"),
    );
    script.prepare_source("one", "svc1", SOURCE);
    assert_refused(
        roll_back(&mut script, "never"),
        "conflict",
        &format!(
            "another apply is under way: apply {} by the test from 127.0.0.1",
            txn("one")
        ),
    );
    script.step("INIT-COMMIT", "one").expect("committed");
    assert_eq!(network.value("server1"), (2, 5));
    assert_eq!(
        roll_back(&mut script, "one"),
        Ok(json!({ "generation": 3 }))
    );
    assert_eq!(network.value("server1"), (3, 1));
    assert_refused(roll_back(&mut script, "one"), "conflict", &not_live("one"));
    assert_eq!(script.outcome("one"), "aborted");
    network.apply().succeeds();
    assert_eq!(network.value("server1"), (4, 2));
}
