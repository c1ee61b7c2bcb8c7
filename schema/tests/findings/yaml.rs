//! What is refused before anybody asks what it means.

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
fn what_a_decoder_would_guess_at_is_refused() {
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
            "2:1 E011 a second document begins here -> an init.yaml is one document; remove the `---` and what follows, or merge the two",
        ],
    );
    check(
        "
network: &n
  servers: *n
",
        &["2:12 E006 this alias stands inside what it stands for"],
    );
}

#[test]
fn broken_yaml_is_reported_at_its_place() {
    check(
        "network: {]\n",
        &[
            "1:11 E003 this is not YAML: while parsing a node, did not find expected node content @ 1:10 -> close it, or put a `,` between its items",
        ],
    );
    check(
        "
network: { # 😀é
  servers: 'a
",
        &[
            "2:12 E003 this is not YAML: while scanning a quoted scalar, found unexpected end of stream -> close it with `'`",
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
            "1:49 E003 this is not YAML: while parsing a flow mapping, did not find expected ',' or '}' -> inside `{...}` and `[...]` a type with brackets is quoted: `\"List[int]\"`",
        ],
    );
    check(
        &format!("x-deep: {}{}\n", "[".repeat(65), "]".repeat(65)),
        &["1:72 E004 lists and mappings nest more than 64 deep"],
    );
    check(
        "x-a: *b\n",
        &[
            "1:6 E003 this is not YAML: while parsing node, found unknown anchor -> `*b` repeats what is marked `&b` above it; a text that begins with `*` is quoted",
        ],
    );
    check(
        &format!("{{ \"{}\": 1, network: {{}} }}\n", "k".repeat(1100)),
        &[
            "1:1105 E012 this cannot be decoded: did not find expected ',' or '}' at line 1 column 1105, while parsing a flow mapping -> write it more plainly, with quotes around texts",
        ],
    );
    check(
        "network: {} # a\u{2028}services: {}\n",
        &[
            "1:16 E012 readers of YAML do not agree on the character `\\u{2028}` -> remove it, or write its number in a text in double quotes, as in `\"\\u2028\"`",
        ],
    );
}

/// The place and the hint of a text that is not YAML; what the parser says in between is its own
/// affair.
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
fn what_was_meant_is_seen_in_the_text_around_the_place() {
    let tabs = "indent with spaces, not with tabs";
    let siblings = "begin it in the same column as its siblings";
    let bracket = "close it, or put a `,` between its items";
    for (text, place, hint) in [
        ("a:\n  b: c\n\td: e\n", "3:1", tabs),
        ("a:\n  b: c\n  \td: e\n", "3:3", tabs),
        ("a:\n    b: c\n   d: e\n", "3:4", siblings),
        (
            "a:\n  b: c\n   d: e\n",
            "3:5",
            "begin it in the same column as its siblings, or quote the text that goes on here",
        ),
        ("a: [b\nc: d\n", "2:2", bracket),
        ("{\n  \"a\": {}\n  \"b\": {}\n}\n", "3:3", bracket),
        (
            "a b\nc: d\n",
            "2:2",
            "the line before has no `:`, so this one seems to go on with it",
        ),
        (
            "a:b\n\n# c\nd: e\n",
            "4:1",
            "a space belongs behind the `:` of the line before: `a: b`",
        ),
        (
            "a:\n  -b: c\n   d: e\n",
            "3:5",
            "a space belongs behind the `-` of the line before: `- b: c`",
        ),
        ("a: b: c\n", "1:5", "a text that has `: ` in it is quoted"),
        ("a: \"b\nc: d\n", "1:4", "close it with `\"`"),
        (
            "a: 'b's c'\n",
            "1:7",
            "the text ends at the quote before; inside `'...'` a quote is written twice: `'it''s'`",
        ),
        (
            "a: \"b\"c\"\n",
            "1:7",
            "the text ends at the quote before; inside `\"...\"` a quote is written `\\\"`",
        ),
        ("a: [*]\n", "1:5", "a text that begins with `*` is quoted"),
        ("a: @b\n", "1:4", "a text that begins with `@` is quoted"),
        (
            "a: `b`\n",
            "1:4",
            "a text that begins with a backtick is quoted",
        ),
        ("a: b\0\n", "1:5", "remove the character"),
    ] {
        check_hint(text, place, hint);
    }
}

#[test]
fn lines_that_end_as_on_windows_are_lines() {
    let text = "network:\r\n  servers: {}\r\nservices:\r\n  s: { provider: p }\r\n";
    check(
        text,
        &["4:18 E050 unknown provider `p` -> no server is declared"],
    );
}

#[test]
fn json_is_yaml() {
    check(
        r#"{ "network": { "servers": {} }, "services": { "s": { "provider": "p" } } }"#,
        &["1:66 E050 unknown provider `p` -> no server is declared"],
    );
}
