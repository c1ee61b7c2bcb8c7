//! Records and enumerations.

use super::check;

/// Checks the entries under `types`. Their first line is line 3 of the file.
fn check_types(types: &str, expected: &[&str]) {
    let types = types.trim_matches('\n').replace('\n', "\n  ");
    check(&format!("network: {{}}\ntypes:\n  {types}\n"), expected);
}

#[test]
fn a_type_has_fields_by_name_or_a_list_of_items() {
    check_types(
        r#"
Tally: { candidate: str, votes: int, at: "Optional[Level]" }
Level: [low, normal, high]
Ballot: { doc: one vote, fields: { fields: "List[Tally]", items: int } }
Mood: { doc: how it goes, items: [and, or] }
Short: { fields: str, items: int, doc: str }
Half: { fields: ~, items: [a] }
"#,
        &[],
    );
    check(
        "
network: {}
types:
  - { name: Tally, fields: { votes: int } }
  - { name: Level, items: [low, high], doc: how high }
",
        &[],
    );
    check_types(
        "
Tally: List[int]
Level:
Empty: {}
Nothing: []
Both: { fields: { a: int }, items: [b] }
Bad: { fields: { a: int }, field: 1 }
Listed: { fields: [a, b] }
Nested: { home: { street: str }, size: [small, large] }
",
        &[
            "3:10 E022 `Tally` must be a mapping of fields to types, or a list of items, not text -> write a record as `{ name: str, age: int }`, an enumeration as `[low, high]`",
            "4:3 E022 `Level` must be a mapping of fields to types, or a list of items, not an empty value -> write a record as `{ name: str, age: int }`, an enumeration as `[low, high]`",
            "5:3 E074 `Empty` is empty; it needs at least one field or item",
            "6:3 E074 `Nothing` is empty; it needs at least one field or item",
            "7:3 E074 this type has both fields and items -> write `{ name: str, age: int }` for a record, `[low, high]` for an enumeration",
            "8:30 E020 unknown key `field` -> did you mean `fields`?",
            "9:21 E022 `fields` must be text, not a list -> write the fields as a mapping of names to types: `fields: { name: str, age: int }`",
            "10:19 E022 `home` must be text, not a mapping -> declare the record under `types`, and write its name here",
            "10:42 E022 `size` must be text, not a list -> write a list as `List[int]`; declare an enumeration under `types`: `Level: [low, high]`",
        ],
    );
    check(
        "
network: {}
types: [{ name: Tally }]
",
        &[
            "2:17 E074 this type has neither fields nor items -> write `{ name: str, age: int }` for a record, `[low, high]` for an enumeration",
        ],
    );
    check(
        "network: {}\ntypes: Tally\n",
        &["2:8 E022 `types` must be a mapping of names to entries, or a list, not text"],
    );
}

#[test]
fn members_have_unique_names_and_known_types() {
    check_types(
        "
Tally: { candidate: sting, 9lives: int, votes: Levle, x: 'Tally2{a: int}' }
Level: [low, 'a b', low, true]
Loud: [not_found, NOT_FOUND, self]
",
        &[
            "3:23 E070 bad type: there is no type `sting` -> did you mean `string`?",
            "3:30 E030 invalid name `9lives`: a name must begin with a letter from A to Z, not with `9` -> write `lives`, for example",
            "3:50 E070 bad type: there is no type `Levle` -> did you mean `Level`?",
            "3:67 E070 bad type: braces are not allowed here -> declare the record or the enumeration under `types`, and write its name here",
            "4:16 E030 invalid item `a b`: a name may have only letters, digits and `_`, not ` `",
            "4:28 E022 an item of `items` must be text, not true or false -> put it in quotes",
            "5:21 E072 two items would get the generated variant `NotFound` @ 5:10 -> rename one of the items",
            "5:32 E030 invalid item `self`: `self` cannot be an identifier in Rust",
        ],
    );
    check_types(
        "Level: [low, high, low]",
        &["3:3 E074 `Level` has `low` twice"],
    );
}

#[test]
fn names_of_types_are_unique_and_not_reserved() {
    check_types(
        "
List: { a: int }
String: { a: int }
Tally: { a: int }
tally: { a: int }
",
        &[
            "3:3 E034 a record or an enumeration cannot be called `List` -> the name has a meaning of its own in `init.yaml` or in Rust; rename the type",
            "4:3 E034 a record or an enumeration cannot be called `String` -> the name has a meaning of its own in `init.yaml` or in Rust; rename the type",
            "6:3 E032 the type `tally` differs from `Tally` only in upper and lower case @ 5:3 -> rename one of the two",
        ],
    );
    check(
        "
network: {}
types:
  - { name: Tally, fields: { a: int } }
  - { name: Tally, items: [a] }
",
        &["4:13 E031 there are two types called `Tally` @ 3:13"],
    );
}

#[test]
fn a_record_does_not_contain_itself() {
    check_types(
        "
Tree: { left: 'Optional[Tree]', size: int }
A: { b: 'List[B]' }
B: { c: C }
C: { a: 'Dict[str, A]' }
D: { b: B }
",
        &[
            "3:27 E073 the record `Tree` contains itself -> store a name or a number of the other record instead of the record",
            "6:22 E073 the record `A` contains itself -> store a name or a number of the other record instead of the record",
        ],
    );
}

#[test]
fn a_mistake_in_a_type_is_reported_only_where_the_type_is_declared() {
    check(
        r#"
network: { servers: { server1: { ip: 127.0.0.1, port: 7101 } } }
types: { Tally: { votes: inte }, Box: { tally: Tally } }
services: { s: { provider: server1, rpcs: [{ name: r, arguments: [Box, Tally], returns: "List[Tally]" }] } }
"#,
        &["2:26 E070 bad type: there is no type `inte` -> did you mean `int`?"],
    );
}

#[test]
fn a_type_has_a_limited_size() {
    let link = |n: usize| format!("T{n}: {{ a: T{} }}\n", n + 1);
    let chain: String = (0..40).map(link).collect();
    check_types(
        &format!("{chain}T40: {{ a: int }}"),
        &["35:3 E075 a type may nest at most 32 levels deep"],
    );
    let twice = |n: usize| format!("T{n}: {{ a: T{0}, b: T{0} }}\n", n - 1);
    let double: String = (1..15).map(twice).collect();
    check_types(
        &format!("{double}T0: {{ a: int }}"),
        &[
            "14:3 E075 a type may contain at most 10000 types; the types inside a record count each time the record is used",
        ],
    );
    let field = |n: usize| format!("a{n}: int, ");
    let fields: String = (0..1001).map(field).collect();
    check_types(
        &format!("T: {{ {fields} }}"),
        &["3:3 E074 `T` has more than 1000 members"],
    );
    check(
        &format!("network: {{}}\ntypes: [{{ name: T, fields: {{ {fields} }} }}]\n"),
        &["2:17 E074 `T` has more than 1000 members"],
    );
}

#[test]
fn a_chain_of_ten_thousand_records_is_checked_without_a_deep_stack() {
    let link = |n: usize| format!("  T{n}: {{ a: T{} }}\n", n + 1);
    let chain: String = (0..10_000).map(link).collect();
    let text = format!("network: {{}}\ntypes:\n{chain}  T10000: {{ a: int }}\n");
    let report = rpc_schema::parse(std::path::Path::new("init.yaml"), &text).expect_err("too deep");
    assert!(
        report
            .findings
            .iter()
            .all(|finding| finding.message == "a type may nest at most 32 levels deep")
    );
}

#[test]
fn no_module_has_the_name_of_the_types_module() {
    super::check_service(
        "modules: [lib/rpc_types.py]",
        &[
            "5:15 E034 a module cannot be called `rpc_types` -> the name is reserved for the module of records and enumerations; rename the file",
        ],
    );
}
