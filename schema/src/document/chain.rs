//! [`Chain`]: a file and the files that it extends, each after the one that extends it.

use std::ops::Range;
use std::path::{Component, Path, PathBuf};

use serde_yaml::Value;
use sha2::{Digest, Sha256};

use crate::diagnostic::{BaseText, Code, Finding, Findings};
use crate::guard::{Place, guard, with_spaces_after_colons};
use crate::layers::Layer;
use crate::raw;

/// Maximum number of files in a row of which each extends the next.
pub const MAX_FILES: usize = 8;

const EXTENDS: &str = "extends";

/// The mark that some editors write at the beginning of a text.
const BYTE_ORDER_MARK: &str = "\u{feff}";

/// Returns the text of a file, or why it cannot be read, in one sentence.
pub(super) type Read<'r> = &'r mut dyn FnMut(&Path) -> Result<String, String>;

/// The files, beginning with the one that was named.
pub(super) struct Chain {
    /// At least one.
    files: Vec<BaseText>,
    /// The bytes of all files, with their byte order marks.
    hash: Sha256,
}

/// What the files of a chain say together.
pub(super) struct Merged {
    pub(super) layer: Layer,
    /// The mistakes so far. They do not prevent further checks.
    pub(super) findings: Findings,
}

impl Chain {
    pub(super) fn new(path: &Path, text: String) -> Self {
        let mut chain = Self {
            files: Vec::new(),
            hash: Sha256::new(),
        };
        chain.add(path.to_owned(), text);
        chain
    }

    fn add(&mut self, path: PathBuf, mut text: String) {
        self.hash.update(&text);
        if text.starts_with(BYTE_ORDER_MARK) {
            text.drain(..BYTE_ORDER_MARK.len());
        }
        // The offset between two texts is the end of the first.
        let start = self
            .files
            .last()
            .map_or(0, |last| last.start + last.text.len() + 1);
        self.files.push(BaseText { path, text, start });
    }

    /// Reads the files that the first file extends, and merges what all of them say.
    pub(super) fn merge(&mut self, read: Read<'_>) -> Result<Merged, Findings> {
        let mut merged = self.last_layer()?;
        let mut above = Vec::new();
        while let Some((written, span)) = take_base(&mut merged)? {
            match self.read_base(&written, read) {
                Ok((path, text)) => self.add(path, text),
                Err((message, hint)) => {
                    return Err(Finding::new(Code::Extends, span, message)
                        .maybe_hint(hint)
                        .into());
                }
            }
            above.push(std::mem::replace(&mut merged, self.last_layer()?));
        }
        let mut findings = Findings::default();
        for layer in above.into_iter().rev() {
            merged = layer.over(merged, &mut findings);
        }
        Ok(Merged {
            layer: merged,
            findings,
        })
    }

    /// Returns what the last file says.
    fn last_layer(&self) -> Result<Layer, Findings> {
        let Some(BaseText { text, start, .. }) = self.files.last() else {
            return Err(Findings::default());
        };
        let spaced = with_spaces_after_colons(text);
        let table = guard(text, &spaced).map_err(|findings| findings.moved(*start))?;
        let value = raw::value(text).map_err(|findings| findings.moved(*start))?;
        Ok(Layer {
            table: table.into_owned(*start),
            value,
        })
    }

    /// Reads the file that the last file extends. Fails with a message and a hint.
    fn read_base(
        &self,
        written: &str,
        read: Read<'_>,
    ) -> Result<(PathBuf, String), (String, Option<String>)> {
        let shown = written.escape_debug();
        let bad = |message: String, hint: &str| Err((message, Some(hint.to_owned())));
        if written.is_empty() || written.contains('\0') || written.contains("://") {
            return bad(
                format!("`{shown}` is not the path of a file"),
                "write the path of a file on this machine, such as `extends: init.yaml`",
            );
        }
        let folder = self.files.last().and_then(|file| file.path.parent());
        let path = folder.unwrap_or(Path::new("")).join(written);
        if self.files.iter().any(|file| is_same(&file.path, &path)) {
            return bad(
                format!("`{shown}` is extended by itself"),
                "name a file that does not extend this one",
            );
        }
        if self.files.len() >= MAX_FILES {
            return bad(
                format!("more than {MAX_FILES} files extend each other in a row"),
                "merge some of them",
            );
        }
        match read(&path) {
            Ok(text) => Ok((path, text)),
            Err(message) => Err((
                message,
                Some("`extends` is relative to the folder of this file".to_owned()),
            )),
        }
    }

    /// Returns the SHA-256 of the bytes of all files, in lower-case hexadecimal digits.
    pub(super) fn sha256(&self) -> String {
        hex::encode(self.hash.clone().finalize())
    }

    /// Returns the text of the first file, and the other files.
    pub(super) fn into_texts(self) -> (String, Vec<BaseText>) {
        let mut files = self.files.into_iter();
        let first = files.next().map_or_else(String::new, |file| file.text);
        (first, files.collect())
    }
}

/// Removes the key `extends` of a file, and returns its value and the value's span.
fn take_base(layer: &mut Layer) -> Result<Option<(String, Range<usize>)>, Findings> {
    let Value::Mapping(mapping) = &mut layer.value else {
        return Ok(None);
    };
    let Some(written) = mapping.swap_remove(EXTENDS) else {
        return Ok(None);
    };
    let root = layer.table.root();
    let at = root.and_then(|root| root.child(EXTENDS));
    let span = at.map_or(0..0, Place::span);
    layer.table.remove(EXTENDS);
    let Value::String(path) = written else {
        let message = "`extends` must be the path of one file";
        let finding = Finding::new(Code::WrongKind, span, message);
        return Err(finding.hint("write `extends: base.yaml`").into());
    };
    Ok(Some((path, span)))
}

/// Returns whether two paths are the same without links.
fn is_same(one: &Path, other: &Path) -> bool {
    plain(one) == plain(other)
}

/// Returns a path without `.`, and without the folders that a `..` leaves.
fn plain(path: &Path) -> PathBuf {
    let mut plain = PathBuf::new();
    for part in path.components() {
        match part {
            Component::CurDir => {}
            Component::ParentDir
                if matches!(plain.components().next_back(), Some(Component::Normal(_))) =>
            {
                plain.pop();
            }
            part => plain.push(part),
        }
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_compared_without_dots() {
        for (one, other) in [
            ("a/./b.yaml", "a/b.yaml"),
            ("a/../b.yaml", "b.yaml"),
            ("../a/x/../b.yaml", "../a/b.yaml"),
        ] {
            assert!(is_same(Path::new(one), Path::new(other)), "{one}");
        }
        assert!(!is_same(Path::new("../b.yaml"), Path::new("b.yaml")));
        assert!(!is_same(Path::new("../../b.yaml"), Path::new("../b.yaml")));
    }
}
