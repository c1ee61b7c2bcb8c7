use std::fs;
use std::path::Path;

use rpc_schema::Report;
use tempfile::TempDir;

use super::*;

/// Returns an `init.yaml` with one service, which has one module and these procedures.
fn init(rpcs: &str) -> String {
    format!(
        "network: {{ servers: {{ a: {{ ip: '::1', port: 1 }} }} }}\n\
         services:\n  s:\n    provider: a\n    modules: [lib/words.py]\n    rpcs:\n{rpcs}"
    )
}

/// A project folder.
struct Project(TempDir);

impl Project {
    fn new(init: &str) -> Self {
        let project = Self(tempfile::tempdir().expect("a folder"));
        project.write("init.yaml", init);
        project.write("lib/words.py", "");
        project
    }

    fn write(&self, path: &str, content: impl AsRef<[u8]>) {
        let path = self.0.path().join(path);
        fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
        fs::write(path, content).expect("written");
    }

    fn document(&self) -> Document {
        rpc_schema::load(&self.0.path().join("init.yaml")).expect("a good file")
    }

    fn check(&self) -> Vec<Finding> {
        check(&self.document(), None).expect("a Python")
    }

    /// Returns each finding in one line: code, message, both places with the marked texts, hint.
    fn lines(&self) -> Vec<String> {
        let document = self.document();
        let line = |finding: Finding| {
            let marked = &document.text()[finding.span.clone()];
            let place = finding.elsewhere.expect("a place in a source");
            let characters: Vec<char> = place.text.chars().collect();
            let there: String = characters[place.column - 1..place.end_column - 1]
                .iter()
                .collect();
            let file = Path::new(&place.path)
                .strip_prefix(self.0.path())
                .expect("a file of the project");
            let hint = finding
                .hint
                .map_or_else(String::new, |hint| format!(" ({hint})"));
            let code = finding.code;
            let message = finding.message;
            let file = file.display();
            let line = place.line;
            let column = place.column;
            format!("{code} {message}, at `{marked}` and {file}:{line}:{column} `{there}`{hint}")
        };
        self.check().into_iter().map(line).collect()
    }
}

/// Checks a source of `scale(count: int, by: float) -> List[float]`.
#[track_caller]
fn check_source(source: impl AsRef<[u8]>, expected: &[&str]) {
    const SCALE: &str = "      - { name: scale, arguments: { count: int, by: float }, returns: \"List[float]\", path: scale.py }\n";
    let project = Project::new(&init(SCALE));
    project.write("scale.py", source.as_ref());
    assert_eq!(
        project.lines(),
        expected,
        "{}",
        String::from_utf8_lossy(source.as_ref())
    );
}

#[test]
fn a_source_is_checked_against_its_signature() {
    for good in [
        "def scale(count, by):\n    return []\n",
        "def scale(count: int, by: float, more=1, *rest, key=2) -> list[float]:\n    return []\n",
        "def scale(*arguments):\n    return []\n",
        "from elsewhere import scale\n",
        "from elsewhere import *\n",
        "try:\n    import x\nexcept ImportError:\n    def scale(count, by):\n        return []\n",
        "scale = lambda count, by: []\n",
        "import typing\n\ndef scale(count: 'int', by: typing.Any) -> 'typing.List[\"float\"]':\n    return []\n",
        "def scale(count: '(', by: unknown[int]):\n    return []\n",
        "def scale(count: float, by: 'float | None' = None):\n    return list((yield_ for yield_ in []))\n",
        "@inject\ndef scale(count, by, more) -> int: ...\n",
        "@tools.synchronous(1)\nasync def scale(count, by): ...\n",
        "def scale(count, by):\n    def inner():\n        yield 1\n    return list(inner())\n",
    ] {
        check_source(good, &[]);
    }
    for (bad, expected) in [
        (
            "def other(): ...\n",
            "E084 there is no function `scale` in this file, at `scale.py` and scale.py:1:1 ``",
        ),
        (
            "\nif 1:\n    def scales(count, by): ...\n",
            "E084 there is no function `scale` in this file, at `scale.py` and scale.py:3:9 `scales` (did you mean `scales`?)",
        ),
        (
            "",
            "E084 there is no function `scale` in this file, at `scale.py` and scale.py:1:1 ``",
        ),
        (
            "\n@functools.cache\nasync def scale(count, by): ...\n",
            "E084 `scale` is an async function; procedures are plain functions, at `scale.py` and scale.py:3:11 `scale`",
        ),
        (
            "class scale: ...\n",
            "E084 `scale` is a class; procedures are plain functions, at `scale.py` and scale.py:1:7 `scale`",
        ),
        (
            "def scale(count, by):\n    for _ in range(count):\n        yield by\n",
            "E084 `scale` is a generator; procedures return their value at once, at `scale.py` and scale.py:1:5 `scale`",
        ),
        (
            "@lru_cache(maxsize=1)\ndef scale(count): ...\n",
            "E085 `scale` takes 1 argument, but 2 are declared, at `scale.py` and scale.py:2:5 `scale`",
        ),
        (
            "def scale(count): ...\n",
            "E085 `scale` takes 1 argument, but 2 are declared, at `scale.py` and scale.py:1:5 `scale`",
        ),
        (
            "def scale(count, by, more, x=1): ...\n",
            "E085 `scale` takes 3 to 4 arguments, but 2 are declared, at `scale.py` and scale.py:1:5 `scale`",
        ),
        (
            "def scale(count, by, *, key): ...\n",
            "E085 `scale` needs the keyword argument `key`, which calls do not pass, at `scale.py` and scale.py:1:25 `key`",
        ),
        (
            "def scale(count,\n  factor: float): ...\n",
            "E086 the parameter `factor` is declared as `by`, at `scale.py` and scale.py:2:3 `factor`",
        ),
        (
            "def scale(count: str, by): ...\n",
            "E087 `count: str` is declared as `int`, at `scale.py` and scale.py:1:11 `count: str`",
        ),
        (
            "def scale(count, by) -> 'List[str]': ...\n",
            "E087 `-> 'List[str]'` is declared as `List[float]`, at `scale.py` and scale.py:1:25 `'List[str]'`",
        ),
    ] {
        check_source(bad, &[expected]);
    }
}

#[test]
fn a_syntax_error_is_a_finding_at_its_place() {
    for (bad, expected) in [
        (
            b"x = 1\ndef scale(count, by:\n".as_slice(),
            "E083 SyntaxError: '(' was never closed, at `scale.py` and scale.py:2:10 ``",
        ),
        (
            b"def scale(count, by): ...\nreturn 1\n",
            "E083 SyntaxError: 'return' outside function, at `scale.py` and scale.py:2:1 `return 1`",
        ),
    ] {
        check_source(bad, &[expected]);
    }
    let project = Project::new(&init("      - { name: scale, path: scale.py }\n"));
    let nested =
        |opening: &str, count: usize| format!("x = {}\n", opening.repeat(count)).into_bytes();
    let cases = [
        b"def scale(): ...\0\n".to_vec(),
        b"# coding: nothing-of-this-name\n".to_vec(),
        b"x = '\xff'\n".to_vec(),
        b"\xff\xfe\x00".to_vec(),
        nested("(", 100_000),
        nested("-", 100_000),
        nested("not ", 100_000),
        format!("x = {}1\n", "1 + ".repeat(100_000)).into_bytes(),
        format!(
            "if 1: pass\n{}def scale(): ...\n",
            "elif 1: pass\n".repeat(20_000)
        )
        .into_bytes(),
        format!("def scale(a: {}int): ...\n", "int | ".repeat(900)).into_bytes(),
    ];
    for case in cases {
        project.write("scale.py", &case);
        let findings = project.check();
        let shown: String = String::from_utf8_lossy(&case).chars().take(60).collect();
        assert!(
            findings.len() == 1 && findings[0].elsewhere.is_some(),
            "{shown}: {findings:?}"
        );
        assert!(findings[0].message.len() < 500, "{findings:?}");
    }
}

#[test]
fn findings_show_limited_lines_and_count_columns_in_characters() {
    let source = "# åäö\ndef scale(å, *, 真, b): ...\n".as_bytes();
    check_source(
        source,
        &[
            "E085 `scale` takes 1 argument, but 2 are declared, at `scale.py` and scale.py:2:5 `scale`",
        ],
    );
    check_source(
        "x = '😀'; import words\ndef scale(count, by: 'åäö', /, *, ö): ...\n",
        &[
            "E085 `scale` needs the keyword argument `ö`, which calls do not pass, at `scale.py` and scale.py:2:35 `ö`",
        ],
    );
    check_source(
        b"\xef\xbb\xbfdef scale(count, on): ...\r\n",
        &["E086 the parameter `on` is declared as `by`, at `scale.py` and scale.py:1:18 `on`"],
    );
    check_source(
        b"# coding: latin-1\nx = '\xe5'\ndef scale(\xe5\xe4, by): ...\n",
        &["E086 the parameter `åä` is declared as `count`, at `scale.py` and scale.py:3:11 `åä`"],
    );
    let project = Project::new(&init("      - { name: scale, path: scale.py }\n"));
    project.write(
        "scale.py",
        format!("x = '{}'; return 1\n", "å".repeat(1_000_000)),
    );
    let place = project.check().remove(0).elsewhere.expect("a place");
    assert_eq!(
        place.text.chars().count(),
        rpc_schema::diagnostic::MAX_LINE_CHARS
    );
}

#[test]
fn a_finding_marks_the_whole_name() {
    let project = Project::new(&init("      - { name: f, path: f.py }\n"));
    project.write("f.py", "def f(ff, f): ...\n");
    assert_eq!(
        project.lines(),
        ["E085 `f` takes 2 arguments, but 0 are declared, at `f.py` and f.py:1:5 `f`"]
    );
    project.write("f.py", "async def f(): ...\n");
    assert_eq!(
        project.lines(),
        [
            "E084 `f` is an async function; procedures are plain functions, at `f.py` and f.py:1:11 `f`"
        ]
    );
}

#[test]
fn each_of_several_procedures_in_one_file_is_checked() {
    let project = Project::new(&init(
        "      - { name: one, path: both.py }\n      - { name: two, arguments: [int], path: both.py }\n",
    ));
    project.write("both.py", "def two(): ...\n");
    assert_eq!(
        project.lines(),
        [
            "E084 there is no function `one` in this file, at `both.py` and both.py:1:1 ``",
            "E085 `two` takes 0 arguments, but 1 is declared, at `both.py` and both.py:1:5 `two`",
        ]
    );
    project.write("both.py", "def (): ...\n");
    assert_eq!(
        project.check().len(),
        1,
        "a mistake in the file itself is reported once"
    );
}

#[test]
fn missing_files_are_not_reported_by_this_check() {
    let project = Project::new(&init(
        "      - { name: one, path: no.py }\n      - { name: two, path: lib }\n",
    ));
    fs::remove_file(project.0.path().join("lib/words.py")).expect("removed");
    let nowhere = Path::new("/no/python");
    let findings = check_within(&project.document(), nowhere, |_, _| true, LIMITS);
    assert_eq!(findings.expect("no Python is started"), []);
}

#[cfg(unix)]
#[test]
fn files_outside_of_the_project_are_not_read() {
    use std::os::unix::fs::symlink;

    let project = Project::new(&init(
        "      - { name: one, path: one.py }\n      - { name: two, path: two.py }\n      - { name: three, path: out/three.py }\n",
    ));
    let outside = tempfile::tempdir().expect("a folder");
    fs::write(outside.path().join("three.py"), "secret =\n").expect("written");
    project.write("lib/beside.py", "def two(a): ...\n");
    symlink("/proc/self/environ", project.0.path().join("one.py")).expect("linked");
    symlink("lib/beside.py", project.0.path().join("two.py")).expect("linked");
    symlink(outside.path(), project.0.path().join("out")).expect("linked");
    assert_eq!(
        project.lines(),
        ["E085 `two` takes 1 argument, but 0 are declared, at `two.py` and two.py:1:5 `two`"]
    );
}

#[test]
fn only_the_chosen_procedures_are_checked() {
    let project = Project::new(&init(
        "      - { name: one, path: a.py }\n      - { name: two, path: b.py }\n",
    ));
    project.write("a.py", "");
    project.write("b.py", "");
    project.write("lib/words.py", "(");
    let check = |only: fn(usize, usize) -> bool| {
        let findings = check_procedures(&project.document(), None, only).expect("a Python");
        findings
            .into_iter()
            .map(|finding| finding.message)
            .collect::<Vec<_>>()
    };
    let syntax = "SyntaxError: '(' was never closed";
    assert_eq!(
        check(|_, rpc| rpc == 1),
        [syntax, "there is no function `two` in this file"]
    );
    assert_eq!(check(|_, _| false), [""; 0]);
}

#[test]
fn many_files_are_shared_among_processes_and_their_findings_are_in_source_order() {
    let rpcs: Vec<_> = (0..350)
        .map(|i| format!("      - {{ name: p{i}, path: p{i}.py }}\n"))
        .collect();
    let project = Project::new(&init(&rpcs.concat()));
    for i in 0..350 {
        let source = if i % 2 == 0 {
            "x = 1\n".to_owned()
        } else {
            format!("def p{i}(): ...\n")
        };
        project.write(&format!("p{i}.py"), source);
    }
    let found: Vec<_> = project
        .check()
        .into_iter()
        .map(|finding| finding.message)
        .collect();
    let missing = |i| format!("there is no function `p{i}` in this file");
    assert_eq!(found, (0..350).step_by(2).map(missing).collect::<Vec<_>>());
    assert_eq!(
        [process_count(0), process_count(1), process_count(100)],
        [0, 1, 1]
    );
}

#[test]
fn a_report_shows_both_places() {
    let project = Project::new(&init(
        "      - { name: scale, arguments: { count: int }, path: scale.py }\n      - name: halve\n",
    ));
    project.write(
        "scale.py",
        "import halves\n\ndef scale(count: str):\n    return 1\n",
    );
    project.write("halves.py", "");
    project.write("services/s/halve.py", "def halv():\n    return 1\n");
    let document = project.document();
    let report = Report::new(Path::new("init.yaml"), document.text(), project.check()).to_string();
    let report = report.replace(&format!("{}/", project.0.path().display()), "");
    assert_eq!(
        report.trim(),
        include_str!("report.txt").trim(),
        "\n{report}"
    );
}

mod failures;
mod imports;
mod types;
