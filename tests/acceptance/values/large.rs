//! Deeply nested values and long values.

use serde_json::{Value, json};

use super::{Echo, ask};
use crate::harness::{Framing, Raises};

/// Returns the type `List[...List[int]]` that is `depth` levels deep, and a value of it.
fn nested(depth: usize) -> (String, String) {
    let open = "List[".repeat(depth - 1);
    let close = "]".repeat(depth - 1);
    (
        format!("{open}int{close}"),
        format!("{}7{close}", "[".repeat(depth - 1)),
    )
}

#[test]
fn types_nest_to_the_depth_limit_and_no_deeper() {
    let mixed = format!(
        "{}int{}",
        "Dict[str, Tuple[Optional[List[".repeat(7),
        "]]]]".repeat(7)
    );
    let value = format!("{}7{}", "{\"a\":[[".repeat(7), "]]}".repeat(7));
    let (deep, argument) = nested(32);
    let echo = Echo::serving([deep.as_str(), &mixed], |ty| (ty.to_owned(), "value"));
    for framing in Framing::BOTH {
        let mut peer = echo.peer(framing);
        for (ty, argument) in [(&deep, &argument), (&mixed, &value)] {
            let answer = echo.ask(&mut peer, ty, argument);
            assert!(
                answer.contains(&format!("\"return-values\":[{argument}]")),
                "{ty}: {answer}"
            );
        }
        let (deeper, argument) = nested(33);
        let answer = serde_json::from_str(&ask(&mut peer, 0, &deeper, &argument)).expect("JSON");
        Raises("Invalid Arguments", "no", &["32 levels deep"]).check(&answer);
    }
}

#[test]
fn long_values_are_returned_unchanged() {
    let text = "aä😀\u{0}".repeat(150_000);
    let cases: [(&str, Value, &[Framing]); 5] = [
        ("str", json!(text), &Framing::BOTH),
        ("bytes", json!("AAEC".repeat(350_000)), &[Framing::Lines]),
        (
            "List[int]",
            (0..100_000)
                .map(|index| json!(i64::from(index) * 92_233_720_368_547))
                .collect(),
            &Framing::BOTH,
        ),
        (
            "List[str]",
            (0..100_000).map(|index| json!(index.to_string())).collect(),
            &[Framing::Lines],
        ),
        (
            "Dict[int, Tuple[bool]]",
            Value::Object(
                (0..20_000)
                    .map(|index| (index.to_string(), json!([true])))
                    .collect(),
            ),
            &[Framing::Framed],
        ),
    ];
    let echo = Echo::serving(cases.iter().map(|(ty, ..)| *ty), |ty| {
        (ty.to_owned(), "value")
    });
    for (ty, value, framings) in &cases {
        for framing in *framings {
            let mut peer = echo.peer(*framing);
            let answer: Value =
                serde_json::from_str(&echo.ask(&mut peer, ty, &value.to_string())).expect("JSON");
            assert!(
                answer["value"]["return-values"][0] == *value,
                "{ty}: {answer:.300}"
            );
        }
    }
}
