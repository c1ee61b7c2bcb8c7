//! Checks that the examples and the rules in `docs/INIT.md` agree with the crate.

mod markdown;

use std::path::Path;

use rpc_schema::Code;

const INIT_MD: &str = include_str!("../../docs/INIT.md");

#[test]
fn correct_examples_are_accepted_and_wrong_ones_are_refused() {
    let mut counts = [0, 0];
    for block in markdown::blocks(INIT_MD) {
        let report = rpc_schema::parse(Path::new("init.yaml"), &block.text).err();
        let line = block.line;
        match block.language {
            "yaml" => {
                counts[0] += 1;
                assert!(
                    report.is_none(),
                    "INIT.md:{line}: {}",
                    report.map_or_else(String::new, |r| r.to_string())
                );
            }
            "yaml,wrong" => {
                counts[1] += 1;
                assert!(report.is_some(), "INIT.md:{line}");
            }
            _ => {}
        }
    }
    assert!(counts[0] >= 5 && counts[1] >= 2, "{counts:?}");
}

#[test]
fn every_rule_is_listed_with_its_code() {
    for code in Code::ALL {
        let row = format!("| {code} | {} |", code.rule());
        assert!(
            INIT_MD.lines().any(|line| line == row),
            "missing in INIT.md:\n{row}"
        );
    }
}
