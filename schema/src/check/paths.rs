//! Paths of files of the project: relative to `init.yaml`, and never outside of its folder.

use crate::diagnostic::{Code, Finding, Findings};
use crate::guard::Place;

/// Checks a path, and returns it without `.` and empty parts.
pub(super) fn check_path(text: &str, at: Place<'_>, findings: &mut Findings) -> Option<String> {
    let why = match text {
        "" => "it is empty",
        _ if text.contains('\0') => "it has a NUL character",
        _ if text.contains('\\') => "it has a backslash",
        _ if text.starts_with('/') => "it is absolute",
        _ if text.split('/').any(|part| part == "..") => "it contains `..`",
        _ if text.ends_with('/') => "it is a folder",
        _ => {
            let parts: Vec<&str> = text
                .split('/')
                .filter(|part| !matches!(*part, "" | "."))
                .collect();
            if !parts.is_empty() {
                return Some(parts.join("/"));
            }
            "it is a folder"
        }
    };
    let message = format!("invalid path `{}`: {why}", text.escape_debug());
    let hint = "write it relative to the folder of this file, with `/` between its parts";
    findings.push(Finding::new(Code::BadPath, at.span(), message).hint(hint));
    None
}
