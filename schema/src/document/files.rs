//! Whether the files that a document names are there.

use std::collections::HashSet;
use std::fs;
use std::ops::Range;

use super::Document;
use crate::diagnostic::{Code, Finding, Report};
use crate::model::{self, Rpc};
use crate::read::words;

/// How large a source, a module or a data file may be.
pub const MAX_SOURCE_BYTES: u64 = 8 * 1024 * 1024;

/// A file that a document names.
struct Named<'d> {
    path: &'d str,
    span: Range<usize>,
    /// The procedure whose code it is, when that is said nowhere but in its name.
    default_of: Option<&'d Rpc>,
    is_source: bool,
}

impl Document {
    /// Looks for every source, module and data file; each is reported once, where it is named first. Generating code
    /// does not ask for this: a client's machine may have the file alone.
    ///
    /// # Errors
    /// What is missing, no regular file, or larger than [`MAX_SOURCE_BYTES`].
    pub fn check_files(&self) -> Result<(), Report> {
        let mut seen = HashSet::new();
        let named = self.named_files().filter(|file| seen.insert(file.path));
        let findings: Vec<Finding> = named.filter_map(|file| self.check_file(&file)).collect();
        if findings.is_empty() { Ok(()) } else { Err(self.report(findings)) }
    }

    fn named_files(&self) -> impl Iterator<Item = Named<'_>> {
        self.schema.services.iter().enumerate().flat_map(move |(index, service)| {
            let file = |path, span| Named { path, span, default_of: None, is_source: false };
            let modules = service.modules.iter().enumerate();
            let data = service.data.iter().enumerate();
            let rpcs = service.rpcs.iter().enumerate();
            modules
                .map(move |(module, path)| file(path.as_str(), self.module_span(index, module)))
                .chain(data.map(move |(data, path)| file(path.as_str(), self.data_span(index, data))))
                .chain(rpcs.filter_map(move |(rpc, model)| self.source(index, rpc, model)))
        })
    }

    /// The bytes that say where a procedure's code is: its `path`, or its name where the path is the default one; and
    /// whether the path is written. Services and procedures are counted as in the model.
    pub fn source_span(&self, service: usize, rpc: usize) -> (Range<usize>, bool) {
        match self.rpc_field(service, rpc, "path") {
            Some(path) => (path, true),
            None => (self.rpc_span(service, rpc, "name"), false),
        }
    }

    fn source<'d>(&'d self, service: usize, rpc: usize, model: &'d Rpc) -> Option<Named<'d>> {
        let model::Code::Source(path) = &model.code else { return None };
        let (span, is_written) = self.source_span(service, rpc);
        let default_of = (!is_written).then_some(model);
        Some(Named { path, span, default_of, is_source: true })
    }

    fn check_file(&self, file: &Named<'_>) -> Option<Finding> {
        let path = file.path;
        let finding = |code, message: String| Finding::new(code, file.span.clone(), message);
        match fs::metadata(self.folder().join(path)) {
            Err(error) => {
                let finding =
                    finding(Code::SourceMissing, format!("cannot read `{path}`: {}", words(&error)));
                Some(finding.hint(file.hint()))
            }
            Ok(metadata) if !metadata.is_file() => {
                Some(finding(Code::SourceNotAFile, format!("`{path}` is not a regular file")))
            }
            Ok(metadata) if metadata.len() > MAX_SOURCE_BYTES => {
                let message = format!("`{path}` is larger than {} MiB", MAX_SOURCE_BYTES >> 20);
                Some(finding(Code::SourceTooLarge, message))
            }
            Ok(_) => None,
        }
    }
}

impl Named<'_> {
    fn hint(&self) -> String {
        match self.default_of {
            Some(rpc) => format!("create it with a function `{}`, or say with `path` where it is", rpc.name),
            None if self.is_source => "create it, or correct the path".to_owned(),
            None => "create it, or remove it from the list".to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs::File;
    use std::path::Path;

    use crate::document::parse;

    const TEXT: &str = "\
network: { servers: { a: { ip: '::1', port: 1 } } }
services:
  s:
    provider: a
    modules: [m.py, here.py]
    data: [folder]
    rpcs:
      - name: one
      - { name: two, path: large.py }
      - { name: three, path: here.py }
      - { name: four, path: m.py }
      - { name: five, native: true }
";

    #[test]
    fn files_that_are_not_there_are_reported_where_they_are_named() {
        let folder = tempfile::tempdir().expect("a folder");
        File::create(folder.path().join("here.py")).expect("created");
        std::fs::create_dir(folder.path().join("folder")).expect("created");
        let large = File::create(folder.path().join("large.py")).expect("created");
        large.set_len(super::MAX_SOURCE_BYTES + 1).expect("grown");
        let document = parse(&folder.path().join("init.yaml"), TEXT).expect("a good file");
        let report = document.check_files().expect_err("files are missing");
        let found: Vec<String> = report
            .findings
            .iter()
            .map(|finding| {
                let (line, column) = report.position(finding.span.start);
                format!("{line}:{column} {} {}", finding.code, finding.message)
            })
            .collect();
        assert_eq!(
            found,
            [
                "5:15 E080 cannot read `m.py`: there is no such file",
                "6:12 E081 `folder` is not a regular file",
                "8:15 E080 cannot read `services/s/one.py`: there is no such file",
                "9:28 E082 `large.py` is larger than 8 MiB",
            ]
        );
        let hint = report.findings[2].hint.as_deref();
        assert_eq!(hint, Some("create it with a function `one`, or say with `path` where it is"));
        large.set_len(super::MAX_SOURCE_BYTES).expect("shrunk");
        assert_eq!(document.check_files().map_err(|report| report.findings.len()), Err(3));
    }

    #[test]
    fn a_place_that_is_not_written_is_the_whole_entry() {
        let document = parse(Path::new("init.yaml"), TEXT).expect("a good file");
        let text = |span| &document.text()[span];
        assert_eq!(text(document.rpc_span(0, 1, "path")), "large.py");
        assert_eq!(text(document.rpc_span(0, 0, "path")), "name: one");
        assert_eq!(text(document.rpc_span(0, 4, "deadline")), "{ name: five, native: true }");
        assert_eq!(text(document.module_span(0, 1)), "here.py");
        assert_eq!(text(document.data_span(0, 0)), "folder");
        assert_eq!(text(document.service_span(0, "provider")), "a");
        assert_eq!(text(document.service_name_span(0)), "s");
        assert_eq!(document.rpc_span(9, 9, "name"), 0..0);
    }
}
