//! The network that `rpcgen new` writes: a server, a service in Python, a client in Rust.
//!
//! The files are in `starter/template/`. Three of them have placeholders, such as `{{name}}`.

mod crates;
mod error;
mod folder;
mod name;

use std::path::{Path, PathBuf};

pub use error::NewNetworkError;

use crate::file::File;
use crates::Crates;
use folder::NewFolder;

/// The template's files: the path of each in the new folder, and its text. `init.yaml` is the last
/// one: if the program is killed earlier, what it leaves does not look like a network.
const TEMPLATE: [(&str, &str); 8] = [
    (".gitignore", include_str!("starter/template/gitignore")),
    ("README.md", include_str!("starter/template/README.md")),
    (
        "services/words/count.py",
        include_str!("starter/template/services/words/count.py"),
    ),
    (
        "services/words/count_all.py",
        include_str!("starter/template/services/words/count_all.py"),
    ),
    ("src/main.rs", include_str!("starter/template/src/main.rs")),
    ("build.rs", include_str!("starter/template/build.rs")),
    // Cargo leaves a folder with a `Cargo.toml` out of the package around it.
    ("Cargo.toml", include_str!("starter/template/Cargo.toml.in")),
    ("init.yaml", include_str!("starter/template/init.yaml")),
];

/// Writes a small network that runs to a folder that is empty or does not exist. The network and
/// its Cargo package have the name of the folder, as far as that can be a name.
///
/// `runtime` is the folder of the crate `rpc-runtime`, which `Cargo.toml` names. Without it,
/// `Cargo.toml` names the folder beside the one that this crate was compiled from. Returns the paths
/// of the written files.
///
/// # Errors
/// Returns an error if the folder is not empty, if there is no such crate, or if a file cannot be
/// written. Then no file is left.
pub fn new_network(folder: &Path, runtime: Option<&Path>) -> Result<Vec<PathBuf>, NewNetworkError> {
    let folder = NewFolder::at(folder)?;
    let crates = Crates::find(runtime)?;
    let files = fill_template(&folder, &crates)?;
    folder.write(&files)
}

fn fill_template(folder: &NewFolder, crates: &Crates) -> Result<Vec<File>, NewNetworkError> {
    let name = name::from_folder(&folder.name());
    let runtime = crates.runtime(folder.path())?;
    let rpcgen = crates.rpcgen(folder.path())?;
    let fill = |(path, text): (&str, &str)| File {
        name: path.to_owned(),
        text: text
            .replace("{{name}}", &name)
            .replace("{{runtime}}", &runtime)
            .replace("{{rpcgen}}", &rpcgen),
    };
    Ok(TEMPLATE.map(fill).into())
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn the_network_has_no_findings_in_a_folder_of_any_name() {
        let temporary = tempfile::tempdir().expect("a folder");
        for name in ["hello", "a \"b\"\n'{{name}}'", "2048", "fn", "東京", "self"] {
            let folder = temporary.path().join(name);
            let files = new_network(&folder, None).expect("a network");
            assert_eq!(files.len(), TEMPLATE.len());
            let document = rpc_schema::load(&folder.join("init.yaml")).expect(name);
            document.check_files().expect(name);
            for file in files {
                let text = fs::read_to_string(file).expect("a file");
                assert!(!text.contains("{{"), "{text}");
            }
        }
    }

    #[test]
    fn nothing_is_written_if_the_crates_are_not_found() {
        let temporary = tempfile::tempdir().expect("a folder");
        let folder = temporary.path().join("hello");
        let runtime = temporary.path().join("runtime");
        new_network(&folder, Some(&runtime)).expect_err("no crates");
        assert!(!folder.exists());
    }
}
