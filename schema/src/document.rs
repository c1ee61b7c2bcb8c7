//! [`Document`]: a checked file, together with its text and the spans of its entries.

mod chain;
mod files;
mod places;

use std::path::{Path, PathBuf};

use crate::check::{Checked, check};
use crate::diagnostic::{BaseText, Finding, Findings, Places, Report};
use crate::model::Schema;
use crate::raw;
use crate::read;
pub use chain::MAX_FILES;
use chain::{Chain, Merged};
pub use files::{MAX_SOURCE_BYTES, SourceFolder};
use places::DocumentSpans;

/// A checked `init.yaml`.
#[derive(Debug, Clone)]
pub struct Document {
    /// The checked content.
    pub schema: Schema,
    path: PathBuf,
    text: String,
    bases: Vec<BaseText>,
    spans: DocumentSpans,
}

/// Reads and checks a file, and the files that it extends.
///
/// # Errors
/// Returns a report of everything that is wrong with the file, in source order.
pub fn load(path: &Path) -> Result<Document, Report> {
    parse_owned(path, read::read(path)?, &mut read_base)
}

/// Checks a text. `path` names its file in reports; the file need not exist. A file that the text
/// extends is read from the folder of `path`.
///
/// # Errors
/// Returns a report of everything that is wrong with the text, in source order.
pub fn parse(path: &Path, text: &str) -> Result<Document, Report> {
    parse_owned(path, text.to_owned(), &mut read_base)
}

/// Checks a text like [`parse`]. `read` returns the text of a file that it extends, or why that
/// cannot be read, in one sentence.
///
/// # Errors
/// Returns a report of everything that is wrong with the text, in source order.
pub fn parse_with(
    path: &Path,
    text: &str,
    mut read: impl FnMut(&Path) -> Result<String, String>,
) -> Result<Document, Report> {
    parse_owned(path, text.to_owned(), &mut read)
}

fn read_base(path: &Path) -> Result<String, String> {
    read::read(path).map_err(|report| {
        let first = report.findings.into_iter().next();
        first.map_or_else(String::new, |finding| finding.message)
    })
}

fn parse_owned(path: &Path, text: String, read: chain::Read<'_>) -> Result<Document, Report> {
    let mut chain = Chain::new(path, text);
    let checked = chain.merge(read).and_then(parse_and_check);
    let sha256 = chain.sha256();
    let (text, bases) = chain.into_texts();
    match checked {
        Ok((checked, spans)) => {
            let Checked {
                name,
                doc,
                network,
                types,
                services,
            } = checked;
            let schema = Schema {
                name,
                doc,
                network,
                types,
                services,
                sha256,
            };
            Ok(Document {
                schema,
                path: path.to_owned(),
                text,
                bases,
                spans,
            })
        }
        Err(findings) => Err(Report::new(path, text, findings.in_source_order()).with_bases(bases)),
    }
}

fn parse_and_check(merged: Merged) -> Result<(Checked, DocumentSpans), Findings> {
    let Merged {
        layer,
        mut findings,
    } = merged;
    let raw = raw::decode(layer.value, &layer.table, &mut findings);
    let Some((raw, file)) = raw.zip(layer.table.root()) else {
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

    /// Returns the text of the file without a byte order mark, and without the files that it
    /// extends.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Returns the paths of the file and of those that it extends.
    pub fn paths(&self) -> impl Iterator<Item = &Path> {
        let bases = self.bases.iter().map(|base| base.path.as_path());
        [self.path.as_path()].into_iter().chain(bases)
    }

    /// Returns what tells the file, the line and the column of a span of this document.
    pub fn places(&self) -> Places<'_> {
        Places::new(&self.path, &self.text, &self.bases)
    }

    /// Returns the folder of the project: that of the file, or of the last file that it extends.
    /// The paths in all these files are relative to it.
    pub fn folder(&self) -> &Path {
        let last = self.bases.last().map_or(&self.path, |base| &base.path);
        match last.parent() {
            Some(folder) if folder != Path::new("") => folder,
            _ => Path::new("."),
        }
    }

    /// Creates a report about this file; `findings` must not be empty.
    pub fn report(&self, findings: Vec<Finding>) -> Report {
        Report::new(&self.path, &self.text, findings).with_bases(self.bases.clone())
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
