//! [`build`]: the entry point for build scripts.

use std::path::{Path, PathBuf};

use crate::error::Error;
use crate::output;
use crate::pipeline;
use crate::target::Target;

/// Name of the file that `rpc_runtime::include_stubs!()` includes by default.
const STUBS: &str = "rpc_stubs.rs";

/// The settings of a build script that generates stubs; see [`build`].
#[derive(Debug, Clone)]
#[must_use = "nothing is generated before `emit`"]
pub struct Build {
    init: PathBuf,
    target: Target,
    /// The name of the runtime's crate, as it was given.
    runtime: Option<String>,
    stubs: String,
}

/// Prepares to generate stubs from an `init.yaml` in a build script. The path is relative to the
/// package's folder.
///
/// ```no_run
/// fn main() -> Result<(), rpcgen::Error> {
///     rpcgen::build("init.yaml").tenant("client1").emit()
/// }
/// ```
///
/// The crate includes the stubs with `rpc_runtime::include_stubs!()`. Cargo runs the script again
/// when `init.yaml` changes.
pub fn build(init: impl Into<PathBuf>) -> Build {
    Build {
        init: init.into(),
        target: Target::default(),
        runtime: None,
        stubs: STUBS.to_owned(),
    }
}

impl Build {
    /// Leaves out every service that this client may not call.
    pub fn tenant(mut self, client: impl Into<String>) -> Self {
        self.target.tenant = Some(client.into());
        self
    }

    /// Names the crate of the runtime, if `Cargo.toml` renames it: `rt` for
    /// `rt = { package = "rpc-runtime", ... }`. The crate includes the stubs with
    /// `rt::include_stubs!()`.
    pub fn runtime_crate(mut self, name: impl Into<String>) -> Self {
        self.runtime = Some(name.into());
        self
    }

    /// Writes the stubs to a file of this name instead of `rpc_stubs.rs`, for a crate with more
    /// than one `init.yaml`. The crate includes it with `rpc_runtime::include_stubs!("NAME")`.
    pub fn file(mut self, name: impl Into<String>) -> Self {
        self.stubs = name.into();
        self
    }

    /// Generates the stubs.
    ///
    /// # Errors
    /// Returns what is wrong with the file. The error is readable when a build script returns it;
    /// nothing else is printed.
    pub fn emit(&self) -> Result<(), Error> {
        let package = folder_from("CARGO_MANIFEST_DIR")?;
        let out = folder_from("OUT_DIR")?;
        self.emit_into(&package, &out)
    }

    fn emit_into(&self, package: &Path, out: &Path) -> Result<(), Error> {
        let init = package.join(&self.init);
        let loaded = rpc_schema::load(&init);
        let files: Vec<&Path> = match &loaded {
            Ok(document) => document.paths().collect(),
            Err(report) => report.paths().collect(),
        };
        for file in files {
            println!("cargo:rerun-if-changed={}", file.display());
        }
        let mut target = self.target.clone();
        if let Some(name) = &self.runtime {
            target.runtime = name.parse()?;
        }
        let stubs = pipeline::generate_one(&loaded?, &target)?;
        output::write_changed(&out.join(&self.stubs), &stubs)
    }
}

fn folder_from(variable: &'static str) -> Result<PathBuf, Error> {
    std::env::var_os(variable)
        .map(PathBuf::from)
        .ok_or(Error::Environment(variable))
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn golden(case: &str) -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("tests/goldens")
            .join(case)
    }

    #[test]
    fn the_stubs_are_a_single_file_to_include() {
        let golden = golden("tenant");
        let build = build("init.yaml").tenant("client1");
        if std::env::var_os("UPDATE_GOLDENS").is_some() {
            build
                .emit_into(&golden, &golden)
                .expect("the golden is updated");
        }
        let out = tempfile::tempdir().expect("a folder");
        build.emit_into(&golden, out.path()).expect("stubs");
        let emitted = fs::read_to_string(out.path().join(STUBS)).expect("stubs");
        assert_eq!(
            emitted,
            fs::read_to_string(golden.join(STUBS)).expect("a golden"),
            "see tests/goldens.rs"
        );
    }

    #[test]
    fn a_renamed_runtime_is_named_in_every_line() {
        let out = tempfile::tempdir().expect("a folder");
        let build = build("init.yaml").runtime_crate("rt");
        build
            .emit_into(&golden("native"), out.path())
            .expect("stubs");
        let stubs = fs::read_to_string(out.path().join(STUBS)).expect("stubs");
        assert!(stubs.contains("use ::rt::{Call, Error"), "{stubs}");
        assert!(!stubs.contains("::rpc_runtime::"), "{stubs}");
        let error = build
            .runtime_crate("gauges")
            .emit_into(&golden("native"), out.path())
            .expect_err("a service has that name");
        assert!(error.to_string().contains("`gauges`"), "{error}");
    }

    #[test]
    fn stubs_that_are_up_to_date_are_not_written_again() {
        let out = tempfile::tempdir().expect("a folder");
        let emit = || {
            build("init.yaml")
                .emit_into(&golden("names"), out.path())
                .expect("stubs");
            fs::metadata(out.path().join(STUBS))
                .and_then(|stubs| stubs.modified())
                .expect("a time")
        };
        assert_eq!(emit(), emit());
    }

    #[test]
    fn one_crate_can_have_two_files_of_stubs() {
        let out = tempfile::tempdir().expect("a folder");
        for (case, file) in [("names", "one.rs"), ("tenant", "two.rs")] {
            build("init.yaml")
                .file(file)
                .emit_into(&golden(case), out.path())
                .expect("stubs");
        }
        let stubs = |file: &str| fs::read_to_string(out.path().join(file)).expect("stubs");
        assert!(stubs("one.rs") != stubs("two.rs") && !out.path().join(STUBS).exists());
    }

    #[test]
    fn a_build_script_that_returns_the_error_prints_the_report() {
        let package = tempfile::tempdir().expect("a folder");
        fs::write(
            package.path().join("init.yaml"),
            "network: {}\nservcies: {}\n",
        )
        .expect("written");
        let error = build("init.yaml")
            .emit_into(package.path(), package.path())
            .expect_err("findings");
        let printed = format!("Error: {error:?}");
        assert!(printed.contains("2 | servcies: {}"), "{printed}");
        assert!(printed.contains("did you mean `services`?"), "{printed}");
        assert!(!printed.contains('\u{1b}'), "{printed}");
        assert!(!package.path().join(STUBS).exists());
    }
}
