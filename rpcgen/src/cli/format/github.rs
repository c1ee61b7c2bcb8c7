//! Workflow commands, as described under "Workflow commands for GitHub Actions" in GitHub's documentation.

use std::ops::Range;
use std::path::Path;

use rpc_schema::diagnostic::Lines;
use rpc_schema::{Code, Elsewhere, Finding, Report};

use super::Told;
use crate::Error;

pub(super) fn failure(error: &Error) -> Vec<String> {
    match error {
        Error::Findings(report) => {
            let lines = report.lines();
            report.findings.iter().map(|found| finding(report, &lines, found)).collect()
        }
        Error::Unreadable(message) => vec![command("error", &[("title", title(Code::Unreadable))], message)],
        error => vec![command("error", &[("title", "rpcgen".to_owned())], &error.to_string())],
    }
}

pub(super) fn difference(told: &Told<'_>) -> String {
    let properties = [("file", file(told.path)), ("title", "not up to date".to_owned())];
    let message = format!("{} {}", told.word, told.path.display());
    command("error", &properties, &format!("{message}\nthe same command without --check updates it"))
}

fn finding(report: &Report, lines: &Lines<'_>, finding: &Finding) -> String {
    let mut properties = vec![("file", file(&report.path))];
    if report.has_text() {
        properties.append(&mut place(lines, &finding.span));
    }
    properties.push(("title", title(finding.code)));
    let label = Some(&finding.label).filter(|label| !label.is_empty()).cloned();
    let related = finding.related.as_ref().map(|(span, label)| {
        let (line, column) = lines.position(span.start);
        format!("{}:{line}:{column}: {label}", report.path.display())
    });
    let elsewhere = finding.elsewhere.as_ref().map(|place| {
        let Elsewhere { path, line, column, .. } = place;
        format!("{path}:{line}:{column}")
    });
    let body: Vec<String> = [Some(finding.message.clone()), label, related, elsewhere, finding.hint.clone()]
        .into_iter()
        .flatten()
        .collect();
    command("error", &properties, &body.join("\n"))
}

/// Columns are understood within one line alone.
fn place(lines: &Lines<'_>, span: &Range<usize>) -> Vec<(&'static str, String)> {
    let (line, column) = lines.position(span.start);
    let (end_line, end_column) = lines.position(span.end);
    let mut place = vec![("line", line.to_string()), ("endLine", end_line.to_string())];
    if line == end_line {
        place.extend([("col", column.to_string()), ("endColumn", end_column.to_string())]);
    }
    place
}

fn title(code: Code) -> String {
    format!("{code} {}", code.explanation().trim_end_matches('.'))
}

fn file(path: &Path) -> String {
    path.display().to_string()
}

/// A workflow command of a level: `error`, `warning` or `notice`.
pub(in crate::cli) fn command(level: &str, properties: &[(&str, String)], message: &str) -> String {
    let properties: Vec<String> =
        properties.iter().map(|(name, value)| format!("{name}={}", escape_property(value))).collect();
    format!("::{level} {}::{}", properties.join(","), escape(message))
}

fn escape(text: &str) -> String {
    text.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A")
}

fn escape_property(text: &str) -> String {
    escape(text).replace(':', "%3A").replace(',', "%2C")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_would_end_a_command_or_a_property_is_escaped() {
        let properties = [("file", "C:\\a,b%.yaml".to_owned()), ("title", "x".to_owned())];
        assert_eq!(
            command("error", &properties, "50 %: a, b\r\n::error::c"),
            "::error file=C%3A\\a%2Cb%25.yaml,title=x::50 %25: a, b%0D%0A::error::c"
        );
    }
}
