//! The properties that hold for every text: it is accepted or refused, every span is inside the
//! text, and nothing panics.

use std::ops::Range;
use std::path::Path;

use rpc_schema::types::MAX_TYPE_DEPTH;
use rpc_schema::{Finding, Report, Type};

/// Checks a file, and returns whether it is accepted. `serde_yaml` must accept every accepted file,
/// too.
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

/// Checks the text of a type. If it is accepted, its printed text must mean the same type.
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
    let places = report.places();
    let at = |offset| {
        let found = places.locate(offset);
        (found.line, found.column)
    };
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
            assert!(at(place.start) <= at(place.end));
        }
        assert!(!message.is_empty());
    }
    assert!(report.render(false).contains("error[E"));
    assert!(report.render(true).contains('\u{1b}'));
}

fn check_span(text: &str, span: &Range<usize>) {
    assert!(
        text.get(span.clone()).is_some(),
        "the span {span:?} is not inside the text of {} bytes",
        text.len()
    );
}
