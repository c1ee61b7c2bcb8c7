use super::*;

const TALLY: &str = "Tally{who: str, votes: int, at: Optional[Level{low, high}]}";

fn ty(text: &str) -> Type {
    Type::parse(text).expect(text)
}

/// Converts `json` to binary and back. `printed` is the canonical JSON.
fn check(type_text: &str, json: &str, printed: &str) {
    let ty = ty(type_text);
    let mut binary = Vec::new();
    argument_to_binary(&ty, json, &mut binary)
        .unwrap_or_else(|error| panic!("{type_text} {json}: {error}"));
    let mut reader = Reader::new(&binary);
    let mut out = Vec::new();
    from_binary(&ty, &mut reader, &mut out).expect("a value that was just encoded");
    assert_eq!(reader.finish(), Ok(()));
    assert_eq!(
        String::from_utf8(out).as_deref(),
        Ok(printed),
        "{type_text} {json}"
    );
}

fn check_refused(type_text: &str, json: &str, message: &str) {
    let mut out = vec![1, 2, 3];
    let error = argument_to_binary(&ty(type_text), json, &mut out).expect_err(json);
    assert_eq!(error, message, "{type_text} {json}");
}

#[test]
fn values_of_every_type_survive_the_way_to_binary_and_back() {
    for (ty, json, printed) in [
        ("int", "9223372036854775807", "9223372036854775807"),
        ("int", "-9223372036854775808", "-9223372036854775808"),
        ("int", "\"7\"", "7"),
        ("float", "7", "7.0"),
        ("float", "-0.0", "-0.0"),
        ("float", "5e-324", "5e-324"),
        ("float", "9007199254740992", "9007199254740992.0"),
        ("float", "9223372036854775808", "9.223372036854776e+18"),
        ("float", "\"NaN\"", "\"NaN\""),
        ("float", "\"-Infinity\"", "\"-Infinity\""),
        ("float", "\"1.5\"", "1.5"),
        ("bool", "true", "true"),
        ("bool", "\"false\"", "false"),
        ("str", "\"7\"", "\"7\""),
        ("str", r#""\ud83d\ude00\u0000""#, r#""😀\u0000""#),
        ("bytes", "\"AAH/\"", "\"AAH/\""),
        ("bytes", r#""\"AAH/\"""#, "\"AAH/\""),
        ("List[int]", " [ 1 , 2 ] ", "[1,2]"),
        ("List[int]", "\"[1, 2]\"", "[1,2]"),
        ("List[str]", "[]", "[]"),
        ("Dict[str, int]", r#"{"b":1,"a":2}"#, r#"{"b":1,"a":2}"#),
        ("Dict[int, str]", r#"{"-1":"x"}"#, r#"{"-1":"x"}"#),
        ("Optional[int]", "null", "null"),
        ("Optional[int]", "\"null\"", "null"),
        ("Optional[str]", "\"null\"", "\"null\""),
        (
            "Optional[List[Optional[bool]]]",
            "[null,true]",
            "[null,true]",
        ),
        ("Tuple[int, str]", "[1,\"a\"]", "[1,\"a\"]"),
        (
            TALLY,
            r#"{"who":"ann","votes":3,"at":"low"}"#,
            r#"{"who":"ann","votes":3,"at":"low"}"#,
        ),
        (
            TALLY,
            r#"{"at":null,"votes":3,"who":"ann"}"#,
            r#"{"who":"ann","votes":3,"at":null}"#,
        ),
        (
            TALLY,
            r#"{"votes":3,"who":"ann"}"#,
            r#"{"who":"ann","votes":3,"at":null}"#,
        ),
        (
            TALLY,
            r#"{"who":"ann","at":"high","votes":3}"#,
            r#"{"who":"ann","votes":3,"at":"high"}"#,
        ),
        (
            TALLY,
            r#""{\"who\":\"ann\",\"votes\":3}""#,
            r#"{"who":"ann","votes":3,"at":null}"#,
        ),
        ("Level{low, high}", "\"high\"", "\"high\""),
        ("Level{low, high}", r#""\"high\"""#, "\"high\""),
        (
            "List[Point{x: int}]",
            r#"[{"x":1},{"x":2}]"#,
            r#"[{"x":1},{"x":2}]"#,
        ),
    ] {
        check(ty, json, printed);
    }
}

#[test]
fn a_value_of_another_type_is_refused_with_a_message() {
    for (ty, json, message) in [
        (
            "int",
            "7.0",
            "invalid type: floating point `7.0`, expected `int`",
        ),
        (
            "int",
            "9223372036854775808",
            "invalid value: integer `9223372036854775808`, expected an `int` of 64 bits",
        ),
        (
            "int",
            "true",
            "invalid type: boolean `true`, expected `int`",
        ),
        ("int", "\"x\"", "invalid type: string \"x\", expected `int`"),
        ("int", "null", "invalid type: null, expected `int`"),
        (
            "float",
            "9007199254740993",
            "invalid value: integer `9007199254740993`, expected an exact `float`",
        ),
        (
            "float",
            "\"nan\"",
            "invalid type: string \"nan\", expected `float`",
        ),
        ("float", "1e400", "number out of range"),
        ("bool", "1", "invalid type: integer `1`, expected `bool`"),
        ("str", "7", "invalid type: integer `7`, expected `str`"),
        (
            "bytes",
            "\"a\"",
            "invalid value: string \"a\", expected base64 of `bytes`",
        ),
        (
            "List[int]",
            "[1,\"2\"]",
            "invalid type: string \"2\", expected `int`",
        ),
        ("List[int]", "{}", "invalid type: map, expected `List[int]`"),
        ("Dict[str, int]", r#"{"a":1,"a":2}"#, "duplicate key `a`"),
        (
            "Dict[int, int]",
            r#"{"01":1}"#,
            "invalid value: string \"01\", expected the decimal digits of an `int`",
        ),
        (
            "Tuple[int, int]",
            "[1]",
            "invalid length 1, expected `Tuple[int, int]`",
        ),
        (
            "Tuple[int, int]",
            "[1,2,3]",
            "invalid length 3, expected `Tuple[int, int]`",
        ),
        ("str", r#""\ud800""#, "unexpected end of hex escape"),
        (TALLY, "[]", "invalid type: sequence, expected `Tally`"),
        (
            TALLY,
            r#"{"who":"ann"}"#,
            "the field `votes` of `Tally` is missing",
        ),
        (
            TALLY,
            r#"{"who":"a","who":"b","votes":3}"#,
            "duplicate field `who` of `Tally`",
        ),
        (
            TALLY,
            r#"{"who":"a","votes":3,"vote":1}"#,
            "`Tally` has no field `vote`; its fields are who, votes, at",
        ),
        (
            TALLY,
            r#"{"votes":3.5,"who":"a"}"#,
            "invalid type: floating point `3.5`, expected `int`",
        ),
        (
            "Level{low, high}",
            "\"top\"",
            "`top` is not an item of `Level`; its items are low, high",
        ),
        (
            "Level{low, high}",
            "1",
            "invalid type: integer `1`, expected `Level`",
        ),
    ] {
        check_refused(ty, json, message);
    }
}

#[test]
fn a_double_keeps_all_its_bits() {
    let mut random = fastrand::Rng::with_seed(1);
    for _ in 0..20_000 {
        let value = f64::from_bits(random.u64(..));
        let mut text = Vec::new();
        let mut back = Vec::new();
        write_float(value, &mut text);
        let text = String::from_utf8(text).expect("JSON");
        to_binary(&Type::Float, &text, &mut back).expect("a float");
        assert!(back == value.to_le_bytes() || value.is_nan(), "{text}");
    }
}
