//! What holds of every text: it is accepted or refused, with places that lie in it, and never a
//! panic.

use std::ops::Range;
use std::path::Path;

use rpc_schema::types::MAX_TYPE_DEPTH;
use rpc_schema::{Finding, Report, Type};

/// Checks a file, and tells whether it is accepted; what is accepted is YAML for `serde_yaml` as
/// well.
pub fn check_file(text: &str) -> bool {
    match rpc_schema::parse(Path::new("init.yaml"), text) {
        Ok(document) => {
            assert!(serde_yaml::from_str::<serde_yaml::Value>(document.text()).is_ok());
            true
        }
        Err(report) => {
            check_report(&report);
            false
        }
    }
}

/// Checks the text of a type: one that is accepted is printed as a text that means the same.
pub fn check_type(text: &str) {
    match Type::parse(text) {
        Ok(ty) => {
            assert!(ty.depth() <= MAX_TYPE_DEPTH);
            assert_eq!(Type::parse(&rpc_schema::Expanded(&ty).to_string()), Ok(ty));
        }
        Err(error) => check_span(text, &(error.offset..error.offset + error.length)),
    }
}

fn check_report(report: &Report) {
    assert!(!report.findings.is_empty());
    assert!(
        report
            .findings
            .is_sorted_by_key(|finding| finding.span.start)
    );
    let lines = report.lines();
    for Finding {
        span,
        related,
        message,
        ..
    } in &report.findings
    {
        check_span(&report.text, span);
        let places = [Some(span), related.as_ref().map(|(span, _)| span)];
        for place in places.into_iter().flatten() {
            check_span(&report.text, place);
            assert!(lines.position(place.start) <= lines.position(place.end));
        }
        assert!(!message.is_empty());
    }
    assert!(report.render(false).contains("error[E"));
    assert!(report.render(true).contains('\u{1b}'));
}

fn check_span(text: &str, span: &Range<usize>) {
    assert!(
        text.get(span.clone()).is_some(),
        "{span:?} is no place in a text of {} bytes",
        text.len()
    );
}
