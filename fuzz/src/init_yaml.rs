//! The file `init.yaml`, and the files that it extends: a wrong one is refused with places in it,
//! and a correct one is read again as the same.

use std::path::Path;

use rpc_schema::{Report, parse_with};

use crate::Decisions;

/// A file that uses most keys.
const GOOD: &str = include_str!("../../schema/tests/fuzzing/good.yaml");

/// A file that extends [`GOOD`].
const LAYER: &str = "\
extends: base.yaml
network:
  servers:
    server1: { ip: 10.0.0.1, port: 80 }
services:
  svc2: { tenants: [client1] }
";

const TOKENS: [&str; 24] = [
    "- ",
    ": ",
    "[",
    "]",
    "{",
    "}",
    "&a ",
    "*a",
    "*limits",
    "!!str ",
    "? ",
    "| \n",
    "> ",
    "'",
    "\"",
    "#",
    "---\n",
    "...\n",
    "\t",
    "<<: *limits\n",
    "extends: base.yaml\n",
    "\u{feff}",
    "\u{85}",
    "Optional[",
];

/// Checks a file and the file that it extends, most of them nearly valid.
pub fn run(input: &[u8]) {
    let mut decisions = Decisions::new(input);
    let extends = decisions.once_in(2);
    let base = changed(GOOD, &mut decisions);
    let top = if extends {
        changed(LAYER, &mut decisions)
    } else {
        base.clone()
    };
    let path = Path::new("folder/init.yaml");
    let mut reads = 0;
    let mut read = |_: &Path| {
        reads += 1;
        if decisions.once_in(16) {
            Err("it cannot be read".to_owned())
        } else {
            Ok(base.clone())
        }
    };
    let found = parse_with(path, &top, &mut read);
    assert!(reads <= rpc_schema::MAX_FILES, "{reads} files were read");
    match found {
        Err(report) => check_report(&report),
        Ok(document) => {
            let again = parse_with(path, &top, |_| Ok(base.clone()));
            let again = again.expect("the same file");
            assert_eq!(again.schema.sha256, document.schema.sha256);
            for (place, service) in document.schema.services.iter().enumerate() {
                for rpc in 0..service.rpcs.len() {
                    document.source_span(place, rpc);
                }
            }
        }
    }
}

/// Checks that every finding has a place, and can be shown.
fn check_report(report: &Report) {
    assert!(!report.findings.is_empty());
    assert!(report.findings.len() <= rpc_schema::diagnostic::MAX_FINDINGS);
    for finding in &report.findings {
        assert!(finding.span.start <= finding.span.end, "{finding:?}");
        report.position(finding.span.start);
    }
    let shown = report.to_string();
    let is_clean = shown.chars().all(|c| c == '\n' || !c.is_control());
    assert!(is_clean, "{shown:?}");
}

fn changed(text: &str, decisions: &mut Decisions<'_>) -> String {
    let mut bytes = text.as_bytes().to_vec();
    for _ in 0..decisions.below(5) {
        let at = decisions.u32() as usize % (bytes.len() + 1);
        match decisions.below(4) {
            0 => decisions.mutate(&mut bytes),
            1 => {
                let line = bytes[at..].iter().position(|byte| *byte == b'\n');
                let end = line.map_or(bytes.len(), |line| at + line + 1);
                if decisions.once_in(2) {
                    bytes.extend_from_within(at..end);
                } else {
                    bytes.drain(at..end);
                }
            }
            _ => {
                let token = decisions.choose(&TOKENS);
                let times = decisions.choose(&[1, 1, 1, 100]);
                bytes.splice(at..at, token.repeat(times).bytes());
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}
