//! [`Document`]: a checked file, together with its text and the spans of its entries.

mod files;
mod places;

use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use crate::check::{Checked, check};
use crate::diagnostic::{Finding, Findings, Report};
use crate::guard::{guard, with_spaces_after_colons};
use crate::model::Schema;
use crate::raw;
use crate::read;
pub use files::{MAX_SOURCE_BYTES, SourceFolder};
use places::DocumentSpans;

/// The mark that some editors write at the beginning of a text.
const BYTE_ORDER_MARK: &str = "\u{feff}";

/// A checked `init.yaml`.
#[derive(Debug, Clone)]
pub struct Document {
    /// The checked content.
    pub schema: Schema,
    path: PathBuf,
    text: String,
    spans: DocumentSpans,
}

/// Reads and checks a file.
///
/// # Errors
/// Returns a report of everything that is wrong with the file, in source order.
pub fn load(path: &Path) -> Result<Document, Report> {
    parse_owned(path, read::read(path)?)
}

/// Checks a text. `path` names its file in reports; the file need not exist.
///
/// # Errors
/// Returns a report of everything that is wrong with the text, in source order.
pub fn parse(path: &Path, text: &str) -> Result<Document, Report> {
    parse_owned(path, text.to_owned())
}

fn parse_owned(path: &Path, mut text: String) -> Result<Document, Report> {
    let mark = if text.starts_with(BYTE_ORDER_MARK) {
        BYTE_ORDER_MARK
    } else {
        ""
    };
    text.drain(..mark.len());
    match parse_and_check(&text) {
        Ok((checked, spans)) => {
            let sha256 = hex::encode(
                Sha256::new()
                    .chain_update(mark)
                    .chain_update(&text)
                    .finalize(),
            );
            let Checked {
                network,
                types,
                services,
            } = checked;
            let schema = Schema {
                network,
                types,
                services,
                sha256,
            };
            Ok(Document {
                schema,
                path: path.to_owned(),
                text,
                spans,
            })
        }
        Err(findings) => Err(Report::new(path, text, findings.in_source_order())),
    }
}

fn parse_and_check(text: &str) -> Result<(Checked, DocumentSpans), Findings> {
    let spaced = with_spaces_after_colons(text);
    let table = guard(text, &spaced)?;
    let mut findings = Findings::default();
    let raw = raw::decode(text, &table, &mut findings);
    let Some((raw, file)) = raw.zip(table.root()) else {
        return Err(findings);
    };
    match check(raw, file, &mut findings) {
        Some(checked) => Ok((checked, DocumentSpans::new(file))),
        None => Err(findings),
    }
}

impl Document {
    /// Returns the path of the file, as the caller named it.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Returns the text of the file without a byte order mark. The spans of findings are byte
    /// offsets in this text.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Returns the folder of the file. The paths in the file are relative to it.
    pub fn folder(&self) -> &Path {
        match self.path.parent() {
            Some(folder) if folder != Path::new("") => folder,
            _ => Path::new("."),
        }
    }

    /// Creates a report about this file; `findings` must not be empty.
    pub fn report(&self, findings: Vec<Finding>) -> Report {
        Report::new(&self.path, &self.text, findings)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "network: {}\nservices:\n  s: { provider: p }\n";

    #[test]
    fn a_byte_order_mark_changes_only_the_hash() {
        let text = "network: {}\n";
        let plain = parse(Path::new("a/init.yaml"), text).expect("good");
        let marked = parse(Path::new("a/init.yaml"), &format!("\u{feff}{text}")).expect("good");
        assert_eq!(marked.text(), text);
        assert_eq!(marked.folder(), Path::new("a"));
        assert_ne!(plain.schema.sha256, marked.schema.sha256);
        assert!(
            plain.schema.sha256.starts_with("169d2d0f4409f254"),
            "{}",
            plain.schema.sha256
        );
        assert_eq!(
            parse(Path::new("init.yaml"), text).expect("good").folder(),
            Path::new(".")
        );
    }

    #[test]
    fn a_report_keeps_the_path_as_it_was_given() {
        let report = parse(Path::new("./x/../init.yaml"), TEXT).expect_err("no such server");
        assert_eq!(report.path, Path::new("./x/../init.yaml"));
        assert_eq!(report.position(report.findings[0].span.start), (3, 18));
    }
}
