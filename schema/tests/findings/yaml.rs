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
            "the line before gives `b` its value already; begin this line in the column of `b`, or put a text of several lines in quotes",
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

#[test]
fn a_tab_after_a_colon_is_accepted() {
    check(
        "network:\n  servers:\n    s:\n      ip:\t127.0.0.1\n      port:\t7101\nservices: { s:\t{ provider:\tp } }\n",
        &["6:28 E050 unknown provider `p` -> did you mean `s`?"],
    );
}

#[test]
fn a_missing_space_after_a_colon_is_one_finding() {
    let what = "there is no space after the `:`, so this is one text and not a key with its value";
    let hint = |mended: &str| format!("{what} -> put a space after the `:`: `{mended}`");
    for (text, place, mended) in [
        (
            "network: { servers: { s: { ip: 127.0.0.1, port:7101 } } }\n",
            "1:43",
            "port: 7101",
        ),
        ("network: { servers: { s:1 } }\n", "1:23", "s: 1"),
        ("types: { T: { a:int } }\nnetwork: {}\n", "1:15", "a: int"),
        ("network:\n  servers:\n    a:b\n", "3:5", "a: b"),
        ("network:{}\n", "1:1", "network: {}"),
    ] {
        check(text, &[&format!("{place} E013 {}", hint(mended))]);
    }
    check(
        "network: { servers: { s: { ip: 127.0.0.1, port: 7101 } } }\nservices:\n  s:\n    provider: s\n    rpcs:\n      - name:f\n      - { name: g, arguments: {a:int}, native: true }\n      - { name: g, arguments: [\"a:int\"], native: true }\n",
        &[
            &format!("6:9 E013 {}", hint("name: f")),
            &format!("7:32 E013 {}", hint("a: int")),
            "8:33 E070 bad type: there is no type `a` -> name all arguments in one mapping: `arguments: { a: int, b: str }`",
        ],
    );
}

#[test]
fn an_integer_that_is_written_badly_is_named_with_its_remedy() {
    let of_port = |port: &str, rest: &str| {
        check(
            &format!("network: {{ servers: {{ s: {{ ip: 127.0.0.1, port: {port} }} }} }}\n"),
            &[&format!("1:49 E022 {rest}")],
        );
    };
    of_port(
        "07101",
        "`port` must not begin with `0`: `07101` -> write `7101`",
    );
    of_port(
        "7_101",
        "`port` must be written with digits only: `7_101` -> write `7101`",
    );
    of_port(
        "\"7101\"",
        "`port` must be an integer, not text -> remove the quotes",
    );
    of_port(
        "7101.0",
        "`port` must be an integer, not a number with a fraction -> write `7101`",
    );
    of_port(
        "18446744073709551615",
        "`port` is too large: `18446744073709551615`",
    );
    let too_large = "write a smaller number, or put it in quotes if it is text";
    for number in [
        "18446744073709551616",
        "-9223372036854775809",
        "0x10000000000000000",
    ] {
        of_port(
            number,
            &format!("the number `{number}` does not fit in 64 bits -> {too_large}"),
        );
    }
    of_port(
        &"9".repeat(50),
        &format!("this number does not fit in 64 bits; it has 50 characters -> {too_large}"),
    );
}

#[test]
fn a_key_at_the_indentation_of_its_owner_is_named() {
    let network = "network: { servers: { p: { ip: 127.0.0.1, port: 7101 } } }\n";
    check(
        &format!("{network}services:\n  s:\n    provider: p\n  rpcs:\n    - name: f\n"),
        &[
            "5:3 E020 `rpcs` is a key of a service, but stands where a service's name is expected -> indent it more, so that it belongs to `s`",
        ],
    );
    check(
        "network:\n  servers:\n    s:\n    ip: 127.0.0.1\n    port: 7101\n",
        &[
            "4:5 E020 `ip` is a key of a server, but stands where a server's name is expected -> indent it more, so that it belongs to `s`",
            "5:5 E020 `port` is a key of a server, but stands where a server's name is expected -> indent it more, so that it belongs to `s`",
        ],
    );
    check(
        &format!("{network}rpcs:\n  - name: f\n"),
        &[
            "2:1 E020 unknown key `rpcs` -> `rpcs` is a key of a service; indent it, so that it belongs there",
        ],
    );
}
