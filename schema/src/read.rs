//! Reads the file, if it is one that may be read.

use std::fs::{self, File};
use std::io::Read;
use std::path::Path;

use crate::diagnostic::{Code, Finding, Report};

/// How large an `init.yaml` may be.
pub const MAX_FILE_BYTES: u64 = 32 * 1024 * 1024;

/// The text of a file, which is at most [`MAX_FILE_BYTES`] even if it grows while it is read.
pub(crate) fn read(path: &Path) -> Result<String, Report> {
    let shown = path.display();
    let refuse = |code, message| Report::new(path, "", vec![Finding::new(code, 0..0, message)]);
    let unreadable = |why: &str| refuse(Code::Unreadable, format!("cannot read `{shown}`: {why}"));
    let metadata = fs::metadata(path).map_err(|error| unreadable(&words(&error)))?;
    if metadata.is_dir() {
        return Err(unreadable("it is a folder, not a file"));
    }
    if !metadata.is_file() {
        return Err(unreadable("it is not a regular file"));
    }
    let too_large = || {
        refuse(
            Code::FileTooLarge,
            format!("`{shown}` is larger than {} MiB", MAX_FILE_BYTES >> 20),
        )
    };
    if metadata.len() > MAX_FILE_BYTES {
        return Err(too_large());
    }
    let mut bytes = Vec::with_capacity(metadata.len() as usize + 1);
    File::open(path)
        .and_then(|file| file.take(MAX_FILE_BYTES + 1).read_to_end(&mut bytes))
        .map_err(|error| unreadable(&words(&error)))?;
    if bytes.len() as u64 > MAX_FILE_BYTES {
        return Err(too_large());
    }
    String::from_utf8(bytes)
        .map_err(|error| unreadable(&no_text(error.as_bytes(), error.utf8_error().valid_up_to())))
}

fn no_text(bytes: &[u8], valid_up_to: usize) -> String {
    match bytes {
        [0xff, 0xfe, ..] | [0xfe, 0xff, ..] => "it is UTF-16; save it as UTF-8".to_owned(),
        _ if bytes[..valid_up_to].contains(&0) => {
            format!("it is no text: byte {valid_up_to} is not UTF-8")
        }
        _ => format!("byte {valid_up_to} is not UTF-8"),
    }
}

/// What went wrong, without the operating system's number for it.
pub(crate) fn words(error: &std::io::Error) -> String {
    match error.kind() {
        std::io::ErrorKind::NotFound => "there is no such file".to_owned(),
        std::io::ErrorKind::PermissionDenied => "permission denied".to_owned(),
        _ => error.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_read_is_said_in_one_sentence() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = |name: &str| folder.path().join(name);
        fs::write(file("latin1"), b"a: \xe9").expect("written");
        File::create(file("large"))
            .and_then(|file| file.set_len(MAX_FILE_BYTES + 1))
            .expect("written");
        File::create(file("limit"))
            .and_then(|file| file.set_len(MAX_FILE_BYTES))
            .expect("written");
        fs::write(file("utf16"), b"\xff\xfea\0").expect("written");
        fs::write(file("binary"), b"\x7fELF\0\xf0").expect("written");
        for (name, code, end) in [
            ("none", Code::Unreadable, "none`: there is no such file"),
            (".", Code::Unreadable, "`: it is a folder, not a file"),
            (
                "utf16",
                Code::Unreadable,
                "utf16`: it is UTF-16; save it as UTF-8",
            ),
            (
                "binary",
                Code::Unreadable,
                "binary`: it is no text: byte 5 is not UTF-8",
            ),
            ("latin1", Code::Unreadable, "latin1`: byte 3 is not UTF-8"),
            ("large", Code::FileTooLarge, "large` is larger than 32 MiB"),
        ] {
            let report = read(&file(name)).expect_err(name);
            let finding = &report.findings[0];
            assert_eq!(finding.code, code, "{name}");
            assert!(finding.message.ends_with(end), "{}", finding.message);
        }
        assert_eq!(
            read(&file("limit")).map(|text| text.len() as u64),
            Ok(MAX_FILE_BYTES)
        );
    }
}
