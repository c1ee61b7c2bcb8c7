//! Values of every type: sent and returned, as Python sees them, written as strings, and refused.

mod echo;
mod large;

use echo::{Echo, ask};

use crate::harness::{Framing, Network, Raises, request, returned};

/// Checks that each argument is returned as the given JSON text, over both framings. A case is
/// `(type, argument, returned)`.
fn check(cases: &[(&str, &str, &str)]) {
    let echo = Echo::serving(cases.iter().map(|(ty, ..)| *ty), |ty| {
        (ty.to_owned(), "value")
    });
    for framing in Framing::BOTH {
        let mut peer = echo.peer(framing);
        for (ty, argument, printed) in cases {
            let answer = echo.ask(&mut peer, ty, argument);
            assert!(
                answer.contains(&format!("\"return-values\":[{printed}]")),
                "{ty} {argument}: {answer}"
            );
        }
    }
}

/// Checks the `repr` of each argument in Python.
fn check_seen(cases: &[(&str, &str, &str)]) {
    let echo = Echo::serving(cases.iter().map(|(ty, ..)| *ty), |_| {
        ("str".to_owned(), "repr(value)")
    });
    let mut peer = echo.peer(Framing::Lines);
    for (ty, argument, repr) in cases {
        let answer = serde_json::from_str(&echo.ask(&mut peer, ty, argument)).expect("JSON");
        assert_eq!(returned(&answer)[0], *repr, "{ty} {argument}");
    }
}

/// Checks that each argument is refused with the given words, and that the session stays open.
fn check_refused(cases: &[(&str, &str, &[&str])]) {
    let echo = Echo::serving(cases.iter().map(|(ty, ..)| *ty), |ty| {
        (ty.to_owned(), "value")
    });
    for framing in Framing::BOTH {
        let mut peer = echo.peer(framing);
        for (ty, argument, words) in cases {
            let answer = serde_json::from_str(&echo.ask(&mut peer, ty, argument)).expect("JSON");
            Raises("Invalid Arguments", "no", words).check(&answer);
            Raises(
                "Invalid Arguments",
                "no",
                &["argument 1 of `svc1.echo", "valid: svc1.echo"],
            )
            .check(&answer);
        }
    }
}

#[test]
fn values_of_every_type_are_returned_unchanged() {
    check(&[
        ("int", "0", "0"),
        ("int", "9223372036854775807", "9223372036854775807"),
        ("int", "-9223372036854775808", "-9223372036854775808"),
        ("float", "0.1", "0.1"),
        ("float", "-0.0", "-0.0"),
        ("float", "5e-324", "5e-324"),
        ("float", "1.7976931348623157e308", "1.7976931348623157e+308"),
        ("float", "\"NaN\"", "\"NaN\""),
        ("float", "\"Infinity\"", "\"Infinity\""),
        ("float", "\"-Infinity\"", "\"-Infinity\""),
        ("bool", "true", "true"),
        ("bool", "false", "false"),
        ("str", "\"\"", "\"\""),
        ("str", "\"😀 ä \\u00e9\"", "\"😀 ä é\""),
        ("str", "\"\\ud83d\\ude00\"", "\"😀\""),
        ("str", "\"a\\u0000b\"", "\"a\\u0000b\""),
        ("str", "\"\\\"\\\\\\/\\n\"", "\"\\\"\\\\/\\n\""),
        ("bytes", "\"\"", "\"\""),
        ("bytes", "\"AAH/\"", "\"AAH/\""),
        ("bytes", "\"AA==\"", "\"AA==\""),
        ("List[int]", "[]", "[]"),
        (
            "List[int]",
            "[-1, 9223372036854775807]",
            "[-1,9223372036854775807]",
        ),
        ("List[float]", "[1, -0.0, \"NaN\"]", "[1.0,-0.0,\"NaN\"]"),
        ("List[bool]", "[true, false]", "[true,false]"),
        ("List[str]", "[\"\", \"\\u0000\"]", "[\"\",\"\\u0000\"]"),
        ("List[bytes]", "[\"\", \"/w==\"]", "[\"\",\"/w==\"]"),
        ("List[List[int]]", "[[], [1]]", "[[],[1]]"),
        ("Dict[str, int]", "{}", "{}"),
        (
            "Dict[str, int]",
            "{\"b\": 1, \"\": 2, \"a\": 3}",
            "{\"b\":1,\"\":2,\"a\":3}",
        ),
        (
            "Dict[int, str]",
            "{\"-1\": \"x\", \"9223372036854775807\": \"\"}",
            "{\"-1\":\"x\",\"9223372036854775807\":\"\"}",
        ),
        (
            "Dict[str, Dict[int, bool]]",
            "{\"a\": {\"0\": true}}",
            "{\"a\":{\"0\":true}}",
        ),
        ("Optional[int]", "null", "null"),
        ("Optional[int]", "7", "7"),
        ("Optional[str]", "null", "null"),
        ("Optional[str]", "\"\"", "\"\""),
        (
            "Optional[List[Optional[bool]]]",
            "[null, true]",
            "[null,true]",
        ),
        ("Tuple[int]", "[1]", "[1]"),
        ("Tuple[int, str]", "[1, \"a\"]", "[1,\"a\"]"),
        (
            "Tuple[int, Tuple[str, Tuple[bytes, bool]]]",
            "[1, [\"a\", [\"AA==\", true]]]",
            "[1,[\"a\",[\"AA==\",true]]]",
        ),
        (
            "Dict[str, List[Tuple[int, Optional[float]]]]",
            "{\"a\": [[1, null], [2, 3]]}",
            "{\"a\":[[1,null],[2,3.0]]}",
        ),
    ]);
}

#[test]
fn minus_zero_is_a_valid_int() {
    check(&[
        ("int", "-0", "0"),
        ("float", "-0", "-0.0"),
        ("List[int]", "[-0]", "[0]"),
    ]);
}

#[test]
fn python_sees_each_value_in_its_declared_type() {
    check_seen(&[
        ("int", "7", "7"),
        ("float", "7", "7.0"),
        ("float", "-0.0", "-0.0"),
        ("float", "\"NaN\"", "nan"),
        ("float", "\"-Infinity\"", "-inf"),
        ("bool", "true", "True"),
        ("str", "\"a\\u0000😀\"", "'a\\x00😀'"),
        ("bytes", "\"AGH/\"", "b'\\x00a\\xff'"),
        ("List[float]", "[1, 2.5]", "[1.0, 2.5]"),
        ("List[bytes]", "[\"AA==\"]", "[b'\\x00']"),
        ("Dict[int, str]", "{\"-1\": \"x\"}", "{-1: 'x'}"),
        (
            "Dict[str, bool]",
            "{\"b\": true, \"a\": false}",
            "{'b': True, 'a': False}",
        ),
        ("Optional[int]", "null", "None"),
        ("Optional[int]", "0", "0"),
        ("Tuple[int]", "[1]", "(1,)"),
        (
            "List[Tuple[int, Optional[str]]]",
            "[[1, null], [2, \"\"]]",
            "[(1, None), (2, '')]",
        ),
    ]);
}

#[test]
fn doubles_survive_bit_for_bit() {
    let source =
        "import struct\n\ndef bits(value):\n    return struct.pack('>d', value).hex(), value\n";
    let network = Network::serving(&[("bits", "float", "str, float", source)]);
    let mut peer = network.peer(Framing::Framed);
    let mut random = fastrand::Rng::with_seed(1);
    let edges = [
        0.0,
        -0.0,
        5e-324,
        -5e-324,
        f64::MIN_POSITIVE,
        f64::MAX,
        f64::MIN,
        0.1,
        1.0 / 3.0,
        9_007_199_254_740_993.0,
    ];
    let values = edges
        .into_iter()
        .chain((0..300).map(|_| f64::from_bits(random.u64(..))))
        .filter(|value| value.is_finite());
    for value in values {
        let answer = peer.call(request("svc1", "bits").arg("float", value).id(1));
        let returned = returned(&answer);
        assert_eq!(returned[0], format!("{:016x}", value.to_bits()));
        assert_eq!(
            returned[1].as_f64().map(f64::to_bits),
            Some(value.to_bits()),
            "{value}"
        );
    }
}

#[test]
fn a_string_with_the_json_of_a_value_is_read_as_this_value() {
    check_seen(&[
        ("int", "\"7\"", "7"),
        ("int", "\" -7 \"", "-7"),
        ("float", "\"1.5\"", "1.5"),
        ("float", "\"7\"", "7.0"),
        ("float", "\"\\\"NaN\\\"\"", "nan"),
        ("bool", "\"true\"", "True"),
        ("bytes", "\"\\\"AA==\\\"\"", "b'\\x00'"),
        ("List[int]", "\"[1,2]\"", "[1, 2]"),
        ("List[str]", "\"[\\\"a\\\"]\"", "['a']"),
        ("Dict[str, int]", "\"{\\\"a\\\": 1}\"", "{'a': 1}"),
        ("Tuple[int, str]", "\"[1, \\\"a\\\"]\"", "(1, 'a')"),
        ("Optional[int]", "\"null\"", "None"),
        ("Optional[int]", "\"7\"", "7"),
        ("Optional[bool]", "\"true\"", "True"),
    ]);
}

#[test]
fn if_a_string_has_two_readings_its_json_form_wins() {
    check_seen(&[
        ("str", "\"7\"", "'7'"),
        ("str", "\"\\\"a\\\"\"", "'\"a\"'"),
        ("str", "\"null\"", "'null'"),
        ("Optional[str]", "\"null\"", "'null'"),
        ("Optional[str]", "\"\\\"a\\\"\"", "'\"a\"'"),
        ("float", "\"NaN\"", "nan"),
        ("bytes", "\"1234\"", "b'\\xd7m\\xf8'"),
        ("Optional[bytes]", "\"null\"", "b'\\x9e\\xe9e'"),
    ]);
}

#[test]
fn a_value_of_another_type_is_refused_with_value_and_type() {
    check_refused(&[
        ("int", "7.0", &["7.0", "`int`"]),
        ("int", "1e2", &["100.0", "`int`"]),
        ("int", "\"7.0\"", &["7.0", "`int`"]),
        (
            "int",
            "9223372036854775808",
            &["9223372036854775808", "64 bits"],
        ),
        ("int", "-9223372036854775809", &["`int`"]),
        ("int", "true", &["true", "`int`"]),
        ("int", "null", &["null", "`int`"]),
        ("int", "\"\"", &["`int`"]),
        ("int", "\"x\"", &["\"x\"", "`int`"]),
        ("int", "\"\\\"7\\\"\"", &["`int`"]),
        ("int", "[7]", &["`int`"]),
        (
            "float",
            "9007199254740993",
            &["9007199254740993", "exact `float`"],
        ),
        ("float", "1e400", &["out of range"]),
        ("float", "\"nan\"", &["\"nan\"", "`float`"]),
        ("float", "\"inf\"", &["\"inf\"", "`float`"]),
        ("bool", "1", &["1", "`bool`"]),
        ("bool", "\"True\"", &["\"True\"", "`bool`"]),
        ("str", "7", &["7", "`str`"]),
        ("str", "null", &["null", "`str`"]),
        ("bytes", "\"a\"", &["\"a\"", "base64"]),
        ("bytes", "\"AA\"", &["\"AA\"", "base64"]),
        ("bytes", "[1]", &["`bytes`"]),
        ("List[int]", "[1, \"2\"]", &["\"2\"", "`int`"]),
        ("List[int]", "{}", &["`List[int]`"]),
        ("List[int]", "[null]", &["null", "`int`"]),
        (
            "Dict[str, int]",
            "{\"a\": 1, \"b\": 2, \"a\": 1}",
            &["`a`", "duplicate"],
        ),
        (
            "Dict[str, int]",
            "{\"a\": 1, \"\\u0061\": 1}",
            &["`a`", "duplicate"],
        ),
        ("Dict[str, int]", "[]", &["`Dict[str, int]`"]),
        ("Dict[int, int]", "{\"01\": 1}", &["\"01\"", "`int`"]),
        ("Dict[int, int]", "{\"+1\": 1}", &["\"+1\"", "`int`"]),
        (
            "Dict[int, int]",
            "{\"1\": 1, \"1\": 2}",
            &["`1`", "duplicate"],
        ),
        (
            "Dict[int, int]",
            "{\"9223372036854775808\": 1}",
            &["9223372036854775808", "`int`"],
        ),
        ("Tuple[int, int]", "[1]", &["Tuple[int, int]"]),
        ("Tuple[int, int]", "[1, 2, 3]", &["Tuple[int, int]"]),
        ("Optional[int]", "\"x\"", &["\"x\"", "`int`"]),
    ]);
}

#[test]
fn an_int_is_converted_to_float_if_the_result_is_exact() {
    check(&[
        ("float", "9007199254740992", "9007199254740992.0"),
        ("float", "-9007199254740994", "-9007199254740994.0"),
        ("float", "9223372036854775808", "9.223372036854776e+18"),
        ("List[float]", "[1, 2]", "[1.0,2.0]"),
        ("Optional[float]", "7", "7.0"),
    ]);
}

#[test]
fn several_return_values_and_no_return_value_are_lists() {
    let source = |body: &str| format!("def give():\n    return {body}\n").replace("give", "GIVE");
    let several = source("1, 'a', [2], None").replace("GIVE", "several");
    let none = source("None").replace("GIVE", "none");
    let network = Network::serving(&[
        (
            "several",
            "",
            "int, str, List[int], Optional[bool]",
            &several,
        ),
        ("none", "", "", &none),
    ]);
    for framing in Framing::BOTH {
        let mut peer = network.peer(framing);
        let several = peer.call(
            request("svc1", "several")
                .returns(&["int", "str", "List[int]", "Optional[bool]"])
                .id(1),
        );
        assert_eq!(returned(&several), &serde_json::json!([1, "a", [2], null]));
        assert_eq!(
            returned(&peer.call(request("svc1", "none").returns(&[]))),
            &serde_json::json!([])
        );
    }
}

#[test]
fn other_spellings_of_a_type_mean_the_same() {
    let echo = Echo::serving(
        ["list[int]", "dict[string, list[optional[string]]]"],
        |ty| (ty.to_owned(), "value"),
    );
    let spellings: [(&[&str], &str); 2] = [
        (
            &["List[int]", "list[int]", " List[ int ] ", "list[int ]"],
            "[1]",
        ),
        (
            &[
                "Dict[str, List[Optional[str]]]",
                "dict[string,list[optional[str]]]",
            ],
            "{\"a\":[null,\"b\"]}",
        ),
    ];
    for framing in Framing::BOTH {
        let mut peer = echo.peer(framing);
        for (index, (spellings, value)) in spellings.iter().enumerate() {
            for spelling in *spellings {
                let answer = ask(&mut peer, index, spelling, value);
                assert!(
                    answer.contains(&format!("\"return-values\":[{value}]")),
                    "{spelling}: {answer}"
                );
            }
        }
        let answer = peer.call(
            request("svc1", "echo0")
                .arg("list[int]", serde_json::json!([1]))
                .returns(&["list[int]"]),
        );
        assert_eq!(returned(&answer), &serde_json::json!([[1]]));
    }
}
