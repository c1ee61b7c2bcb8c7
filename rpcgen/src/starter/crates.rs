//! [`Crates`]: where the new package finds the crates of this project.

use std::fs;
use std::path::{Path, PathBuf};

use super::error::NewNetworkError;
use crate::Error;

/// The crate that stubs use.
const RUNTIME: &str = "rpc-runtime";

/// The crate that generates stubs in build scripts.
const RPCGEN: &str = "rpcgen";

/// The folder that this crate was compiled from. It may be gone when the program runs.
const SOURCE: &str = env!("CARGO_MANIFEST_DIR");

/// The folders of the crates `rpc-runtime` and `rpcgen`: absolute paths.
#[derive(Debug, PartialEq, Eq)]
pub struct Crates {
    runtime: PathBuf,
    rpcgen: PathBuf,
}

impl Crates {
    /// Finds the crates: beside the given folder of `rpc-runtime`, else where this program was
    /// compiled.
    ///
    /// # Errors
    /// Returns an error if the folder does not have the crate, or not the other one beside it.
    pub fn find(runtime: Option<&Path>) -> Result<Self, NewNetworkError> {
        match runtime {
            Some(runtime) => Self::in_clone(runtime),
            None => Self::compiled_in(Path::new(SOURCE)),
        }
    }

    /// Finds the crates in the clone that has this folder of `rpcgen`. They are in no registry, so
    /// a version must not be named: the crate of that name could be a stranger's.
    fn compiled_in(rpcgen: &Path) -> Result<Self, NewNetworkError> {
        Self::in_clone(&rpcgen.with_file_name("runtime")).map_err(|_| NewNetworkError::NoClone)
    }

    fn in_clone(runtime: &Path) -> Result<Self, NewNetworkError> {
        let runtime = crate_folder(RUNTIME, runtime)?;
        let rpcgen = crate_folder(RPCGEN, &runtime.with_file_name("rpcgen"))?;
        Ok(Self { runtime, rpcgen })
    }

    /// Returns how the `Cargo.toml` in the folder `package` names `rpc-runtime`, without braces.
    ///
    /// # Errors
    /// Returns an error if the path of the crate is not text.
    pub fn runtime(&self, package: &Path) -> Result<String, NewNetworkError> {
        path_from(package, &self.runtime)
    }

    /// Returns how the `Cargo.toml` in the folder `package` names `rpcgen`, without braces.
    ///
    /// # Errors
    /// Returns an error if the path of the crate is not text.
    pub fn rpcgen(&self, package: &Path) -> Result<String, NewNetworkError> {
        path_from(package, &self.rpcgen)
    }
}

fn path_from(package: &Path, folder: &Path) -> Result<String, NewNetworkError> {
    let path = short_path(package, folder);
    match path.to_str() {
        Some(text) => Ok(format!("path = {}", toml_string(text))),
        None => Err(NewNetworkError::NotText(path)),
    }
}

/// Returns the absolute path of a folder that has the crate of that name.
fn crate_folder(name: &'static str, folder: &Path) -> Result<PathBuf, NewNetworkError> {
    let line = format!("name = \"{name}\"");
    let manifest = fs::read_to_string(folder.join("Cargo.toml")).unwrap_or_default();
    if !manifest.lines().any(|written| written == line) {
        let folder = folder.to_owned();
        return Err(NewNetworkError::NoCrate { name, folder });
    }
    let absolute = folder.canonicalize();
    Ok(absolute.map_err(Error::io("read the folder", folder))?)
}

/// Returns the path to `folder` for a file in `from`. Both are absolute. It is relative if both are
/// close to each other, such as `../rpc/runtime`: at most two steps up, and not up to the root.
fn short_path(from: &Path, folder: &Path) -> PathBuf {
    let pairs = from.components().zip(folder.components());
    let common = pairs.take_while(|(one, other)| one == other).count();
    let steps_up = from.components().count() - common;
    let is_below_the_root = common > 1;
    if steps_up > 2 || !is_below_the_root {
        return folder.to_owned();
    }
    let up = (0..steps_up).map(|_| "..".as_ref());
    up.chain(folder.iter().skip(common)).collect()
}

/// Returns a text as a basic string of TOML, in quotes.
fn toml_string(text: &str) -> String {
    let letters = text.chars().map(|letter| match letter {
        '"' | '\\' => format!("\\{letter}"),
        letter if letter.is_control() => format!("\\u{:04X}", u32::from(letter)),
        letter => letter.to_string(),
    });
    format!("\"{}\"", letters.collect::<String>())
}

#[cfg(test)]
mod tests {
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt as _;

    use super::*;

    #[test]
    fn a_program_that_was_compiled_in_a_clone_knows_its_crates() {
        let clone = Path::new(SOURCE).parent().expect("a clone");
        let clone = clone.canonicalize().expect("a clone");
        let runtime = clone.join("runtime");
        let rpcgen = clone.join("rpcgen");
        let expected = Crates { runtime, rpcgen };
        assert_eq!(Crates::find(None).expect("crates"), expected);
        let compiled_in = Crates::compiled_in(Path::new(SOURCE));
        assert_eq!(compiled_in.expect("crates"), expected);
        let given = clone.join("docs/../runtime/");
        assert_eq!(Crates::find(Some(&given)).expect("crates"), expected);
    }

    #[test]
    fn without_the_clone_the_folder_must_be_given() {
        let folder = tempfile::tempdir().expect("a folder");
        let error = Crates::compiled_in(&folder.path().join("rpcgen")).expect_err("no clone");
        assert!(error.to_string().contains("--runtime"), "{error}");
    }

    #[test]
    fn a_given_folder_has_the_crate_and_the_other_one_beside_it() {
        let folder = tempfile::tempdir().expect("a folder");
        let runtime = folder.path().join("runtime");
        let message = |given: &Path| Crates::find(Some(given)).expect_err("none").to_string();
        let expected = format!("no crate `rpc-runtime` in `{}`;", runtime.display());
        assert!(message(&runtime).contains(&expected));
        fs::create_dir(&runtime).expect("a folder");
        let manifest = "[package]\nname = \"rpc-runtime\"\n";
        fs::write(runtime.join("Cargo.toml"), manifest).expect("written");
        let message = message(&runtime);
        assert!(message.contains("no crate `rpcgen` in `"), "{message}");
    }

    #[test]
    fn a_path_is_relative_if_both_folders_are_close() {
        for (from, to, expected) in [
            ("/home/a/hello", "/home/a/rpc/runtime", "../rpc/runtime"),
            (
                "/home/a/x/hello",
                "/home/a/rpc/runtime",
                "../../rpc/runtime",
            ),
            ("/home/a/rpc/hello", "/home/a/rpc/runtime", "../runtime"),
            (
                "/home/a/x/y/hello",
                "/home/a/rpc/runtime",
                "/home/a/rpc/runtime",
            ),
            ("/tmp/hello", "/home/a/rpc/runtime", "/home/a/rpc/runtime"),
            ("/hello", "/rpc/runtime", "/rpc/runtime"),
        ] {
            let path = short_path(Path::new(from), Path::new(to));
            assert_eq!(path, Path::new(expected), "{from} {to}");
        }
    }

    #[test]
    fn a_path_is_a_string_of_toml() {
        let dependency = |folder: &OsStr| {
            let crates = Crates {
                runtime: folder.into(),
                rpcgen: PathBuf::new(),
            };
            crates.runtime(Path::new("/elsewhere"))
        };
        let quoted = dependency("/a \"b\"\\\n/runtime".as_ref()).expect("text");
        assert_eq!(quoted, r#"path = "/a \"b\"\\\u000A/runtime""#);
        let error = dependency(OsStr::from_bytes(b"/\xFF/runtime")).expect_err("no text");
        assert!(error.to_string().contains("not valid UTF-8"), "{error}");
    }
}
