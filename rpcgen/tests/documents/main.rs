//! Every block of Rust in `README.md` and `docs/TUTORIAL.md` is compiled: its lines are in one of
//! the sources below, which are compiled.

#[rustfmt::skip]
#[path = "../goldens/readme/gen/mod.rs"]
mod readme_stubs;

#[rustfmt::skip]
#[path = "../goldens/tutorial/gen/mod.rs"]
mod tutorial_stubs;

#[rustfmt::skip]
#[expect(clippy::float_cmp, dead_code, reason = "it is only compiled, because it needs a server to run")]
mod readme;
#[rustfmt::skip]
#[expect(dead_code, reason = "it is only compiled, because it needs a server to run")]
mod tutorial;

const COMPILED: [&str; 6] = [
    include_str!("readme.rs"),
    include_str!("tutorial.rs"),
    include_str!("../doubles/tutorial.rs"),
    include_str!("../native/tutorial.rs"),
    include_str!("../native/asynchronous.rs"),
    // Compiled by the tests of the documents, because it needs the server.
    include_str!("../../../tests/documents/native_server/main.rs"),
];

#[test]
fn every_block_of_rust_is_compiled() {
    let documents = [
        ("README.md", include_str!("../../../README.md")),
        (
            "docs/TUTORIAL.md",
            include_str!("../../../docs/TUTORIAL.md"),
        ),
    ];
    for (name, document) in documents {
        let blocks: Vec<&str> = document
            .split("```rust\n")
            .skip(1)
            .filter_map(|rest| rest.split_once("```").map(|(block, _)| block))
            .collect();
        assert!(!blocks.is_empty(), "{name}");
        for block in blocks {
            let block = normalized(block);
            let is_compiled = COMPILED
                .iter()
                .any(|source| normalized(source).contains(&block));
            assert!(
                is_compiled,
                "{name}: no compiled source has these lines:\n{block}"
            );
        }
    }
}

#[test]
fn the_readme_shows_the_file_of_its_stubs() {
    let readme = include_str!("../../../README.md");
    assert!(readme.contains(include_str!("../goldens/readme/init.yaml")));
}

/// Includes the stubs of a build script. `demo-client` compiles this.
const INCLUDED: &str = "mod stubs {\n    rpc_runtime::include_stubs!();\n}\n";

/// Returns the lines of some code without indentation, and without the lines that the page marks as
/// not compiling.
fn normalized(code: &str) -> String {
    let code = code.replace(INCLUDED, "");
    let lines = code.lines().map(str::trim);
    lines
        .filter(|line| !line.is_empty() && !line.contains("// does not compile"))
        .fold(String::new(), |text, line| text + line + "\n")
}
