//! What `docs/INIT.md` shows is what the crate does.

use std::path::Path;

use rpc_schema::Code;

const INIT_MD: &str = include_str!("../../docs/INIT.md");

/// The language and the text of each fenced block, with the line it begins at.
fn blocks() -> Vec<(usize, &'static str, String)> {
    let mut blocks = Vec::new();
    let mut open: Option<(usize, &str, String)> = None;
    for (index, line) in INIT_MD.lines().enumerate() {
        match (line.strip_prefix("```"), &mut open) {
            (Some(language), None) => open = Some((index + 1, language, String::new())),
            (Some(_), Some(_)) => blocks.extend(open.take()),
            (None, Some((_, _, text))) => text.extend([line, "\n"]),
            (None, None) => {}
        }
    }
    blocks
}

#[test]
fn every_example_is_accepted_and_every_wrong_one_refused() {
    let mut counts = [0, 0];
    for (line, language, text) in blocks() {
        let parsed = rpc_schema::parse(Path::new("init.yaml"), &text);
        match language {
            "yaml" => {
                counts[0] += 1;
                assert!(
                    parsed.is_ok(),
                    "INIT.md:{line}: {}",
                    parsed.map_or_else(|r| r.to_string(), |_| String::new())
                );
            }
            "yaml,wrong" => {
                counts[1] += 1;
                assert!(parsed.is_err(), "INIT.md:{line}");
            }
            _ => {}
        }
    }
    assert!(counts[0] >= 5 && counts[1] >= 2, "{counts:?}");
}

#[test]
fn every_rule_is_listed_with_its_code() {
    for code in Code::ALL {
        let row = format!("| {code} | {} |", code.explanation());
        assert!(INIT_MD.lines().any(|line| line == row), "missing in INIT.md:\n{row}");
    }
}
