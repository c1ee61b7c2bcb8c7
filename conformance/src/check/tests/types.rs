//! Types as signatures print them, read in Python, and annotations that are held against them.

use std::process::Command;

use serde_json::{Value, json};

use super::*;
use crate::SIGNATURE_PY;
use crate::request::PROGRAM;

/// What `rpc_signature` makes of a type's text: what it reads, and what it prints of that; or why it refuses it.
fn read_type(text: &str) -> String {
    const PRINT: &str = "
import sys
try:
    ty = parse_type(sys.argv[1])
    print(ty, print_type(ty))
except ValueError as error:
    print(error)
";
    let program = format!("{SIGNATURE_PY}{PRINT}");
    let output = Command::new(DEFAULT_PYTHON).args(["-I", "-S", "-c", &program, text]).output();
    String::from_utf8(output.expect("a Python").stdout).expect("a text").trim_end().to_owned()
}

#[test]
fn types_are_read_as_they_are_printed() {
    for (text, expected) in [
        ("int", "('int',) int"),
        ("Dict[str, List[int]]", "('Dict', ('str',), ('List', ('int',))) Dict[str, List[int]]"),
        (
            "Callable[[int, str], bool]",
            "('Callable', ('', ('int',), ('str',)), ('bool',)) Callable[[int, str], bool]",
        ),
        (
            "Tally{candidate: str, votes: int}",
            "('record', 'Tally', (('candidate', ('str',)), ('votes', ('int',)))) Tally",
        ),
        (
            "List[Level{low, normal, high}]",
            "('List', ('enum', 'Level', ('low', 'normal', 'high'))) List[Level]",
        ),
        (
            "Tuple[Tally_2{by: Level{low, high}}, Tally_2, Optional[Level]]",
            "('Tuple', ('record', 'Tally_2', (('by', ('enum', 'Level', ('low', 'high'))),)), \
             ('record', 'Tally_2', (('by', ('enum', 'Level', ('low', 'high'))),)), \
             ('Optional', ('enum', 'Level', ('low', 'high')))) Tuple[Tally_2, Tally_2, Optional[Level]]",
        ),
        ("Empty{}", "('record', 'Empty', ()) Empty"),
    ] {
        assert_eq!(read_type(text), expected, "{text}");
    }
    for wrong in [
        "",
        "List[int",
        "List[int]]",
        "A{",
        "A{a: int",
        "A{a: int, b}",
        "A{a b}",
        "[",
        "1",
        "int, str",
        "A{{}}",
    ] {
        assert_eq!(read_type(wrong), format!("not a type: {wrong}").trim_end());
    }
}

/// What is said of a procedure `f` with this annotation and this type for its parameter `x`, by a request of its own: no
/// document has records yet.
fn held_against(annotation: &str, ty: &str) -> Vec<String> {
    let folder = tempfile::tempdir().expect("a folder");
    fs::write(folder.path().join("f.py"), format!("def f(x: {annotation}): ...\n")).expect("written");
    let procedure =
        json!({ "place": 0, "name": "f", "parameters": [{ "name": "x", "type": ty }], "returns": [] });
    let request = json!({
        "program": PROGRAM,
        "services": [{ "name": "s", "modules": [], "files": ["f.py"] }],
        "files": [{ "path": "f.py", "uses": [{ "service": "s", "place": 0, "procedures": [procedure] }] }],
        "max-findings": 10,
        "max-line": 100,
    });
    let python = Python::new(Path::new(DEFAULT_PYTHON), folder.path(), LIMITS);
    let answers: Vec<Value> = python.ask(vec![request.to_string().into_bytes()]).expect("a Python");
    let findings = answers[0]["findings"].as_array().expect("findings");
    findings.iter().map(|finding| finding["message"].as_str().expect("a message").to_owned()).collect()
}

#[test]
fn an_annotation_contradicts_a_record_or_an_enumeration_when_it_surely_means_another_type() {
    const TALLY: &str = "Tally{candidate: str, votes: int}";
    const LEVEL: &str = "Level{low, normal, high}";
    for (annotation, ty) in [
        ("Tally", TALLY),
        ("rpc_types.Tally", TALLY),
        ("'rpc_types.Tally'", TALLY),
        ("Ballot", TALLY),
        ("list[Tally]", "List[Tally{votes: int}]"),
        ("Level", LEVEL),
        ("str", LEVEL),
        ("dict[str, 'Level']", "Dict[str, Level{low}]"),
    ] {
        assert_eq!(held_against(annotation, ty), [""; 0], "{annotation}, {ty}");
    }
    for (annotation, ty, printed) in [
        ("int", TALLY, "Tally"),
        ("str", TALLY, "Tally"),
        ("dict[str, int]", TALLY, "Tally"),
        ("int", LEVEL, "Level"),
        ("list[Tally]", TALLY, "Tally"),
        ("list[dict]", "List[Tally{votes: int}]", "List[Tally]"),
    ] {
        assert_eq!(held_against(annotation, ty), [format!("`x: {annotation}` is declared as `{printed}`")]);
    }
}
