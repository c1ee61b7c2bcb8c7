//! A JSON object per line, each with a `schema` number. The last line is the summary.

use std::ops::Range;
use std::path::Path;

use rpc_schema::diagnostic::Places;
use rpc_schema::{Code, ExternalPlace, Finding, Report};
use serde_json::{Map, Value, json};

use super::FileChange;
use crate::Error;

/// Version of this format. It increases when a member is removed or changes its meaning.
const SCHEMA: u32 = 1;

pub(super) fn failure(init: &Path, error: &Error) -> Vec<String> {
    let mut lines = match error {
        Error::Findings(report) => findings(report),
        Error::Unreadable(message) => vec![without_place(Some(Code::Unreadable), init, message)],
        error => vec![without_place(None, init, &error.to_string())],
    };
    lines.push(summary(init, lines.len(), None));
    lines
}

pub(super) fn success(init: &Path) -> String {
    summary(init, 0, None)
}

pub(super) fn files(init: &Path, files: &[FileChange<'_>]) -> String {
    let files = files
        .iter()
        .map(|change| json!({ "path": text(change.path), "change": change.word }));
    summary(init, 0, Some(files.collect()))
}

fn summary(init: &Path, errors: usize, files: Option<Value>) -> String {
    let mut summary = json!({ "errors": errors, "path": text(init) });
    if let Some(files) = files {
        summary["files"] = files;
    }
    json!({ "schema": SCHEMA, "summary": summary }).to_string()
}

fn findings(report: &Report) -> Vec<String> {
    let places = report.places();
    report
        .findings
        .iter()
        .map(|found| finding(report, &places, found))
        .collect()
}

fn finding(report: &Report, places: &Places<'_>, finding: &Finding) -> String {
    if !report.has_text() {
        return without_place(Some(finding.code), &report.path, &finding.message);
    }
    let related = finding.related.as_ref().map(|(span, label)| {
        let mut related = place(places, span);
        let path = places.locate(span.start).path;
        related.insert("path".to_owned(), json!(text(path)));
        related.insert("label".to_owned(), json!(label));
        related
    });
    let path = places.locate(finding.span.start).path;
    let mut line = common_members(Some(finding.code), path, &finding.message);
    line.append(&mut place(places, &finding.span));
    line.insert(
        "label".to_owned(),
        json!(Some(&finding.label).filter(|label| !label.is_empty())),
    );
    line.insert("hint".to_owned(), json!(finding.hint));
    line.insert("related".to_owned(), json!(related));
    line.insert(
        "elsewhere".to_owned(),
        json!(finding.elsewhere.as_ref().map(elsewhere)),
    );
    Value::Object(line).to_string()
}

/// Returns a place in another file, such as a source. Columns count characters from 1.
fn elsewhere(place: &ExternalPlace) -> Value {
    let ExternalPlace {
        path,
        line,
        column,
        end_column,
        label,
        ..
    } = place;
    json!({
        "path": path, "line": line, "column": column, "end-line": line, "end-column": end_column, "label": label,
    })
}

/// Returns the lines and columns of a span. Its end is the first character after it.
fn place(places: &Places<'_>, span: &Range<usize>) -> Map<String, Value> {
    let (start, end) = (places.locate(span.start), places.locate(span.end));
    let members = [
        ("line", start.line),
        ("column", start.column),
        ("end-line", end.line),
        ("end-column", end.column),
    ];
    members
        .into_iter()
        .map(|(name, number)| (name.to_owned(), json!(number)))
        .collect()
}

fn without_place(code: Option<Code>, path: &Path, message: &str) -> String {
    let mut line = common_members(code, path, message);
    for absent in [
        "line",
        "column",
        "end-line",
        "end-column",
        "label",
        "hint",
        "related",
        "elsewhere",
    ] {
        line.insert(absent.to_owned(), Value::Null);
    }
    Value::Object(line).to_string()
}

fn common_members(code: Option<Code>, path: &Path, message: &str) -> Map<String, Value> {
    let members = [
        ("schema", json!(SCHEMA)),
        ("code", json!(code.map(|code| code.to_string()))),
        ("severity", json!("error")),
        ("message", json!(message)),
        ("path", json!(text(path))),
    ];
    members
        .into_iter()
        .map(|(name, value)| (name.to_owned(), value))
        .collect()
}

fn text(path: &Path) -> String {
    path.display().to_string()
}
