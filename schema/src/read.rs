//! Reads the text of a file, within limits.

use std::fs::{self, File};
use std::io::Read;
use std::path::Path;

use crate::diagnostic::{Code, Finding, Report};

/// Maximum size of an `init.yaml`, in bytes.
pub const MAX_FILE_BYTES: u64 = 32 * 1024 * 1024;

/// Reads the text of a file. Reads no more than [`MAX_FILE_BYTES`], even if the file grows
/// meanwhile.
pub(crate) fn read(path: &Path) -> Result<String, Report> {
    let shown = path.display();
    let refuse = |code, message| Report::new(path, "", vec![Finding::new(code, 0..0, message)]);
    let unreadable = |why: &str| refuse(Code::Unreadable, format!("cannot read `{shown}`: {why}"));
    let metadata = fs::metadata(path).map_err(|error| unreadable(&describe_error(&error)))?;
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
        .map_err(|error| unreadable(&describe_error(&error)))?;
    if bytes.len() as u64 > MAX_FILE_BYTES {
        return Err(too_large());
    }
    String::from_utf8(bytes).map_err(|error| {
        let valid_up_to = error.utf8_error().valid_up_to();
        unreadable(&describe_invalid_utf8(error.as_bytes(), valid_up_to))
    })
}

fn describe_invalid_utf8(bytes: &[u8], valid_up_to: usize) -> String {
    match bytes {
        [0xff, 0xfe, ..] | [0xfe, 0xff, ..] => "it is UTF-16; save it as UTF-8".to_owned(),
        _ if bytes[..valid_up_to].contains(&0) => {
            format!("it is not text: byte {valid_up_to} is not UTF-8")
        }
        _ => format!("byte {valid_up_to} is not UTF-8"),
    }
}

/// Describes an error in words. The common errors get no error number of the operating system.
pub(crate) fn describe_error(error: &std::io::Error) -> String {
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
    fn an_unreadable_file_is_reported_with_the_reason() {
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
                "binary`: it is not text: byte 5 is not UTF-8",
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
