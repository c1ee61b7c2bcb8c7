//! The parser of printed types in Python, and the comparison of annotations with types.

use std::process::Command;

use super::*;
use crate::SIGNATURE_PY;

/// Parses and prints a type with `rpc_signature`. Returns both results, or the error message.
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
    let output = Command::new(DEFAULT_PYTHON)
        .args(["-I", "-S", "-c", &program, text])
        .output();
    String::from_utf8(output.expect("a Python").stdout)
        .expect("a text")
        .trim_end()
        .to_owned()
}

#[test]
fn printed_types_are_parsed_and_printed_again() {
    for (text, expected) in [
        ("int", "('int',) int"),
        (
            "Dict[str, List[int]]",
            "('Dict', ('str',), ('List', ('int',))) Dict[str, List[int]]",
        ),
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

/// Returns the messages about a definition of `f` that is declared with these arguments or returned
/// values. The document has a record and an enumeration.
fn messages_about(definition: &str, declared: &str) -> Vec<String> {
    let rpc = format!(
        "      - {{ name: f, {declared}, path: f.py }}\n      - {{ name: g, arguments: [Tally], path: g.py }}\n"
    );
    let types = "types:\n  Level: [low, normal, high]\n  Tally: { votes: int, level: Level }\n";
    let project = Project::new(&format!("{types}{}", init(&rpc)));
    project.write("f.py", definition);
    project.write("g.py", "def g(tally): ...\n");
    project
        .check()
        .into_iter()
        .map(|finding| finding.message)
        .collect()
}

fn parameter(annotation: &str, ty: &str) -> Vec<String> {
    messages_about(
        &format!("def f(x: {annotation}): ...\n"),
        &format!("arguments: {{ x: '{ty}' }}"),
    )
}

fn result(annotation: &str, ty: &str) -> Vec<String> {
    messages_about(
        &format!("def f() -> {annotation}: ...\n"),
        &format!("returns: '{ty}'"),
    )
}

#[test]
fn a_parameter_is_refused_only_if_its_annotation_cannot_accept_the_declared_type() {
    for (annotation, ty) in [
        ("Tally", "Tally"),
        ("rpc_types.Tally", "Tally"),
        ("'rpc_types.Tally'", "Tally"),
        ("Ballot", "Tally"),
        ("list[Tally]", "List[Tally]"),
        ("Level", "Level"),
        ("str", "Level"),
        ("str | None", "Optional[Level]"),
        ("dict[str, 'Level']", "Dict[str, Level]"),
        ("dict[str, str]", "Dict[str, Level]"),
        ("float", "int"),
        ("list[float]", "List[int]"),
        ("Optional[int]", "int"),
        ("float | None", "int"),
        ("Level", "str"),
        ("list['rpc_types.Level']", "List[str]"),
        ("Ghost", "Tally"),
        ("elsewhere.Level", "Tally"),
    ] {
        assert_eq!(parameter(annotation, ty), [""; 0], "{annotation}, {ty}");
    }
    for (annotation, ty) in [
        ("int", "Tally"),
        ("str", "Tally"),
        ("dict[str, int]", "Tally"),
        ("int", "Level"),
        ("list[Tally]", "Tally"),
        ("list[dict]", "List[Tally]"),
        ("str | None", "int"),
        ("int", "Optional[int]"),
        ("bool", "int"),
        ("Level", "Tally"),
        ("rpc_types.Tally", "Level"),
        ("list['Level']", "List[Tally]"),
        ("Tally | None", "Optional[Level]"),
        ("Tally", "str"),
        ("Level", "int"),
        ("dict[str, Level]", "Tally"),
    ] {
        assert_eq!(
            parameter(annotation, ty),
            [format!("`x: {annotation}` is declared as `{ty}`")]
        );
    }
}

#[test]
fn a_result_is_refused_only_if_its_annotation_cannot_be_the_declared_type() {
    for (annotation, ty) in [
        ("Tally", "Tally"),
        ("dict", "Tally"),
        ("list[dict[str, object]]", "List[Tally]"),
        ("str", "Level"),
        ("int", "float"),
        ("int", "Optional[int]"),
        ("dict[str, int]", "Optional[Tally]"),
        ("None", "Optional[int]"),
        ("'str | None'", "Optional[Level]"),
        ("Level", "str"),
        ("Level", "Optional[Level]"),
    ] {
        assert_eq!(result(annotation, ty), [""; 0], "{annotation}, {ty}");
    }
    for (annotation, ty) in [
        ("str", "Tally"),
        ("tuple[int, str]", "Tally"),
        ("int", "Level"),
        ("dict", "Level"),
        ("float", "int"),
        ("float", "Optional[int]"),
        ("int | None", "int"),
        ("None", "int"),
        ("Level", "Tally"),
        ("tuple[Level, ...]", "Tally"),
        ("Tally", "Dict[str, int]"),
    ] {
        assert_eq!(
            result(annotation, ty),
            [format!("`-> {annotation}` is declared as `{ty}`")]
        );
    }
}

#[test]
fn a_name_means_a_declared_type_unless_the_source_defines_it_in_another_way() {
    let messages = |imports: &str, annotation: &str| {
        messages_about(
            &format!("{imports}\ndef f(x: {annotation}): ...\n"),
            "arguments: { x: Tally }",
        )
    };
    for (imports, annotation) in [
        ("class Level: ...", "Level"),
        ("from words import Level", "Level"),
        ("from words import *", "Level"),
        ("from rpc_types import Tally as Level", "Level"),
        (
            "if x:\n    from rpc_types import Level\nelse:\n    Level = object",
            "Level",
        ),
        ("import words", "words.Level"),
    ] {
        assert_eq!(messages(imports, annotation), [""; 0], "{imports}");
    }
    for (imports, annotation) in [
        ("from rpc_types import Level", "Level"),
        ("from rpc_types import *", "Level"),
        ("from rpc_types import Level as Height", "Height"),
        ("import rpc_types", "rpc_types.Level"),
    ] {
        assert_eq!(
            messages(imports, annotation),
            [format!("`x: {annotation}` is declared as `Tally`")]
        );
    }
}
