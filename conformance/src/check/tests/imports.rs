//! Imports of neighbouring files that no server would find.

use super::*;

/// A service whose only module is `lib/words.py`, and a source that begins with these lines, beside `near.py` and an own
/// module of the project's folder.
#[track_caller]
fn check_imports(source: &str, expected: &[&str]) {
    let project = Project::new(&init(
        "      - { name: one, path: src/s/one.py }\n      - { name: two, path: lib/two.py }\n",
    ));
    for neighbour in
        ["src/s/near.py", "top.py", "lib/beside.py", "pack/__init__.py", "pack/part.py", "src/s/json.py"]
    {
        project.write(neighbour, "");
    }
    project.write("lib/two.py", "def two(): ...\n");
    project.write("src/s/one.py", format!("{source}\ndef one(): ...\n"));
    assert_eq!(project.lines(), expected, "{source}");
}

#[test]
fn what_a_server_finds_is_no_finding() {
    for source in [
        "import words, json, sys, os.path\n",
        "from words import join\n",
        "import two\n",
        "import rpc_types\nfrom rpc_types import Tally\n",
        "import installed_on_the_server_alone\n",
        "import one\n",
        "try:\n    import near\nexcept ImportError:\n    import top\n",
        "try:\n    import near\nexcept (KeyError, ModuleNotFoundError):\n    pass\n",
        "try:\n    from . import near\nexcept:\n    near = None\n",
        "import typing\nif typing.TYPE_CHECKING:\n    import near\n",
    ] {
        check_imports(source, &[]);
    }
}

#[test]
fn what_no_server_finds_is_a_finding_that_says_what_to_ship() {
    let near = "E088 `near` is imported, and a server would not find it, at `src/s/one.py` and src/s/one.py";
    let add = "(add `src/s/near.py` to the `modules` of `s`)";
    check_imports("import near\n", &[&format!("{near}:1:1 `import near` {add}")]);
    check_imports("from near import x, y\n", &[&format!("{near}:1:1 `from near import x, y` {add}")]);
    check_imports("def f():\n    import near as n\n", &[&format!("{near}:2:5 `import near as n` {add}")]);
    check_imports(
        "try:\n    import near\nexcept KeyError:\n    pass\nelse:\n    import top\n",
        &[
            &format!("{near}:2:5 `import near` {add}"),
            "E088 `top` is imported, and a server would not find it, at `src/s/one.py` and src/s/one.py:6:5 \
             `import top` (add `top.py` to the `modules` of `s`)",
        ],
    );
    check_imports(
        "import beside\n",
        &[
            "E088 `beside` is imported, and a server would not find it, at `src/s/one.py` and src/s/one.py:1:1 \
           `import beside` (add `lib/beside.py` to the `modules` of `s`)",
        ],
    );
}

#[test]
fn a_path_through_folders_is_no_way_to_import_on_a_server() {
    let dotted = |module: &str, marked: &str, hint: &str| {
        let words = format!("E088 `{module}` is imported, and a server would not find it");
        check_imports(
            &format!("{marked}\n"),
            &[&format!("{words}, at `src/s/one.py` and src/s/one.py:1:1 `{marked}` ({hint})")],
        );
    };
    let near = "add `src/s/near.py` to the `modules` of `s`, and import it as `near`";
    dotted("src.s.near", "import src.s.near", near);
    dotted("src.s.near", "from src.s import near", near);
    dotted("src.s.near", "from src.s.near import x", near);
    dotted("lib.words", "from lib.words import x", "import it as `words`, as a server finds it");
    let package = "packages do not travel; add the files of `pack` to the `modules` of `s`, and import each by its own name";
    dotted("pack", "import pack", package);
    dotted(
        "pack.part",
        "from pack import part",
        "add `pack/part.py` to the `modules` of `s`, and import it as `part`",
    );
}

#[test]
fn relative_imports_have_words_of_their_own() {
    let relative = |marked: &str, hint: &str| {
        let words =
            format!("E088 `{marked}` does not work on a server, where a source belongs to no package");
        check_imports(
            &format!("{marked}\n"),
            &[&format!("{words}, at `src/s/one.py` and src/s/one.py:1:1 `{marked}` ({hint})")],
        );
    };
    relative("from . import near", "add `src/s/near.py` to the `modules` of `s`, and import it as `near`");
    relative("from .near import x", "add `src/s/near.py` to the `modules` of `s`, and import it as `near`");
    relative("from ...lib.words import x", "import it as `words`, as a server finds it");
    relative("from .nothing import x", "import a module by its own name, without the dots");
}

#[test]
fn a_module_is_looked_at_too_and_its_folder_is_searched() {
    let project = Project::new(&init("      - { name: one, path: one.py }\n"));
    project.write("one.py", "def one(): ...\n");
    project.write("lib/beside.py", "");
    project.write("lib/words.py", "import one\nimport beside\n");
    assert_eq!(
        project.lines(),
        [
            "E088 `beside` is imported, and a server would not find it, at `lib/words.py` and lib/words.py:2:1 \
          `import beside` (add `lib/beside.py` to the `modules` of `s`)"
        ]
    );
    let text =
        init("      - { name: one, path: one.py }\n").replace("[lib/words.py]", "[lib/words.py, top.py]");
    project.write("init.yaml", &text);
    project.write("top.py", "import lib.words\n");
    project.write("lib/words.py", "from . import words\n");
    assert_eq!(project.lines(), [""; 0], "from the project's folder, `lib` is a package");
}
