//! Imports of project files that a server would not find.

use super::*;

/// Checks a source that begins with these lines. The only module of its service is `lib/words.py`.
/// The project has further files, such as `near.py` in the folder of the source.
#[track_caller]
fn check_imports(source: &str, expected: &[&str]) {
    let project = Project::new(&init(
        "      - { name: one, path: src/s/one.py }\n      - { name: two, path: lib/two.py }\n",
    ));
    for neighbour in [
        "src/s/near.py",
        "top.py",
        "lib/beside.py",
        "pack/__init__.py",
        "pack/part.py",
        "src/s/json.py",
    ] {
        project.write(neighbour, "");
    }
    project.write("lib/two.py", "def two(): ...\n");
    project.write("src/s/one.py", format!("{source}\ndef one(): ...\n"));
    assert_eq!(project.lines(), expected, "{source}");
}

#[test]
fn imports_that_a_server_finds_are_accepted() {
    for source in [
        "import words, json, sys, os.path\n",
        "from words import join\n",
        "import rpc_types\nfrom rpc_types import *\n",
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
fn an_import_that_a_server_would_not_find_gets_a_hint_which_module_to_add() {
    let near = "E088 `near` is imported, but a server would not find it, at `src/s/one.py` and src/s/one.py";
    let add = "(add `src/s/near.py` to the `modules` of `s`)";
    check_imports(
        "import near\n",
        &[&format!("{near}:1:1 `import near` {add}")],
    );
    check_imports(
        "from near import x, y\n",
        &[&format!("{near}:1:1 `from near import x, y` {add}")],
    );
    check_imports(
        "def f():\n    import near as n\n",
        &[&format!("{near}:2:5 `import near as n` {add}")],
    );
    check_imports(
        "try:\n    import near\nexcept KeyError:\n    pass\nelse:\n    import top\n",
        &[
            &format!("{near}:2:5 `import near` {add}"),
            "E088 `top` is imported, but a server would not find it, at `src/s/one.py` and src/s/one.py:6:5 \
             `import top` (add `top.py` to the `modules` of `s`)",
        ],
    );
    check_imports(
        "import two\n",
        &[
            "E088 `two` is imported, but a server would not find it, at `src/s/one.py` and src/s/one.py:1:1 \
           `import two` (add `lib/two.py` to the `modules` of `s`)",
        ],
    );
    check_imports(
        "import beside\n",
        &[
            "E088 `beside` is imported, but a server would not find it, at `src/s/one.py` and src/s/one.py:1:1 \
           `import beside` (add `lib/beside.py` to the `modules` of `s`)",
        ],
    );
}

#[test]
fn imports_through_folders_are_refused() {
    let dotted = |module: &str, marked: &str, hint: &str| {
        let message = format!("E088 `{module}` is imported, but a server would not find it");
        check_imports(
            &format!("{marked}\n"),
            &[&format!(
                "{message}, at `src/s/one.py` and src/s/one.py:1:1 `{marked}` ({hint})"
            )],
        );
    };
    let near = "add `src/s/near.py` to the `modules` of `s`, and import it as `near`";
    dotted("src.s.near", "import src.s.near", near);
    dotted("src.s.near", "from src.s import near", near);
    dotted("src.s.near", "from src.s.near import x", near);
    dotted(
        "lib.words",
        "from lib.words import x",
        "import it as `words`, because a server finds it only under this name",
    );
    let package = "packages are not sent to servers; add the files of `pack` to the `modules` of `s`, and import each by its own name";
    dotted("pack", "import pack", package);
    dotted(
        "pack.part",
        "from pack import part",
        "add `pack/part.py` to the `modules` of `s`, and import it as `part`",
    );
}

#[test]
fn relative_imports_are_refused_with_their_own_message() {
    let relative = |marked: &str, hint: &str| {
        let message = format!(
            "E088 `{marked}` does not work on a server, where a source is not in a package"
        );
        check_imports(
            &format!("{marked}\n"),
            &[&format!(
                "{message}, at `src/s/one.py` and src/s/one.py:1:1 `{marked}` ({hint})"
            )],
        );
    };
    relative(
        "from . import near",
        "add `src/s/near.py` to the `modules` of `s`, and import it as `near`",
    );
    relative(
        "from .near import x",
        "add `src/s/near.py` to the `modules` of `s`, and import it as `near`",
    );
    relative(
        "from ...lib.words import x",
        "import it as `words`, because a server finds it only under this name",
    );
    relative(
        "from .nothing import x",
        "import a module by its own name, without the dots",
    );
}

#[test]
fn the_imports_of_a_module_are_checked() {
    let project = Project::new(&init("      - { name: one, path: one.py }\n"));
    project.write("one.py", "def one(): ...\n");
    project.write("lib/beside.py", "");
    project.write("lib/words.py", "import one\nimport beside\n");
    let finding = |line: u32, module: &str, path: &str| {
        format!(
            "E088 `{module}` is imported, but a server would not find it, at `lib/words.py` and \
             lib/words.py:{line}:1 `import {module}` (add `{path}` to the `modules` of `s`)"
        )
    };
    assert_eq!(
        project.lines(),
        [
            finding(1, "one", "one.py"),
            finding(2, "beside", "lib/beside.py")
        ]
    );
    let text = init("      - { name: one, path: one.py }\n")
        .replace("[lib/words.py]", "[lib/words.py, top.py]");
    project.write("init.yaml", &text);
    project.write("top.py", "import lib.words\n");
    project.write("lib/words.py", "");
    assert_eq!(
        project.lines(),
        [
            "E088 `lib.words` is imported, but a server would not find it, at `top.py` and top.py:1:1 \
          `import lib.words` (import it as `words`, because a server finds it only under this name)"
        ]
    );
}

/// Checks a source, and a module that two services share. Only the first service has `Tally` in its
/// signatures.
#[track_caller]
fn check_types(source: &str, module: &str, expected: &[&str]) {
    let services = "types:\n  Level: [low, high]\n  Tally: { level: Level }\n".to_owned()
        + &init("      - { name: one, returns: Tally, path: one.py }\n")
        + "  t:\n    provider: a\n    modules: [lib/words.py]\n    rpcs:\n      - { name: two, returns: Level, path: two.py }\n";
    let project = Project::new(&services);
    project.write("one.py", format!("{source}\ndef one(): ...\n"));
    project.write("two.py", "def two(): ...\n");
    project.write("lib/words.py", module);
    assert_eq!(project.lines(), expected, "{source}");
}

#[test]
fn imports_of_names_that_rpc_types_has_are_accepted() {
    for source in [
        "from rpc_types import Level, Tally as Count\n",
        "from rpc_types import *\n",
        "import rpc_types\nx = rpc_types.Tally, rpc_types.Level.low, rpc_types.__name__\n",
        "import rpc_types\ndef f(rpc_types): return rpc_types.Ghost\n",
        "import rpc_types as t\nt = t or object\nx = t.Ghost\n",
        "import words\nx = words.Ghost\n",
        "try:\n    from rpc_types import Ghost\nexcept ImportError:\n    Ghost = None\n",
    ] {
        check_types(source, "from rpc_types import Level\n", &[]);
    }
}

#[test]
fn an_import_of_a_name_that_rpc_types_does_not_have_is_a_finding() {
    let ghost = "E088 there is no record and no enumeration `Ghost` in this service, at `one.py` and one.py";
    let hint = "(`rpc_types` has what the signatures of `s` mention)";
    check_types(
        "from rpc_types import Tally, Ghost\n",
        "",
        &[&format!("{ghost}:1:30 `Ghost` {hint}")],
    );
    check_types(
        "import rpc_types\nx = rpc_types.Ghost\n",
        "",
        &[&format!("{ghost}:2:15 `Ghost` {hint}")],
    );
    check_types(
        "import rpc_types as t\ndef f():\n    return t.Ghost(), t.Ghost\n",
        "",
        &[&format!("{ghost}:3:14 `Ghost` {hint}")],
    );
    check_types(
        "from rpc_types import (\n    Taly,\n)\n",
        "",
        &[
            "E088 there is no record and no enumeration `Taly` in this service, at `one.py` and one.py:2:5 `Taly` \
           (did you mean `Tally`?)",
        ],
    );
}

#[test]
fn a_module_of_two_services_is_checked_against_the_types_of_each() {
    let tally = "E088 there is no record and no enumeration `Tally` in this service, at `lib/words.py` and \
                 lib/words.py:1:23 `Tally` (`rpc_types` has what the signatures of `t` mention)";
    check_types("", "from rpc_types import Tally\n", &[tally]);
}
