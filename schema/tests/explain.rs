//! Checks the explanation of each rule: its wrong file breaks only this rule, and its correct file
//! breaks none.

mod markdown;

use std::path::Path;

use markdown::{Block, blocks};
use rpc_schema::Code;

/// The rules for which no wrong file can be shown. Their explanations show a message instead.
const WITHOUT_A_FILE: [Code; 4] = [
    Code::Unreadable,
    Code::FileTooLarge,
    Code::Undecodable,
    Code::Extends,
];

/// The first rule about sources. The text of an `init.yaml` alone cannot break these rules.
const SOURCES: u16 = 80;

/// Returns the codes of the findings in a file.
fn found(text: &str) -> Vec<Code> {
    let report = rpc_schema::parse(Path::new("init.yaml"), text).err();
    report
        .map(|report| report.findings.iter().map(|finding| finding.code).collect())
        .unwrap_or_default()
}

fn files(code: Code, language: &str) -> Vec<Block> {
    blocks(code.explanation())
        .into_iter()
        .filter(|block| block.language == language)
        .collect()
}

#[test]
fn an_explanation_begins_with_the_rule_and_is_short() {
    for code in Code::ALL {
        let text = code.explanation();
        assert_eq!(text.lines().next(), Some(code.rule()), "{code}");
        assert!(
            (8..=30).contains(&text.lines().count()),
            "{code} has {} lines",
            text.lines().count()
        );
    }
}

#[test]
fn a_wrong_file_breaks_only_its_rule_and_a_correct_file_breaks_none() {
    for code in Code::ALL {
        for block in files(*code, "yaml,wrong") {
            assert_eq!(found(&block.text), [*code], "{code}.md:{}", block.line);
        }
        for block in files(*code, "yaml") {
            assert_eq!(found(&block.text), [], "{code}.md:{}", block.line);
        }
    }
}

#[test]
fn every_explanation_shows_a_wrong_and_a_correct_file_or_a_message() {
    for code in Code::ALL {
        let count = |language| files(*code, language).len();
        if WITHOUT_A_FILE.contains(code) || *code as u16 >= SOURCES {
            assert!(count("text") + count("python") > 0, "{code}");
        } else {
            assert_eq!((count("yaml,wrong"), count("yaml")), (1, 1), "{code}");
        }
    }
}
