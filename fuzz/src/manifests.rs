//! Manifests and deployment messages: what is accepted is written and read again as the same.

use deploy::manifest::{Manifest, sample};
use deploy::message::{DeployRequest, is_request_header};
use serde_json::{Value, json};

use crate::Decisions;

const TOKENS: [&str; 12] = [
    "null",
    "{",
    "}",
    "[",
    "\"",
    ",",
    "-1",
    "1e400",
    "\"svc1\":{},",
    "../",
    "\\u001b",
    "Dict[str, int]",
];

/// Checks a manifest and a message, most of them nearly valid.
pub fn run(input: &[u8]) {
    let mut decisions = Decisions::new(input);
    let manifest = serde_json::to_vec(&rich_sample()).expect("JSON");
    let manifest = changed(manifest, &mut decisions);
    if let Ok(manifest) = serde_json::from_slice::<Manifest>(&manifest) {
        check_manifest(&manifest);
    }
    let (header, value) = any_request(&mut decisions);
    let text = changed(value.to_string().into_bytes(), &mut decisions);
    let Ok(text) = String::from_utf8(text) else {
        return;
    };
    assert!(is_request_header(header), "{header}");
    if let Ok(request) = DeployRequest::decode(header, &text) {
        let is_checked = request.check().is_ok();
        let written = serde_json::to_value(&request).expect("JSON");
        assert_eq!(written["header"], header);
        let again = DeployRequest::decode(header, &written["value"].to_string());
        let again = again.expect("a written request");
        assert_eq!(again.check().is_ok(), is_checked);
        assert_eq!(serde_json::to_value(&again).expect("JSON"), written);
    }
}

fn check_manifest(manifest: &Manifest) {
    let hash = manifest.content_hash();
    let again = serde_json::to_vec(manifest).expect("JSON");
    let again: Manifest = serde_json::from_slice(&again).expect("a written manifest");
    assert_eq!(&again, manifest);
    assert_eq!(again.content_hash(), hash);
    let changes = manifest.changes_from(Some(manifest));
    assert_eq!((changes.new, changes.changed, changes.removed), (0, 0, 0));
    let _ = manifest.changes_from(Some(&rich_sample()));
    assert!(manifest.emptied().services.is_empty());
    if manifest.validate().is_err() {
        return;
    }
    for file in manifest.files() {
        assert!(deploy::manifest::is_sha256(file), "{file}");
    }
    for (name, service) in &manifest.services {
        for file in service.files() {
            let is_inside = !file.path.starts_with('/')
                && file
                    .path
                    .split('/')
                    .all(|part| !matches!(part, "" | "." | ".."));
            assert!(is_inside, "a valid manifest has the path {:?}", file.path);
        }
        for rpc in &service.rpcs {
            rpc.signature(name)
                .expect("a valid manifest has valid signatures");
            assert!(!rpc.key_text(name).contains(char::is_control));
        }
    }
}

/// Returns a manifest that has every member.
fn rich_sample() -> Manifest {
    let mut value = serde_json::to_value(sample('a')).expect("JSON");
    let service = &mut value["services"]["svc1"];
    let file = json!({ "path": "words.py", "sha256": "b".repeat(64) });
    service["modules"] = json!([file]);
    service["data"] = json!([{ "path": "data/x.bin", "sha256": "c".repeat(64) }]);
    service["concurrency"] = json!(4);
    let mut second = service["rpcs"][0].clone();
    second["name"] = json!("rpc2");
    second["deadline-ms"] = json!(500);
    second["parameters"] = json!([{ "type": "R{a: int, b: List[str]}" }]);
    service["rpcs"].as_array_mut().expect("a list").push(second);
    serde_json::from_value(value).expect("a manifest")
}

fn any_request(decisions: &mut Decisions<'_>) -> (&'static str, Value) {
    let txn = "0123456789abcdef";
    let hash = "a".repeat(64);
    let step = json!({ "txn": txn, "token": 7 });
    match decisions.below(12) {
        0 => {
            let begin = json!({
                "txn": txn, "origin": { "at": 1, "by": "ann", "note": "x" }, "lease-ms": 1000,
                "expected": { "generation": 1, "content": hash }, "manifest": rich_sample(),
            });
            ("INIT-BEGIN", begin)
        }
        1 => {
            let file = json!({ "sha256": hash, "size": 3, "zstd": "KLUv/QQ=" });
            (
                "INIT-PUT",
                json!({ "txn": txn, "token": 7, "files": [file] }),
            )
        }
        2 => ("INIT-PREPARE", step),
        3 => ("INIT-COMMIT", step),
        4 => ("INIT-RENEW", step),
        5 => ("INIT-OUTCOME", json!({ "txn": txn })),
        6 => ("INIT-LACKS", json!({ "files": [hash] })),
        7 => ("INIT-FETCH", json!({ "files": [hash, hash] })),
        8 => ("INIT-CHALLENGE", json!({ "nonce": "5a".repeat(16) })),
        9 => ("INIT-PROVE", json!({ "proof": hash })),
        10 => ("INIT-MANIFEST", json!({ "generation": 3 })),
        _ => ("INIT-STATUS", json!({})),
    }
}

fn changed(mut text: Vec<u8>, decisions: &mut Decisions<'_>) -> Vec<u8> {
    for _ in 0..decisions.below(4) {
        if decisions.once_in(2) {
            decisions.mutate(&mut text);
        } else {
            let at = decisions.u32() as usize % (text.len() + 1);
            let token = decisions.choose(&TOKENS);
            text.splice(at..at, token.bytes());
        }
    }
    text
}
