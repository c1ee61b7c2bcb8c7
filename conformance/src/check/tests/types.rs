//! Types as signatures print them, read in Python, and annotations that are held against them.

use std::process::Command;

use super::*;
use crate::SIGNATURE_PY;

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

const TYPES: &str = "types:\n  Level: [low, high]\n  Tally: { candidate: str, level: Level }\n";

/// What is said of `def f(x: annotation) -> annotation` where that type is declared, for the parameter or for what is
/// returned.
fn held_against(signature: &str, declared: &str) -> Vec<String> {
    let project = Project::new(&(TYPES.to_owned() + &init(&format!("      - {{ name: f, {declared} }}\n"))));
    project.write("services/s/f.py", format!("def f{signature}: ...\n"));
    project.check().into_iter().map(|finding| finding.message).collect()
}

#[test]
fn an_annotation_contradicts_a_record_or_an_enumeration_when_it_surely_means_another_type() {
    for (annotation, ty) in [
        ("Tally", "Tally"),
        ("rpc_types.Tally", "Tally"),
        ("'rpc_types.Tally'", "Tally"),
        ("Ballot", "Tally"),
        ("list[Tally]", "List[Tally]"),
        ("Level", "Level"),
        ("str", "Level"),
        ("dict[str, 'Level']", "Dict[str, Level]"),
        ("str | None", "Optional[Level]"),
    ] {
        let declared = format!("arguments: {{ x: '{ty}' }}");
        assert_eq!(held_against(&format!("(x: {annotation})"), &declared), [""; 0], "{annotation}, {ty}");
    }
    for (annotation, ty) in [
        ("int", "Tally"),
        ("str", "Tally"),
        ("dict[str, int]", "Tally"),
        ("int", "Level"),
        ("list[Tally]", "Tally"),
        ("list[dict]", "List[Tally]"),
    ] {
        let declared = format!("arguments: {{ x: '{ty}' }}");
        let message = format!("`x: {annotation}` is declared as `{ty}`");
        assert_eq!(held_against(&format!("(x: {annotation})"), &declared), [message]);
    }
}

#[test]
fn a_record_may_be_returned_as_a_dict() {
    for annotation in ["dict", "dict[str, object]", "Tally"] {
        assert_eq!(held_against(&format!("() -> {annotation}"), "returns: Tally"), [""; 0], "{annotation}");
    }
    assert_eq!(held_against("() -> list[dict]", "returns: 'List[Tally]'"), [""; 0]);
    assert_eq!(held_against("() -> int", "returns: Tally"), ["`-> int` is declared as `Tally`"]);
    assert_eq!(held_against("() -> dict", "returns: Level"), ["`-> dict` is declared as `Level`"]);
}
