//! Every block of Rust in `README.md` and `docs/TUTORIAL.md` is compiled: its lines stand in one of
//! the sources below, which are.

#[rustfmt::skip]
#[path = "../goldens/readme/gen/mod.rs"]
mod readme_stubs;

#[rustfmt::skip]
#[path = "../goldens/tutorial/gen/mod.rs"]
mod tutorial_stubs;

#[rustfmt::skip]
#[expect(clippy::float_cmp, dead_code, reason = "it is compiled, and needs a server to run")]
mod readme;
#[rustfmt::skip]
#[expect(dead_code, reason = "it is compiled, and needs a server to run")]
mod tutorial;

const COMPILED: [&str; 5] = [
    include_str!("readme.rs"),
    include_str!("tutorial.rs"),
    include_str!("../doubles/tutorial.rs"),
    include_str!("../native/tutorial.rs"),
    include_str!("../native/asynchronous.rs"),
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
            let block = essence(block);
            let is_compiled = COMPILED
                .iter()
                .any(|source| essence(source).contains(&block));
            assert!(
                is_compiled,
                "{name}: no compiled source has these lines:\n{block}"
            );
        }
    }
}

#[test]
fn the_stubs_of_the_front_page_are_made_of_its_file() {
    let readme = include_str!("../../../README.md");
    assert!(readme.contains(include_str!("../goldens/readme/init.yaml")));
}

/// How a build script's stubs are included, which `demo-client` compiles.
const INCLUDED: &str = "mod stubs {\n    rpc_runtime::include_stubs!();\n}\n";

/// Returns the lines of some code without their indentation, and without what the page says does
/// not compile.
fn essence(code: &str) -> String {
    let code = code.replace(INCLUDED, "");
    let lines = code.lines().map(str::trim);
    lines
        .filter(|line| !line.is_empty() && !line.contains("// does not compile"))
        .fold(String::new(), |text, line| text + line + "\n")
}
