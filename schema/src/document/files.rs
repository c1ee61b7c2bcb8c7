//! Checks that the files that a document names exist and may be sent to a server.

use std::collections::HashSet;
use std::fs;
use std::ops::Range;
use std::path::PathBuf;

use super::Document;
use crate::diagnostic::{Code, Finding, Report};
use crate::model::{self, Rpc};
use crate::read::describe_error;

/// Maximum size of a source, a module or a data file, in bytes.
pub const MAX_SOURCE_BYTES: u64 = 8 * 1024 * 1024;

/// The folder of a document. It tells whether a link in it leads to a file outside of it.
#[derive(Debug)]
pub struct SourceFolder {
    path: PathBuf,
    /// The path with all links resolved; `None` if that is not possible.
    real: Option<PathBuf>,
}

/// A file that a document names.
struct NamedFile<'d> {
    path: &'d str,
    span: Range<usize>,
    /// The procedure whose code is in this file, if the path is the default one.
    default_of: Option<&'d Rpc>,
    is_source: bool,
}

impl Document {
    /// Checks every source, module and data file. A wrong file is reported once, where it is named
    /// first. Code generation does not need this check: a client's machine may have only the
    /// `init.yaml`.
    ///
    /// # Errors
    /// Returns a report of the files that are missing, are outside of the folder, are not regular
    /// files, or are larger than [`MAX_SOURCE_BYTES`].
    pub fn check_files(&self) -> Result<(), Report> {
        let folder = self.real_folder();
        let mut seen = HashSet::new();
        let named = self.named_files().filter(|file| seen.insert(file.path));
        let findings: Vec<Finding> = named
            .filter_map(|file| check_file(&file, &folder))
            .collect();
        if findings.is_empty() {
            Ok(())
        } else {
            Err(self.report(findings))
        }
    }

    /// Returns the folder of the document, with its links resolved.
    pub fn real_folder(&self) -> SourceFolder {
        let path = self.folder().to_owned();
        let real = fs::canonicalize(&path).ok();
        SourceFolder { path, real }
    }

    /// Returns the path of every file that the document names, relative to its folder.
    pub fn named_paths(&self) -> impl Iterator<Item = &str> {
        self.named_files().map(|file| file.path)
    }

    fn named_files(&self) -> impl Iterator<Item = NamedFile<'_>> {
        self.schema
            .services
            .iter()
            .enumerate()
            .flat_map(move |(index, service)| {
                let file = |path, span| NamedFile {
                    path,
                    span,
                    default_of: None,
                    is_source: false,
                };
                let modules = service.modules.iter().enumerate();
                let data = service.data.iter().enumerate();
                let rpcs = service.rpcs.iter().enumerate();
                modules
                    .map(move |(module, path)| file(path.as_str(), self.module_span(index, module)))
                    .chain(
                        data.map(move |(data, path)| {
                            file(path.as_str(), self.data_span(index, data))
                        }),
                    )
                    .chain(rpcs.filter_map(move |(rpc, model)| self.source(index, rpc, model)))
            })
    }

    /// Returns the span that says where a procedure's code is, and whether that span is a written
    /// `path`. If the path is the default one, the span is the procedure's name. `service` and
    /// `rpc` are positions in the model.
    pub fn source_span(&self, service: usize, rpc: usize) -> (Range<usize>, bool) {
        match self.rpc_field(service, rpc, "path") {
            Some(path) => (path, true),
            None => (self.rpc_span(service, rpc, "name"), false),
        }
    }

    fn source<'d>(&'d self, service: usize, rpc: usize, model: &'d Rpc) -> Option<NamedFile<'d>> {
        let model::Code::Source(path) = &model.code else {
            return None;
        };
        let (span, is_written) = self.source_span(service, rpc);
        let default_of = (!is_written).then_some(model);
        Some(NamedFile {
            path,
            span,
            default_of,
            is_source: true,
        })
    }
}

impl SourceFolder {
    /// Returns whether a file exists, but outside of this folder, because a part of its path is a
    /// link. Such a file does not belong to the project and must be neither read nor shown.
    pub fn leads_out(&self, path: &str) -> bool {
        let inside = |file: PathBuf| {
            self.real
                .as_ref()
                .is_some_and(|folder| file.starts_with(folder))
        };
        fs::canonicalize(self.path.join(path)).is_ok_and(|file| !inside(file))
    }
}

fn check_file(file: &NamedFile<'_>, folder: &SourceFolder) -> Option<Finding> {
    let path = file.path;
    let finding = |code, message: String| Finding::new(code, file.span.clone(), message);
    match fs::metadata(folder.path.join(path)) {
        Err(error) => {
            let message = format!("cannot read `{path}`: {}", describe_error(&error));
            Some(finding(Code::SourceMissing, message).hint(file.hint()))
        }
        Ok(_) if folder.leads_out(path) => {
            let message = format!("`{path}` leads out of the folder of `init.yaml`");
            Some(
                finding(Code::SourceNotAFile, message)
                    .hint("copy the file that the link leads to into the folder"),
            )
        }
        Ok(metadata) if !metadata.is_file() => Some(finding(
            Code::SourceNotAFile,
            format!("`{path}` is not a regular file"),
        )),
        Ok(metadata) if metadata.len() > MAX_SOURCE_BYTES => {
            let message = format!("`{path}` is larger than {} MiB", MAX_SOURCE_BYTES >> 20);
            Some(finding(Code::SourceTooLarge, message))
        }
        Ok(_) => None,
    }
}

impl NamedFile<'_> {
    fn hint(&self) -> String {
        match self.default_of {
            Some(rpc) => format!(
                "create it with a function `{}`, or set `path` to the right file",
                rpc.name
            ),
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
    fn missing_files_are_reported_where_they_are_named() {
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
        assert_eq!(
            hint,
            Some("create it with a function `one`, or set `path` to the right file")
        );
        large.set_len(super::MAX_SOURCE_BYTES).expect("shrunk");
        assert_eq!(
            document
                .check_files()
                .map_err(|report| report.findings.len()),
            Err(3)
        );
    }

    #[cfg(unix)]
    #[test]
    fn a_link_may_lead_only_to_a_file_of_the_project() {
        use std::os::unix::fs::symlink;

        let outside = tempfile::tempdir().expect("a folder");
        let parent = tempfile::tempdir().expect("a folder");
        let folder = parent.path().join("project");
        let linked = parent.path().join("linked");
        std::fs::create_dir_all(folder.join("services")).expect("created");
        symlink(&folder, &linked).expect("linked");
        for file in [
            outside.path().join("one.py"),
            folder.join("here.py"),
            folder.join("folder"),
        ] {
            File::create(file).expect("created");
        }
        symlink("/proc/self/environ", folder.join("m.py")).expect("linked");
        symlink(outside.path(), folder.join("services/s")).expect("linked");
        symlink("here.py", folder.join("large.py")).expect("linked");
        let document = parse(&linked.join("init.yaml"), TEXT).expect("a good file");
        let report = document
            .check_files()
            .expect_err("two files are outside of the project");
        let messages: Vec<_> = report
            .findings
            .iter()
            .map(|finding| finding.message.as_str())
            .collect();
        let leads_out = |file| format!("`{file}` leads out of the folder of `init.yaml`");
        assert_eq!(
            messages,
            [leads_out("m.py"), leads_out("services/s/one.py")]
        );
        assert!(
            report
                .findings
                .iter()
                .all(|finding| finding.code == super::Code::SourceNotAFile)
        );
    }

    #[test]
    fn the_span_of_a_missing_key_is_the_whole_entry() {
        let document = parse(Path::new("init.yaml"), TEXT).expect("a good file");
        let text = |span| &document.text()[span];
        assert_eq!(text(document.rpc_span(0, 1, "path")), "large.py");
        assert_eq!(text(document.rpc_span(0, 0, "path")), "name: one");
        assert_eq!(
            text(document.rpc_span(0, 4, "deadline")),
            "{ name: five, native: true }"
        );
        assert_eq!(text(document.module_span(0, 1)), "here.py");
        assert_eq!(text(document.data_span(0, 0)), "folder");
        assert_eq!(text(document.service_span(0, "provider")), "a");
        assert_eq!(text(document.service_name_span(0)), "s");
        assert_eq!(document.rpc_span(9, 9, "name"), 0..0);
    }
}
