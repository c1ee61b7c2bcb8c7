//! What is refused before anybody asks what it means.

use super::check;

#[test]
fn a_file_is_a_mapping() {
    check("", &["1:1 E021 the file has no `network` -> add `network: { servers: ..., clients: ... }`"]);
    check(
        "# nothing\n",
        &["1:1 E021 the file has no `network` -> add `network: { servers: ..., clients: ... }`"],
    );
    check("- a\n", &["1:3 E022 the file must be a mapping, not a list"]);
    check(
        "network\n",
        &["1:1 E022 the file must be a mapping, not text -> write its keys below it, or in `{...}`"],
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
        &["1:11 E003 this is not YAML: while parsing a node, did not find expected node content"],
    );
    check(
        "
network: { # 😀é
  servers: 'a
",
        &["2:12 E003 this is not YAML: while scanning a quoted scalar, found unexpected end of stream"],
    );
    check(
        "network:\n\tservers: {}\n",
        &["2:2 E003 this is not YAML: tabs disallowed within this context (block indentation)"],
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
    check("x-a: *b\n", &["1:6 E003 this is not YAML: while parsing node, found unknown anchor"]);
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
