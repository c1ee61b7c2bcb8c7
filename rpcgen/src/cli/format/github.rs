//! Workflow commands. "Workflow commands for GitHub Actions" in GitHub's documentation describes
//! them.

use std::ops::Range;
use std::path::Path;

use rpc_schema::diagnostic::Places;
use rpc_schema::{Code, Finding, Report};

use super::FileChange;
use crate::Error;

pub(super) fn failure(error: &Error) -> Vec<String> {
    match error {
        Error::Findings(report) => {
            let places = report.places();
            report
                .findings
                .iter()
                .map(|found| finding(report, &places, found))
                .collect()
        }
        Error::Unreadable(message) => vec![command(
            "error",
            &[("title", title(Code::Unreadable))],
            message,
        )],
        error => vec![command(
            "error",
            &[("title", "rpcgen".to_owned())],
            &error.to_string(),
        )],
    }
}

pub(super) fn difference(change: &FileChange<'_>) -> String {
    let properties = [
        ("file", file(change.path)),
        ("title", "not up to date".to_owned()),
    ];
    let message = format!("{} {}", change.word, change.path.display());
    command(
        "error",
        &properties,
        &format!("{message}\nrun the same command without `--check` to update it"),
    )
}

/// Returns the command of a finding. A finding about a source is shown in the source, and its
/// message says where the procedure is declared.
fn finding(report: &Report, places: &Places<'_>, finding: &Finding) -> String {
    let at = |offset| {
        let at = places.locate(offset);
        format!("{}:{}:{}", at.path.display(), at.line, at.column)
    };
    let label = Some(finding.label.clone()).filter(|label| !label.is_empty());
    let (mut properties, place_and_label) = match &finding.elsewhere {
        Some(source) => {
            let place_and_label = [Some(at(finding.span.start)), label]
                .into_iter()
                .flatten()
                .collect::<Vec<_>>();
            (
                vec![
                    ("file", source.path.clone()),
                    ("line", source.line.to_string()),
                ],
                Some(place_and_label.join(": ")),
            )
        }
        None if report.has_text() => (place(places, &finding.span), label),
        None => (vec![("file", file(&report.path))], label),
    };
    properties.push(("title", title(finding.code)));
    let related = finding
        .related
        .as_ref()
        .map(|(span, label)| format!("{}: {label}", at(span.start)));
    let parts = [
        Some(finding.message.clone()),
        place_and_label,
        related,
        finding.hint.clone(),
    ];
    command(
        "error",
        &properties,
        &parts.into_iter().flatten().collect::<Vec<_>>().join("\n"),
    )
}

/// Returns the properties of a span. GitHub accepts columns only if the span is within one line.
fn place(places: &Places<'_>, span: &Range<usize>) -> Vec<(&'static str, String)> {
    let (start, end) = (places.locate(span.start), places.locate(span.end));
    let mut place = vec![
        ("file", file(start.path)),
        ("line", start.line.to_string()),
        ("endLine", end.line.to_string()),
    ];
    if start.line == end.line {
        place.extend([
            ("col", start.column.to_string()),
            ("endColumn", end.column.to_string()),
        ]);
    }
    place
}

fn title(code: Code) -> String {
    format!("{code} {}", code.rule().trim_end_matches('.'))
}

fn file(path: &Path) -> String {
    path.display().to_string()
}

/// Returns a workflow command of a level: `error`, `warning` or `notice`.
pub(in crate::cli) fn command(level: &str, properties: &[(&str, String)], message: &str) -> String {
    let properties: Vec<String> = properties
        .iter()
        .map(|(name, value)| format!("{name}={}", escape_property(value)))
        .collect();
    format!("::{level} {}::{}", properties.join(","), escape(message))
}

fn escape(text: &str) -> String {
    text.replace('%', "%25")
        .replace('\r', "%0D")
        .replace('\n', "%0A")
}

fn escape_property(text: &str) -> String {
    escape(text).replace(':', "%3A").replace(',', "%2C")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn characters_that_end_a_command_or_a_property_are_escaped() {
        let properties = [
            ("file", "C:\\a,b%.yaml".to_owned()),
            ("title", "x".to_owned()),
        ];
        assert_eq!(
            command("error", &properties, "50 %: a, b\r\n::error::c"),
            "::error file=C%3A\\a%2Cb%25.yaml,title=x::50 %25: a, b%0D%0A::error::c"
        );
    }
}
