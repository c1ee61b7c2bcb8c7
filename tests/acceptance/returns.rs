//! The returned values of a procedure are checked against its declared types. The error message
//! names the wrong value's type and place.

use serde_json::{Value, json};

use crate::harness::{Framing, Network, Peer, Raises, request, returned};

/// A server with a procedure for each list of declared return types. The procedure evaluates a
/// Python expression and returns its value.
struct Evaluator {
    network: Network,
    declared: Vec<String>,
}

impl Evaluator {
    fn serving<'a>(returns: impl IntoIterator<Item = &'a str>) -> Self {
        let mut declared: Vec<String> = Vec::new();
        for types in returns {
            if !declared.iter().any(|known| known == types) {
                declared.push(types.to_owned());
            }
        }
        let source = |index| format!("def give{index}(code):\n    return eval(code, {{}})\n");
        let names: Vec<_> = (0..declared.len())
            .map(|index| (format!("give{index}"), source(index)))
            .collect();
        let procedures: Vec<_> = names
            .iter()
            .zip(&declared)
            .map(|((name, source), types)| (name.as_str(), "str", types.as_str(), source.as_str()))
            .collect();
        Self {
            network: Network::serving(&procedures),
            declared,
        }
    }

    fn ask(&self, peer: &mut Peer, declared: &str, code: &str) -> Value {
        let index = self
            .declared
            .iter()
            .position(|known| known == declared)
            .expect("a procedure");
        peer.call(
            request("svc1", &format!("give{index}"))
                .arg("str", code)
                .id(code),
        )
    }
}

/// Checks that each expression, returned with the declared types, gives the values. A case is
/// `(declared types, expression, values)`.
fn check(cases: &[(&str, &str, Value)]) {
    let evaluator = Evaluator::serving(cases.iter().map(|(declared, ..)| *declared));
    for framing in Framing::BOTH {
        let mut peer = evaluator.network.peer(framing);
        for (declared, code, values) in cases {
            let answer = evaluator.ask(&mut peer, declared, code);
            assert_eq!(returned(&answer), values, "{code} for {declared}");
        }
    }
}

/// Checks that each expression, returned with the declared types, is refused with the words.
fn check_wrong(cases: &[(&str, &str, &[&str])]) {
    let evaluator = Evaluator::serving(cases.iter().map(|(declared, ..)| *declared));
    for framing in Framing::BOTH {
        let mut peer = evaluator.network.peer(framing);
        for (declared, code, words) in cases {
            let answer = evaluator.ask(&mut peer, declared, code);
            Raises("Execution Exception", "yes", &["`svc1.give"]).check(&answer);
            Raises("Execution Exception", "yes", words).check(&answer);
            assert!(!answer.to_string().contains(" at ,"), "{answer}");
            assert_eq!(
                (
                    &answer["value"]["id"],
                    answer["value"].get("exception-kind")
                ),
                (&json!(code), None)
            );
        }
    }
}

#[test]
fn a_plain_value_of_a_wrong_type_is_named_with_the_declared_type() {
    check_wrong(&[
        ("int", "True", &["returned bool where `int` is declared"]),
        ("int", "7.0", &["returned float where `int` is declared"]),
        ("int", "'7'", &["returned str where `int` is declared"]),
        (
            "int",
            "None",
            &["returned NoneType where `int` is declared"],
        ),
        ("int", "2 ** 63", &["more than 64 bits"]),
        ("int", "-2 ** 63 - 1", &["more than 64 bits"]),
        ("int", "10 ** 5000", &["more than 64 bits"]),
        (
            "float",
            "True",
            &["returned bool where `float` is declared"],
        ),
        (
            "float",
            "'1.5'",
            &["returned str where `float` is declared"],
        ),
        (
            "float",
            "None",
            &["returned NoneType where `float` is declared"],
        ),
        ("float", "2 ** 53 + 1", &["no `float` holds exactly"]),
        ("float", "10 ** 400", &["no `float` holds exactly"]),
        (
            "float",
            "1j",
            &["returned complex where `float` is declared"],
        ),
        ("bool", "1", &["returned int where `bool` is declared"]),
        (
            "bool",
            "None",
            &["returned NoneType where `bool` is declared"],
        ),
        (
            "str",
            "None",
            &["returned NoneType where `str` is declared"],
        ),
        ("str", "b'a'", &["returned bytes where `str` is declared"]),
        ("str", "7", &["returned int where `str` is declared"]),
        ("str", "'\\ud800'", &["str with a lone surrogate"]),
        ("bytes", "'a'", &["returned str where `bytes` is declared"]),
        ("bytes", "[1]", &["returned list where `bytes` is declared"]),
        ("", "7", &["returned int where nothing is declared"]),
        ("", "()", &["returned tuple where nothing is declared"]),
        ("", "False", &["returned bool where nothing is declared"]),
    ]);
}

#[test]
#[expect(clippy::too_many_lines, reason = "a table of cases")]
fn a_nested_value_of_a_wrong_type_is_named_with_its_place() {
    check_wrong(&[
        (
            "List[int]",
            "(1, 2)",
            &["returned tuple where `List[int]` is declared"],
        ),
        (
            "List[int]",
            "None",
            &["returned NoneType where `List[int]` is declared"],
        ),
        (
            "List[int]",
            "{1}",
            &["returned set where `List[int]` is declared"],
        ),
        (
            "List[int]",
            "range(3)",
            &["returned range where `List[int]` is declared"],
        ),
        (
            "List[int]",
            "(x for x in [1])",
            &["returned generator where `List[int]` is declared"],
        ),
        (
            "List[int]",
            "[1, 2, 'c']",
            &["returned str where `int` is declared at [2]"],
        ),
        (
            "List[int]",
            "[1, True]",
            &["returned bool where `int` is declared at [1]"],
        ),
        ("List[int]", "[1, 2 ** 63]", &["more than 64 bits at [1]"]),
        ("List[str]", "['a', '\\udfff']", &["lone surrogate at [1]"]),
        (
            "List[float]",
            "[1.5, 2 ** 53 + 1]",
            &["no `float` holds exactly at [1]"],
        ),
        (
            "Dict[str, int]",
            "[]",
            &["returned list where `Dict[str, int]` is declared"],
        ),
        (
            "Dict[str, int]",
            "{'a': 1, 'b': 'c'}",
            &["returned str where `int` is declared at ['b']"],
        ),
        (
            "Dict[str, int]",
            "{7: 1}",
            &["returned int where `str` is declared at ", "key 7"],
        ),
        (
            "Dict[int, str]",
            "{'1': 'x'}",
            &["returned str where `int` is declared at ", "key '1'"],
        ),
        (
            "Dict[int, str]",
            "{True: 'x'}",
            &["returned bool where `int` is declared at ", "key True"],
        ),
        (
            "Dict[str, int]",
            "{'\\ud800': 1}",
            &["lone surrogate at ", "key"],
        ),
        (
            "Optional[int]",
            "'x'",
            &["returned str where `int` is declared"],
        ),
        (
            "Tuple[int, str]",
            "[1, 'a']",
            &["returned list where `Tuple[int, str]` is declared"],
        ),
        (
            "Tuple[int, str]",
            "(1,)",
            &["a tuple of length 1 where `Tuple[int, str]` is declared"],
        ),
        (
            "Tuple[int, str]",
            "(1, 'a', 2)",
            &["a tuple of length 3 where `Tuple[int, str]` is declared"],
        ),
        (
            "Tuple[int, str]",
            "(1, 2)",
            &["returned int where `str` is declared at [1]"],
        ),
        (
            "List[Tuple[int, Optional[str]]]",
            "[(1, None), (2, 3)]",
            &["returned int where `str` is declared at [1][1]"],
        ),
        (
            "Dict[str, List[float]]",
            "{'a': [1.5, 'x']}",
            &["returned str where `float` is declared at ['a'][1]"],
        ),
        (
            "Dict[str, Dict[int, bool]]",
            "{'a': {2: 3}}",
            &["returned int where `bool` is declared at ['a'][2]"],
        ),
        (
            "Dict[str, Dict[int, bool]]",
            "{'a': {'b': True}}",
            &["returned str where `int` is declared at ['a']", "key 'b'"],
        ),
        (
            "int, str",
            "7",
            &["returned int where `Tuple[int, str]` is declared"],
        ),
        (
            "int, str",
            "[1, 'a']",
            &["returned list where `Tuple[int, str]` is declared"],
        ),
        (
            "int, str",
            "(1, 'a', 2)",
            &["a tuple of length 3 where `Tuple[int, str]` is declared"],
        ),
        (
            "int, str",
            "(1, None)",
            &["returned NoneType where `str` is declared at [1]"],
        ),
    ]);
}

#[test]
fn values_that_fit_the_declared_types_are_returned() {
    check(&[
        ("int", "2 ** 63 - 1", json!([i64::MAX])),
        ("int", "-2 ** 63", json!([i64::MIN])),
        ("int", "type('Seven', (int,), {})(7)", json!([7])),
        ("float", "7", json!([7.0])),
        ("float", "2 ** 53", json!([9_007_199_254_740_992.0])),
        ("float", "float('nan')", json!(["NaN"])),
        ("float", "-1e999", json!(["-Infinity"])),
        ("float", "type('Half', (float,), {})(0.5)", json!([0.5])),
        ("str", "type('Text', (str,), {})('a')", json!(["a"])),
        ("List[float]", "[1, 2.5]", json!([[1.0, 2.5]])),
        ("Optional[float]", "None", json!([null])),
        ("Optional[float]", "1", json!([1.0])),
        (
            "Tuple[int, str]",
            "__import__('collections').namedtuple('Pair', 'a b')(1, 'x')",
            json!([[1, "x"]]),
        ),
        (
            "Dict[int, str]",
            "__import__('collections').OrderedDict({1: 'x'})",
            json!([{ "1": "x" }]),
        ),
        ("int, str", "(1, 'a')", json!([1, "a"])),
        (
            "Tuple[int, str], bool",
            "((1, 'a'), True)",
            json!([[1, "a"], true]),
        ),
        ("", "None", json!([])),
    ]);
}

#[test]
fn an_object_that_raises_while_it_is_read_fails_its_own_call_alone() {
    let hostile = "type('Odd', (), {'__repr__': lambda self: 1 / 0, '__hash__': lambda self: 1})()";
    let items = "type('Odd', (dict,), {'items': lambda self: 1 / 0})()";
    let iterate = "type('Odd', (list,), {'__iter__': lambda self: 1 / 0})([1])";
    let evaluator = Evaluator::serving(["Dict[str, int]", "List[int]", "int"]);
    let mut peer = evaluator.network.peer(Framing::Lines);
    let pid = evaluator.ask(&mut peer, "int", "__import__('os').getpid()");
    for (declared, code) in [
        ("Dict[str, int]", format!("{{{hostile}: 1}}")),
        ("Dict[str, int]", items.to_owned()),
        ("List[int]", iterate.to_owned()),
    ] {
        let answer = evaluator.ask(&mut peer, declared, &code);
        Raises("Execution Exception", "yes", &[]).check(&answer);
        let pid_after = evaluator.ask(&mut peer, "int", "__import__('os').getpid()");
        assert_eq!(
            returned(&pid_after),
            returned(&pid),
            "the worker died of {code}"
        );
    }
}
