//! Texts that are refused before their content is checked.

use std::path::Path;

use super::{check, written};

#[test]
fn a_file_is_a_mapping() {
    check(
        "",
        &["1:1 E021 the file has no `network` -> add `network: { servers: ..., clients: ... }`"],
    );
    check(
        "# nothing\n",
        &["1:1 E021 the file has no `network` -> add `network: { servers: ..., clients: ... }`"],
    );
    check(
        "- a\n",
        &["1:3 E022 the file must be a mapping, not a list"],
    );
    check(
        "network\n",
        &[
            "1:1 E022 the file must be a mapping, not text -> write its keys below it, or in `{...}`",
        ],
    );
}

#[test]
fn ambiguous_texts_are_refused() {
    check(
        "
network: {}
network: {}
",
        &["2:1 E007 this mapping has two keys `network` @ 1:1"],
    );
    check(
        "
1: a
~: b
? [c]
: d
",
        &[
            "1:1 E008 a key must be text, not a number -> put it in quotes: `\"1\"`",
            "2:1 E008 a key must be text, not null -> put it in quotes: `\"~\"`",
            "3:3 E008 a key must be text, not a list -> `{...}` and `[...]` as a key, and `? `, are not supported",
        ],
    );
    check(
        "
x-a: &a {}
network:
  <<: *a
",
        &[
            "3:3 E009 merge keys (`<<`) are not supported -> write the keys out, or use an alias for a whole value: `allow: *shared`",
        ],
    );
    check(
        "network: !!map {}\n",
        &["1:10 E010 tags are not supported -> remove the word that begins with `!`"],
    );
    check(
        "
network: {}
---
network: {}
",
        &[
            "2:1 E011 a second document begins here -> an init.yaml must be one document; remove the `---` and everything after it, or merge the two",
        ],
    );
    check(
        "
network: &n
  servers: *n
",
        &["2:12 E006 this alias is inside the value that it refers to"],
    );
}

#[test]
fn broken_yaml_is_reported_at_its_place() {
    check(
        "network: {]\n",
        &[
            "1:11 E003 this is not YAML: while parsing a node, did not find expected node content @ 1:10 -> close the bracket, or put a `,` between its items",
        ],
    );
    check(
        "
network: { # 😀é
  servers: 'a
",
        &[
            "2:12 E003 this is not YAML: while scanning a quoted scalar, found unexpected end of stream -> close the text with `'`",
        ],
    );
    check(
        "network:\n\tservers: {}\n",
        &[
            "2:1 E003 this is not YAML: tabs disallowed within this context (block indentation) -> indent with spaces, not with tabs",
        ],
    );
    check(
        "services: { s: { rpcs: [{ name: a, returns: List[int] }] } }\n",
        &[
            "1:49 E003 this is not YAML: while parsing a flow mapping, did not find expected ',' or '}' -> inside `{...}` and `[...]`, put a type with brackets in quotes: `\"List[int]\"`",
        ],
    );
    check(
        &format!("x-deep: {}{}\n", "[".repeat(65), "]".repeat(65)),
        &["1:72 E004 lists and mappings nest more than 64 levels deep"],
    );
    check(
        "x-a: *b\n",
        &[
            "1:6 E003 this is not YAML: while parsing node, found unknown anchor -> `*b` repeats a value that is marked `&b` above it; put a text that begins with `*` in quotes",
        ],
    );
    check(
        &format!("{{ \"{}\": 1, network: {{}} }}\n", "k".repeat(1100)),
        &[
            "1:1105 E012 this cannot be decoded: did not find expected ',' or '}' at line 1 column 1105, while parsing a flow mapping -> write it in a simpler way, with quotes around texts",
        ],
    );
    check(
        "network: {} # a\u{2028}services: {}\n",
        &[
            "1:16 E012 YAML parsers disagree about the character `\\u{2028}` -> remove it, or write it as an escape in a text in double quotes, as in `\"\\u2028\"`",
        ],
    );
}

/// Checks the place and the hint of a finding about a text that is not YAML. The message between
/// them comes from the parser and is not checked.
fn check_hint(text: &str, place: &str, hint: &str) {
    let report = rpc_schema::parse(Path::new("init.yaml"), text).expect_err(text);
    let found = written(&report);
    assert_eq!(found.len(), 1, "{found:?}");
    assert!(
        found[0].starts_with(&format!("{place} E003 this is not YAML: ")),
        "{found:?}"
    );
    assert_eq!(report.findings[0].hint.as_deref(), Some(hint), "{text}");
}

#[test]
fn the_hint_for_broken_yaml_follows_from_the_text_around_it() {
    let tabs = "indent with spaces, not with tabs";
    let siblings = "begin it in the same column as its siblings";
    let bracket = "close the bracket, or put a `,` between its items";
    for (text, place, hint) in [
        ("a:\n  b: c\n\td: e\n", "3:1", tabs),
        ("a:\n  b: c\n  \td: e\n", "3:3", tabs),
        ("a:\n    b: c\n   d: e\n", "3:4", siblings),
        (
            "a:\n  b: c\n   d: e\n",
            "3:5",
            "begin it in the same column as its siblings, or quote the text that continues here",
        ),
        ("a: [b\nc: d\n", "2:2", bracket),
        ("{\n  \"a\": {}\n  \"b\": {}\n}\n", "3:3", bracket),
        (
            "a b\nc: d\n",
            "2:2",
            "the line before has no `:`, so this line seems to continue it",
        ),
        (
            "a:b\n\n# c\nd: e\n",
            "4:1",
            "put a space after the `:` of the line before: `a: b`",
        ),
        (
            "a:\n  -b: c\n   d: e\n",
            "3:5",
            "put a space after the `-` of the line before: `- b: c`",
        ),
        (
            "a: b: c\n",
            "1:5",
            "put a text that contains `: ` in quotes",
        ),
        ("a: \"b\nc: d\n", "1:4", "close the text with `\"`"),
        (
            "a: 'b's c'\n",
            "1:7",
            "the text ends at the previous quote; inside `'...'`, write a quote twice: `'it''s'`",
        ),
        (
            "a: \"b\"c\"\n",
            "1:7",
            "the text ends at the previous quote; inside `\"...\"`, write a quote as `\\\"`",
        ),
        (
            "a: [*]\n",
            "1:5",
            "put a text that begins with `*` in quotes",
        ),
        (
            "a: @b\n",
            "1:4",
            "put a text that begins with `@` in quotes",
        ),
        (
            "a: `b`\n",
            "1:4",
            "put a text that begins with a backtick in quotes",
        ),
        ("a: b\0\n", "1:5", "remove the control character"),
    ] {
        check_hint(text, place, hint);
    }
}

#[test]
fn windows_line_ends_are_accepted() {
    let text = "network:\r\n  servers: {}\r\nservices:\r\n  s: { provider: p }\r\n";
    check(
        text,
        &["4:18 E050 unknown provider `p` -> no server is declared"],
    );
}

#[test]
fn a_file_in_json_is_accepted_as_yaml() {
    check(
        r#"{ "network": { "servers": {} }, "services": { "s": { "provider": "p" } } }"#,
        &["1:66 E050 unknown provider `p` -> no server is declared"],
    );
}
