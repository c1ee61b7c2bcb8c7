use std::fmt::Write as _;

use super::*;

/// Line, column and code of a finding.
type Refused = (usize, usize, Code);

fn refused(text: &str) -> Vec<Refused> {
    let lines = crate::diagnostic::Lines::new(text);
    let spaced = with_spaces_after_colons(text);
    let findings = guard(text, &spaced)
        .err()
        .map(Findings::in_source_order)
        .unwrap_or_default();
    findings
        .iter()
        .map(|finding| {
            let (line, column) = lines.position(finding.span.start);
            (line, column, finding.code)
        })
        .collect()
}

/// Returns a line for every value: its path, its key and the value as they are in the text.
fn spans(text: &str) -> String {
    fn walk(text: &str, place: Place<'_>, path: &str, out: &mut String) {
        for (index, child) in place.children().enumerate() {
            let path = format!(
                "{path}/{}",
                child.key().map_or(index.to_string(), str::to_owned)
            );
            let _ = writeln!(
                out,
                "{path} {:?} {:?}",
                &text[child.key_span()],
                &text[child.span()]
            );
            walk(text, child, &path, out);
        }
    }
    let spaced = with_spaces_after_colons(text);
    let Ok(table) = guard(text, &spaced) else {
        return "refused".to_owned();
    };
    let mut out = String::new();
    if let Some(root) = table.root() {
        walk(text, root, "", &mut out);
    }
    out
}

#[test]
fn every_key_and_value_has_its_span() {
    let text = "a: 1\n\"b\" :\n  - 'x y' # c\n  - é😀\n  -\nc: {d: [e, f], g: }\nh:\ni: |\n  text\nj: &k\n  l: 1\nm: *k\n";
    assert_eq!(
        spans(text),
        r#"/a "a" "1"
/b "\"b\"" "'x y' # c\n  - é😀\n  -"
/b/0 "" "'x y'"
/b/1 "" "é😀"
/b/2 "" ""
/c "c" "{d: [e, f], g: }"
/c/d "d" "[e, f]"
/c/d/0 "" "e"
/c/d/1 "" "f"
/c/g "g" "g"
/h "h" "h"
/i "i" "text\n"
/j "j" "&k\n  l: 1"
/j/l "l" "1"
/m "m" "*k"
/m/l "l" "1"
"#
    );
}

#[test]
fn a_tab_after_a_colon_is_a_blank() {
    let text = "a:\tb\nc:\t\t-d\n\"e\":\t\"f:\tg\"\n";
    assert_eq!(
        spans(text),
        "/a \"a\" \"b\"\n/c \"c\" \"-d\"\n/e \"\\\"e\\\"\" \"\\\"f:\\tg\\\"\"\n"
    );
}

#[test]
fn a_part_of_a_scalar_has_its_own_span_if_the_scalar_has_no_escapes() {
    let text = "- List[inte]\n- \"List[inte]\"\n- 'List[inte]'\n- \"\\u004cist[inte]\"\n- &a List[inte]\n- 'it''s'\n";
    let table = guard(text, text).unwrap_or_default();
    let parts: Vec<&str> = table
        .root()
        .map(|root| root.children().map(|item| &text[item.part(5, 4)]).collect())
        .unwrap_or_default();
    assert_eq!(
        parts,
        [
            "inte",
            "inte",
            "inte",
            "\"\\u004cist[inte]\"",
            "inte",
            "'it''s'"
        ]
    );
}

#[test]
fn ambiguous_texts_are_refused() {
    let cases: &[(&str, &[Refused])] = &[
        (
            "a: 1\nb: 2\na: 3\n\"a\": 4\n",
            &[(3, 1, Code::DuplicateKey), (4, 1, Code::DuplicateKey)],
        ),
        (
            "1: a\ntrue: b\n\"2\": c\n~: d\n",
            &[
                (1, 1, Code::NonStringKey),
                (2, 1, Code::NonStringKey),
                (4, 1, Code::NonStringKey),
            ],
        ),
        ("? [a]\n: b\n", &[(1, 3, Code::NonStringKey)]),
        ("{a: b}: c\n", &[(1, 1, Code::NonStringKey)]),
        ("a: &k x\n*k : c\n", &[(2, 1, Code::NonStringKey)]),
        (": c\n", &[(1, 1, Code::NonStringKey)]),
        ("a: &k {b: c}\nd:\n  <<: *k\n", &[(3, 3, Code::MergeKey)]),
        (
            "a: !!str b\nc: !d {}\n",
            &[(1, 4, Code::Tag), (2, 4, Code::Tag)],
        ),
        ("a: b\n---\nc: d\n", &[(2, 1, Code::SecondDocument)]),
        ("a: b\n...\n---\nc: d\n", &[(3, 1, Code::SecondDocument)]),
        ("a: &k\n  b: *k\n", &[(2, 6, Code::SelfAlias)]),
        ("a: *k\n", &[(1, 4, Code::Syntax)]),
        ("a: 'x\n", &[(1, 4, Code::Syntax)]),
        ("😀é: 1\n😀: \"x\" y\n", &[(2, 8, Code::Syntax)]),
        ("# 😀😀😀\na: b: c\n", &[(2, 5, Code::Syntax)]),
        ("a:\n\t- b\n", &[(2, 1, Code::Syntax)]),
    ];
    for (text, expected) in cases {
        assert_eq!(refused(text), *expected, "{text}");
    }
    for good in [
        "",
        "# nothing\n",
        "--- \na: b\n...\n",
        "%YAML 1.2\n---\na: b\n",
        "\"<<\": a\n'1': b\n",
    ] {
        assert_eq!(refused(good), [], "{good}");
    }
}

#[test]
fn texts_nest_up_to_the_limit_and_no_deeper() {
    let nested = |depth: usize| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
    assert_eq!(refused(&nested(MAX_DEPTH)), []);
    assert_eq!(
        refused(&nested(MAX_DEPTH + 1)),
        [(1, MAX_DEPTH + 1, Code::TooDeep)]
    );
    let half = MAX_DEPTH / 2;
    let aliased = |depth: usize| {
        format!(
            "a: &a {}\nb: {}*a{}\n",
            nested(half),
            "[".repeat(depth),
            "]".repeat(depth)
        )
    };
    assert_eq!(refused(&aliased(half - 1)), []);
    assert_eq!(refused(&aliased(half)), [(2, 4 + half, Code::TooDeep)]);
}

#[test]
fn mistakes_that_the_parser_scans_ahead_of_are_refused_at_their_place() {
    for (unit, place, code) in [
        ("[", (1, 65), Code::TooDeep),
        ("[\n", (65, 1), Code::TooDeep),
        ("- ", (1, 129), Code::TooDeep),
        ("{a: ", (1, 257), Code::TooDeep),
        ("[{a: ", (1, 161), Code::TooDeep),
        ("{", (1, 2), Code::NonStringKey),
        ("[{", (1, 3), Code::NonStringKey),
    ] {
        let (line, column) = place;
        assert_eq!(
            refused(&unit.repeat(100_000)),
            [(line, column, code)],
            "{unit:?}"
        );
    }
    let rest = "rpcs: [{ returns: List[int] }]\n";
    let brackets = "[".repeat(300);
    assert_eq!(
        refused(&format!("a: {brackets}")),
        [(1, 3 + MAX_DEPTH, Code::TooDeep)]
    );
    assert_eq!(
        refused(&format!("a: '{brackets}'\n{rest}")),
        [(2, 23, Code::Syntax)]
    );
}

#[test]
fn an_alias_counts_as_the_value_that_it_refers_to() {
    let mut square = format!("a: &a [{}x]\nb:\n", "x, ".repeat(1_500));
    for _ in 0..1_500 {
        square += "- *a\n";
    }
    assert!(matches!(refused(&square)[..], [(_, 3, Code::TooManyNodes)]));
    let mut laughs = "a0: &a0 [x, x]\n".to_owned();
    for level in 1..40 {
        let _ = writeln!(
            laughs,
            "a{level}: &a{level} [*a{0}, *a{0}, *a{0}]",
            level - 1
        );
    }
    assert!(matches!(refused(&laughs)[..], [(_, _, Code::TooManyNodes)]));
}

#[test]
fn hostile_texts_are_refused_early() {
    let mut blocks = String::new();
    for depth in 0..5_000 {
        let _ = writeln!(blocks, "{}a:", " ".repeat(depth));
    }
    let many = 100_000;
    for text in [
        "[".repeat(many),
        "{".repeat(many),
        "[{".repeat(many),
        "{a: ".repeat(many),
        "[\n".repeat(many),
        "- ".repeat(many),
        "? ".repeat(10 * many),
        "? - ".repeat(many),
        "!!a &b ".repeat(many),
        "--- a\n".repeat(many),
        "a: ".repeat(many),
        "]".repeat(many),
        "\"".to_owned() + &"\\n".repeat(many),
        "%TAG ! é\n".repeat(many),
        blocks,
    ] {
        assert!(matches!(refused(&text).len(), 1 | 2), "{}", &text[..8]);
    }
    assert_eq!(
        refused(&"a: 1\n".repeat(many)).len(),
        crate::diagnostic::MAX_FINDINGS
    );
    assert_eq!(
        refused(&format!("[{}", "a,".repeat(MAX_NODES + 1))),
        [(1, 2 * MAX_NODES, Code::TooManyNodes)]
    );
}

#[test]
fn random_texts_never_make_the_guard_panic() {
    let pieces = [
        "a", ":", " ", "\n", "-", "[", "]", "{", "}", ",", "&a", "*a", "!", "|", ">", "'", "\"",
        "?", "#", "%", "\t", "\r", "\u{feff}", "\0", "😀", "\u{85}", "---", "...", "\\x",
    ];
    let mut random = fastrand::Rng::with_seed(1);
    for _ in 0..20_000 {
        let text: String = (0..random.usize(1..=12))
            .map(|_| pieces[random.usize(..pieces.len())])
            .collect();
        for (line, column, _) in refused(&text) {
            assert!(line > 0 && column > 0);
        }
    }
}
