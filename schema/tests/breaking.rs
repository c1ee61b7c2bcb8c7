//! Comparisons of two files that differ in one detail: which clients break, and why.

use std::path::Path;

use rpc_schema::breaking::{Contract, compare};

const INIT: &str = r#"
network:
  servers: { server1: { ip: 127.0.0.1, port: 7101 }, server2: { ip: 127.0.0.1, port: 7102 } }
  clients: { client1: { ip: 127.0.0.1 }, client2: { ip: 127.0.0.2 } }
types:
  Level: [low, high]
  Tally: { name: str, votes: int, level: Level }
services:
  svc1:
    provider: server1
    tenants: [client1, client2]
    rpcs:
      - { name: one, arguments: { a: int }, returns: str }
      - { name: two, arguments: [int], returns: int }
      - { name: two, arguments: [str], returns: str }
      - { name: three, arguments: ["List[Tally]"], returns: Level }
  svc2:
    provider: server2
    tenants: [client1]
    rpcs:
      - { name: find, arguments: ["Optional[int]"] }
"#;

fn contract(text: &str) -> Contract {
    let document = rpc_schema::parse(Path::new("init.yaml"), text);
    Contract::of(&document.unwrap_or_else(|report| panic!("{report}")).schema)
}

/// Replaces a part of the file and checks the changes. Each change is written `effect: message`.
fn check(old: &str, new: &str, expected: &[&str]) {
    assert!(INIT.contains(old), "{old}");
    let changes = compare(&contract(INIT), &contract(&INIT.replacen(old, new, 1)));
    let changes: Vec<String> = changes
        .iter()
        .map(|change| format!("{}: {change}", change.effect.as_str()))
        .collect();
    assert_eq!(changes, expected, "{old:?} -> {new:?}");
}

#[test]
fn a_change_that_does_not_affect_calls_breaks_nobody() {
    check("", "", &[]);
    check("{ a: int }", "{ b: int }", &[]);
    check("{ a: int }", "[integer]".replace("eger", "").as_str(), &[]);
    check(
        "returns: str }",
        "returns: str, deadline: 5s, doc: x, idempotent: true, path: a.py }",
        &[],
    );
    check(
        "    rpcs:",
        "    concurrency: 3\n    data: [a.txt]\n    rpcs:",
        &[],
    );
}

#[test]
fn a_removed_or_moved_service_breaks_its_clients() {
    check(
        "tenants: [client1, client2]",
        "tenants: [client2]",
        &["wire: `client1` can no longer call `svc1`: it is no longer a tenant"],
    );
    check(
        "provider: server2",
        "provider: server1",
        &["wire: `client1` can no longer call `svc2`: the service moved to another server"],
    );
    check(
        "7102",
        "7103",
        &[
            "wire: `client1` can no longer call `svc2`: `server2` listens on 127.0.0.1:7103 instead of 127.0.0.1:7102",
        ],
    );
    check(
        "127.0.0.2",
        "127.0.0.9",
        &[
            "wire: `client2` can no longer call `svc1`: its address is 127.0.0.9 instead of 127.0.0.2",
        ],
    );
    check(
        "client2: { ip: 127.0.0.2 }",
        "client2: {}",
        &[
            "wire: `client2` can no longer call `svc1`: its address 127.0.0.2 is gone, so it needs a certificate",
        ],
    );
    check(
        "  svc2:",
        "  svc3:",
        &[
            "wire: `client1` can no longer call `svc2`: the service is gone",
            "new: `client1` may call `svc3`: the service is new",
        ],
    );
}

#[test]
fn a_client_that_gets_an_address_can_call_as_before() {
    let without = INIT.replacen("client2: { ip: 127.0.0.2 }", "client2:", 1);
    assert_eq!(compare(&contract(&without), &contract(INIT)), []);
    assert_eq!(compare(&contract(&without), &contract(&without)), []);
}

#[test]
fn a_changed_signature_breaks_every_tenant() {
    check(
        "{ a: int }, returns: str",
        "{ a: int }, returns: int",
        &[
            "wire: `client1` can no longer call `svc1.one(int)`: it now returns (int)",
            "wire: `client2` can no longer call `svc1.one(int)`: it now returns (int)",
        ],
    );
    check(
        "\"Optional[int]\"",
        "\"Optional[int]\", int",
        &[
            "wire: `client1` can no longer call `svc2.find(Optional[int])`: it now takes (Optional[int], int)",
            "new: `client1` may call `svc2.find(Optional[int], int)`: the overload is new",
        ],
    );
    check(
        "      - { name: find, arguments: [\"Optional[int]\"] }\n",
        "",
        &["wire: `client1` can no longer call `svc2.find(Optional[int])`: the procedure is gone"],
    );
}

#[test]
fn a_changed_record_breaks_the_clients_that_call_with_it() {
    let both = |why: &str| {
        ["client1", "client2"].map(|client| {
            format!("wire: `{client}` can no longer call `svc1.three(List[Tally])`: {why}")
        })
    };
    for (old, new, why) in [
        (
            "votes: int",
            "votes: float",
            "the field `votes` of `Tally` was `int` and is `float`",
        ),
        (
            "votes: int, ",
            "",
            "the field `votes` of `Tally` was removed",
        ),
        (
            "votes: int",
            "votes: int, at: \"Optional[str]\"",
            "the field `at` of `Tally` was added",
        ),
        (
            "name: str, votes: int",
            "votes: int, name: str",
            "the order of the fields of `Tally` was `name, votes, level` and is `votes, name, level`",
        ),
        (
            "[low, high]",
            "[low, high, top]",
            "the item `top` of `Level` was added",
        ),
    ] {
        let expected = both(why);
        check(
            old,
            new,
            &expected.iter().map(String::as_str).collect::<Vec<_>>(),
        );
    }
}

#[test]
fn added_or_removed_overloads_break_rust_sources() {
    check(
        "      - { name: one,",
        "      - { name: one, arguments: [str] }\n      - { name: one,",
        &[
            "source: `client1` may have to change its calls of `svc1.one` in Rust: it now has overloads, so the types of the arguments decide what its function returns",
            "new: `client1` may call `svc1.one(str)`: the overload is new",
            "source: `client2` may have to change its calls of `svc1.one` in Rust: it now has overloads, so the types of the arguments decide what its function returns",
            "new: `client2` may call `svc1.one(str)`: the overload is new",
        ],
    );
    check(
        "  svc2:",
        "      - { name: two, arguments: [int, int] }\n  svc2:",
        &[
            "source: `client1` may have to change its calls of `svc1.two` in Rust: its overloads differ in their number of arguments, which are now passed as one value",
            "new: `client1` may call `svc1.two(int, int)`: the overload is new",
            "source: `client2` may have to change its calls of `svc1.two` in Rust: its overloads differ in their number of arguments, which are now passed as one value",
            "new: `client2` may call `svc1.two(int, int)`: the overload is new",
        ],
    );
    check(
        "      - { name: two, arguments: [str], returns: str }\n",
        "",
        &[
            "wire: `client1` can no longer call `svc1.two(str)`: the overload is gone",
            "source: `client1` may have to change its calls of `svc1.two` in Rust: it no longer has overloads, so its function takes exactly the declared types",
            "wire: `client2` can no longer call `svc1.two(str)`: the overload is gone",
            "source: `client2` may have to change its calls of `svc1.two` in Rust: it no longer has overloads, so its function takes exactly the declared types",
        ],
    );
    check(
        "      - { name: find, arguments: [\"Optional[int]\"] }",
        "      - { name: find, arguments: [\"Optional[int]\"] }\n      - { name: find, arguments: [\"Optional[str]\"] }",
        &[
            "source: `client1` may have to change its calls of `svc2.find` in Rust: it now has overloads, and each has only a function named after its types",
            "new: `client1` may call `svc2.find(Optional[str])`: the overload is new",
        ],
    );
    check(
        "  svc2:",
        "      - { name: two, arguments: [bool] }\n  svc2:",
        &[
            "new: `client1` may call `svc1.two(bool)`: the overload is new",
            "new: `client2` may call `svc1.two(bool)`: the overload is new",
        ],
    );
}

#[test]
fn a_list_that_begins_to_select_the_overload_breaks_rust_sources() {
    let with = |rpcs: &str| {
        let find = "      - { name: find, arguments: [\"Optional[int]\"] }\n";
        contract(&INIT.replace(find, &format!("{find}{rpcs}")))
    };
    let nested = "      - { name: put, arguments: [int, \"List[List[str]]\"] }\n      \
                  - { name: put, arguments: [str, \"List[List[str]]\"] }\n";
    let more = "      - { name: put, arguments: [int, int] }\n";
    let changes = compare(&with(nested), &with(&(nested.to_owned() + more)));
    let changes: Vec<String> = changes.iter().map(ToString::to_string).collect();
    assert_eq!(
        changes,
        [
            "`client1` may have to change its calls of `svc2.put` in Rust: other arguments now select its overload, and \
             lists can be passed for these arguments in fewer forms",
            "`client1` may call `svc2.put(int, int)`: the overload is new",
        ]
    );
}

#[test]
fn additions_break_nobody() {
    check(
        "tenants: [client1]\n",
        "tenants: [client1, client2]\n",
        &["new: `client2` may call `svc2`: it is now a tenant"],
    );
    check("types:\n", "types:\n  New: [a]\n", &[]);
}
