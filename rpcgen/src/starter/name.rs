//! The name of a new network, which its Cargo package has too.

use rpc_schema::Name;

use crate::ident::RustName;

/// Names that a Cargo package should not have. Cargo uses the first ones as names of folders. It
/// advises against the next ones, which are names of Rust's own crates. Of the last ones, the
/// package uses the crates itself.
const RESERVED: [&str; 15] = [
    "build",
    "deps",
    "examples",
    "incremental",
    "alloc",
    "core",
    "proc_macro",
    "std",
    "test",
    "rpc_runtime",
    "rpc_runtime_client",
    "rpc_runtime_handler",
    "rpc_runtime_wire",
    "rpc_schema",
    "rpcgen",
];

/// Maximum length of a name. Cargo makes file names from it that are longer.
const LENGTH: usize = 64;

/// Returns the name for a network in a folder of that name. It consists of the ASCII letters and
/// digits of the folder's name, in lower case, and of `_` in place of everything between them. If
/// that cannot be a name, `my_` stands before it.
pub fn from_folder(folder: &str) -> String {
    let words = folder.split(|c: char| !c.is_ascii_alphanumeric());
    let words: Vec<&str> = words.filter(|word| !word.is_empty()).collect();
    let mut name = words.join("_").to_ascii_lowercase();
    name.truncate(LENGTH);
    let name = name.trim_end_matches('_');
    if is_usable(name) {
        name.to_owned()
    } else if name.is_empty() {
        "my_network".to_owned()
    } else {
        format!("my_{name}")
    }
}

/// Returns whether both a network and a Cargo package may have this name.
fn is_usable(name: &str) -> bool {
    Name::new(name).is_ok() && !RustName::new(name).is_keyword() && !RESERVED.contains(&name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_folder_has_a_name_that_a_network_and_a_package_may_have() {
        for (folder, name) in [
            ("hello", "hello"),
            ("hello-world", "hello_world"),
            ("My Network (2)", "my_network_2"),
            ("a__b", "a_b"),
            ("münchen", "m_nchen"),
            (".config", "config"),
            ("a\n\"b\"", "a_b"),
            ("2048", "my_2048"),
            ("東京", "my_network"),
            ("", "my_network"),
            ("fn", "my_fn"),
            ("gen", "my_gen"),
            ("self", "my_self"),
            ("lambda", "my_lambda"),
            ("test", "my_test"),
            ("deps", "my_deps"),
            ("Core", "my_core"),
            ("proc-macro", "my_proc_macro"),
            ("rpcgen", "my_rpcgen"),
            ("rpc-runtime", "my_rpc_runtime"),
        ] {
            assert_eq!(from_folder(folder), name, "{folder}");
            assert!(is_usable(name), "{name}");
        }
    }

    #[test]
    fn a_long_name_is_cut() {
        assert_eq!(from_folder(&"a".repeat(255)), "a".repeat(LENGTH));
        let dashed = "a".repeat(LENGTH - 1) + "-b";
        assert_eq!(from_folder(&dashed), "a".repeat(LENGTH - 1));
    }
}
