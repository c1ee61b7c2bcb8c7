//! Types, and procedures that share a name.

use super::{check_service, check_services};

#[test]
fn unknown_and_malformed_types_are_refused() {
    check_service(
        r#"
rpcs:
  - name: rpc1
    arguments:
      a: inte
      b: List[List[sting]]
      c: "Dict[float, int]"
      d: Optional[Optional[int]]
      e: 'Tuple[]'
    returns: [Callable, int]
"#,
        &[
            "8:14 E070 bad type: there is no type `inte` -> did you mean `int`?",
            "9:24 E070 bad type: there is no type `sting` -> did you mean `string`?",
            "10:15 E070 bad type: the keys of a `Dict` must be `str` or `int`, not `float`",
            "11:14 E070 bad type: an `Optional` must not stand directly inside another `Optional`",
            "12:15 E070 bad type: `Tuple` takes one type or more: `Tuple[int, str]`",
            "13:19 E070 bad type: `Callable` is reserved for a later version",
        ],
    );
    check_service(
        r#"
rpcs:
  - { name: rpc1, arguments: [integer, double, boolean, 'Vec[int]', Tally, "\u0069nte", ''], returns: None }
"#,
        &[
            "6:35 E070 bad type: there is no type `integer` -> write `int`",
            "6:44 E070 bad type: there is no type `double` -> write `float`",
            "6:52 E070 bad type: there is no type `boolean` -> write `bool`",
            "6:62 E070 bad type: there is no type `Vec` -> write `List`",
            "6:73 E070 bad type: there is no type `Tally` -> the types are int, float, bool, str, bytes, List, Dict, Optional, Tuple",
            "6:80 E070 bad type: there is no type `inte` -> did you mean `int`?",
            "6:94 E070 bad type: a type is missing here",
            "6:107 E070 bad type: there is no type `None` -> leave out `returns` if the procedure returns nothing",
        ],
    );
    check_service(
        "
rpcs:
  - name: rpc1
    returns: >
      List[
      inte]
",
        &["8:11 E070 bad type: there is no type `inte` -> did you mean `int`?"],
    );
    check_service(
        "
rpcs:
  - { name: rpc1, arguments: { self: int, a-b: int, 1a: int } }
",
        &[
            "6:36 E030 invalid name `self`: `self` cannot be an identifier in Rust -> write `self_`, for example",
            "6:47 E030 invalid name `a-b`: a name may have only letters, digits and `_`, not `-` -> write `a_b`, for example",
            "6:57 E030 invalid name `1a`: a name must begin with a letter from A to Z, not with `1` -> write `a`, for example",
        ],
    );
}

#[test]
fn unsupported_forms_of_types_get_a_hint() {
    check_service(
        r"
rpcs:
  - { name: rpc1, arguments: [int = 3, Level.low, types.Tally, 'int[]', 'Union[int, str]', String, uint], returns: { a: int } }
",
        &[
            "6:39 E070 bad type: unexpected text after the type -> an argument cannot have a default; declare an overload instead",
            "6:44 E070 bad type: there is no type `Level` -> write the name of the type alone, without dots",
            "6:55 E070 bad type: there is no type `types` -> write the name of the type alone, without dots",
            "6:69 E070 bad type: `int` takes no parameters -> write a list as `List[int]`",
            "6:78 E070 bad type: there is no type `Union` -> write a value that may be absent as `Optional[int]`; for other unions, declare overloads",
            "6:96 E070 bad type: there is no type `String` -> write `str`",
            "6:104 E070 bad type: there is no type `uint` -> did you mean `int`?",
            "6:120 E022 `returns` must be a type or a list of types, not a mapping -> declare the record under `types`, and write its name here",
        ],
    );
}

#[test]
fn types_that_are_written_as_in_other_languages_get_a_hint() {
    check_service(
        r"
rpcs:
  - { name: rpc1, arguments: ['(int, str)', 'List<int>', 'int?', 'int | None', 'a: int', 'Vec<int>', '[int]'] }
",
        &[
            "6:36 E070 bad type: a type is missing here -> write several values as a list: `[int, str]`, or a tuple as `Tuple[int, str]`",
            "6:50 E070 bad type: `List` takes one type: `List[int]` -> write parameters in `[...]`: `List[int]`",
            "6:66 E070 bad type: unexpected text after the type -> write a value that may be absent as `Optional[int]`",
            "6:75 E070 bad type: unexpected text after the type -> write a value that may be absent as `Optional[int]`; other unions are not supported",
            "6:85 E070 bad type: there is no type `a` -> name all arguments in one mapping: `arguments: { a: int, b: str }`",
            "6:95 E070 bad type: there is no type `Vec` -> write parameters in `[...]`: `List[int]`",
            "6:107 E070 bad type: a type is missing here -> write a list as `List[int]`, or several values as a list of types: `[int, str]`",
        ],
    );
}

#[test]
fn overloads_differ_in_their_arguments_and_in_their_generated_names() {
    check_service(
        "
rpcs:
  - { name: add, arguments: [int], returns: int }
  - { name: add, arguments: { a: int }, returns: str }
  - { name: Add, arguments: [str] }
",
        &[
            "7:17 E071 there are two procedures `svc1.add(int)` @ 6:17 -> procedures with the same name must differ in the types of their arguments; return types do not count",
            "8:17 E032 the procedure `Add` differs from `add` only in upper and lower case @ 6:17 -> rename one of the two",
        ],
    );
    check_service(
        "
rpcs:
  - { name: add, arguments: [int] }
  - { name: add, arguments: [str] }
  - { name: add_int }
",
        &[
            "8:17 E072 two procedures would get the generated function `add_int` @ 6:17 -> rename one of the procedures",
        ],
    );
    check_service(
        r#"
rpcs:
  - { name: put, arguments: ["Tuple[int, str]"] }
  - { name: put, arguments: ["Tuple[int]", str] }
"#,
        &[
            "7:17 E072 two procedures would get the generated function `put_tuple_int_str` @ 6:17 -> rename one of the procedures",
        ],
    );
    check_service(
        "
rpcs:
  - { name: add_all, arguments: [int] }
  - { name: add_all, arguments: [str] }
  - { name: addAll, arguments: [int] }
  - { name: addAll, arguments: [str] }
",
        &[
            "8:17 E072 two procedures would get the generated trait `AddAllArgs` @ 6:17 -> rename one of the procedures",
        ],
    );
    check_service(
        "
rpcs:
  - { name: new }
  - { name: serve, arguments: [int] }
  - { name: a b }
",
        &[
            "6:17 E034 a procedure cannot be called `new` -> the generated client has a function of that name; rename the procedure",
            "7:17 E034 a procedure cannot be called `serve` -> the generated client has a function of that name; rename the procedure",
            "8:17 E030 invalid name `a b`: a name may have only letters, digits and `_`, not ` ` -> write `a_b`, for example",
        ],
    );
    check_service(
        "
rpcs:
  - { name: add, arguments: [inte] }
  - { name: add, arguments: [inte] }
",
        &[
            "6:34 E070 bad type: there is no type `inte` -> did you mean `int`?",
            "7:34 E070 bad type: there is no type `inte` -> did you mean `int`?",
        ],
    );
}

#[test]
fn a_signature_has_limits() {
    let ints = |count: usize| format!("[{}]", vec!["int"; count].join(", "));
    let service = |rpc: &str| format!("rpcs:\n  - {{ name: f, native: true, {rpc} }}\n");
    check_service(&service(&format!("returns: {}", ints(12))), &[]);
    check_service(
        &service(&format!("returns: {}", ints(13))),
        &["6:104 E076 `f` returns 13 values; the limit is 12 -> return a list or a record"],
    );
    check_service(&service(&format!("arguments: {}", ints(1000))), &[]);
    check_service(
        &service(&format!("arguments: {}", ints(1001))),
        &["6:5046 E076 `f` has 1001 arguments; the limit is 1000 -> take a list or a record"],
    );
    let records = |count: usize| {
        let fields: Vec<String> = (0..1000)
            .map(|field| format!("field_{field}: int"))
            .collect();
        format!(
            "types: {{ T: {{ {} }} }}\nservices: {{ s: {{ provider: server1, rpcs: [{{ name: f, native: true, arguments: [{}] }}] }} }}\n",
            fields.join(", "),
            vec!["T"; count].join(", ")
        )
    };
    check_services(&records(16), &[]);
    check_services(
        &records(17),
        &[
            "3:52 E076 the signature of `f` has 270238 bytes, with the fields of its records; the limit is 262144 -> use smaller records, or fewer of them",
        ],
    );
}

#[test]
fn a_deadline_has_a_limit() {
    let service =
        |deadline: &str| format!("rpcs:\n  - {{ name: f, native: true, deadline: {deadline} }}\n");
    check_service(&service("8784h"), &[]);
    check_service(
        &service("8785h"),
        &["6:44 E063 a deadline is at most 366 days, not `8785h`"],
    );
}
