//! Types, and procedures of one name.

use super::check_service;

#[test]
fn types_are_those_of_the_table() {
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
            "10:15 E070 bad type: a `Dict` is keyed by `str` or `int`, not by `float`",
            "11:14 E070 bad type: an `Optional` directly inside an `Optional` says nothing more",
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
            "6:107 E070 bad type: there is no type `None` -> a procedure that returns nothing has no `returns`",
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
            "6:36 E030 `self` is no name: `self` cannot be an identifier in Rust -> write `self_`, for example",
            "6:47 E030 `a-b` is no name: a name has only letters, digits and `_`, not `-` -> write `a_b`, for example",
            "6:57 E030 `1a` is no name: a name begins with a letter from A to Z, not with `1` -> write `a`, for example",
        ],
    );
}

#[test]
fn what_types_do_not_have_is_said() {
    check_service(
        r"
rpcs:
  - { name: rpc1, arguments: [int = 3, Level.low, types.Tally, 'int[]', 'Union[int, str]', String, uint], returns: { a: int } }
",
        &[
            "6:39 E070 bad type: this is more than one type -> no argument has a default; declare an overload",
            "6:44 E070 bad type: there is no type `Level` -> a type is one name, without dots",
            "6:55 E070 bad type: there is no type `types` -> a type is one name, without dots",
            "6:69 E070 bad type: `int` takes no parameters -> a list is `List[int]`",
            "6:78 E070 bad type: there is no type `Union` -> an absent value is `Optional[int]`; for other unions declare overloads",
            "6:96 E070 bad type: there is no type `String` -> write `str`",
            "6:104 E070 bad type: there is no type `uint` -> did you mean `int`?",
            "6:120 E022 `returns` must be a type or a list of types, not a mapping -> a record is declared under `types`; here stands its name",
        ],
    );
}

#[test]
fn types_in_the_spelling_of_other_languages_are_translated() {
    check_service(
        r"
rpcs:
  - { name: rpc1, arguments: ['(int, str)', 'List<int>', 'int?', 'int | None', 'a: int', 'Vec<int>', '[int]'] }
",
        &[
            "6:36 E070 bad type: a type is missing here -> several values are a list: `[int, str]`; a tuple is `Tuple[int, str]`",
            "6:50 E070 bad type: `List` takes one type: `List[int]` -> parameters stand in `[...]`: `List[int]`",
            "6:66 E070 bad type: this is more than one type -> a value that may be absent is `Optional[int]`",
            "6:75 E070 bad type: this is more than one type -> a value that may be absent is `Optional[int]`; there are no other unions",
            "6:85 E070 bad type: there is no type `a` -> name all arguments in one mapping: `arguments: { a: int, b: str }`",
            "6:95 E070 bad type: there is no type `Vec` -> parameters stand in `[...]`: `List[int]`",
            "6:107 E070 bad type: a type is missing here -> a list is `List[int]`; several values are a list of types: `[int, str]`",
        ],
    );
}

#[test]
fn overloads_have_different_arguments_and_names() {
    check_service(
        "
rpcs:
  - { name: add, arguments: [int], returns: int }
  - { name: add, arguments: { a: int }, returns: str }
  - { name: Add, arguments: [str] }
",
        &[
            "7:17 E071 there are two procedures `svc1.add(int)` @ 6:17 -> procedures of one name differ in the types of their arguments, not in what they return",
            "8:17 E032 the procedure `Add` differs from `add` in upper and lower case alone @ 6:17 -> rename one of the two",
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
            "8:17 E072 the generated function `add_int` would stand for two procedures @ 6:17 -> rename one of the procedures",
        ],
    );
    check_service(
        r#"
rpcs:
  - { name: put, arguments: ["Tuple[int, str]"] }
  - { name: put, arguments: ["Tuple[int]", str] }
"#,
        &[
            "7:17 E072 the generated function `put_tuple_int_str` would stand for two procedures @ 6:17 -> rename one of the procedures",
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
            "8:17 E072 the generated trait `AddAllArgs` would stand for two procedures @ 6:17 -> rename one of the procedures",
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
            "6:17 E034 no procedure can be called `new` -> the generated client has a function of that name; rename the procedure",
            "7:17 E034 no procedure can be called `serve` -> the generated client has a function of that name; rename the procedure",
            "8:17 E030 `a b` is no name: a name has only letters, digits and `_`, not ` ` -> write `a_b`, for example",
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
