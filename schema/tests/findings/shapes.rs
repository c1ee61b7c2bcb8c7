//! Unknown keys, missing keys, and values of the wrong kind.

use super::{check, check_service};

#[test]
fn the_file_has_only_its_known_keys_and_free_keys_that_begin_with_x() {
    check(
        "
network: {}
service: {}
foo: 1
x-foo: 1
",
        &[
            "2:1 E020 unknown key `service` -> did you mean `services`?",
            "3:1 E020 unknown key `foo`",
        ],
    );
    check(
        "services: {}\n",
        &["1:1 E021 the file has no `network` -> add `network: { servers: ..., clients: ... }`"],
    );
    check(
        "network:\n",
        &["1:1 E021 `network` has no value -> write `network: { servers: ..., clients: ... }`"],
    );
    check(
        "
network: []
services: 7
",
        &[
            "1:10 E022 `network` must be a mapping, not a list",
            "2:11 E022 `services` must be a mapping of names to entries, or a list, not a number",
        ],
    );
}

#[test]
fn the_only_version_is_one() {
    check(
        "
version: 2
network: {}
",
        &["1:10 E023 there is no version 2 of this format -> write `version: 1`"],
    );
    check(
        "
version: '1'
network: {}
",
        &["1:10 E022 `version` must be an integer, not text -> remove the quotes"],
    );
    check(
        "
version: 1.5
network: {}
",
        &["1:10 E022 `version` must be an integer, not a number with a fraction"],
    );
}

#[test]
fn servers_and_clients_are_entries_with_an_address() {
    check(
        "
network:
  servers:
    server1: { ip: 127.0.0.1, prot: 7101 }
    server2: 127.0.0.1
    server3:
    server4: { ip: 1, port: }
    server5: { name: server5, ip: '::1', port: '7101' }
  clients: client1
  deployers: ops
",
        &[
            "3:5 E021 `server1` has no `port` -> add `port: 7101`",
            "3:31 E020 unknown key `prot` -> did you mean `port`?",
            "4:14 E022 `server2` must be a mapping, not text -> write its keys below it, or in `{...}`",
            "5:5 E021 `server3` has no `ip` -> add `ip: 127.0.0.1`",
            "5:5 E021 `server3` has no `port` -> add `port: 7101`",
            "6:20 E022 `ip` must be text, not a number -> put it in quotes",
            "6:23 E021 `port` has no value -> write `port: 7101`",
            "7:16 E020 unknown key `name` -> remove it; the key `server5` is the name",
            "7:48 E022 `port` must be an integer, not text -> remove the quotes",
            "8:12 E022 `clients` must be a mapping of names to entries, or a list, not text",
            "9:14 E022 `deployers` must be a list, not text -> write it as a list: `[ops]`",
        ],
    );
    check(
        "
network:
  servers:
    - { ip: 127.0.0.1, port: 1 }
    - server2
    - { name: 3, ip: 127.0.0.1, port: 3 }
services: { s: { provider: server9 } }
",
        &[
            "3:7 E021 an item of `servers` has no `name` -> add `name: ...`",
            "4:7 E022 an item of `servers` must be a mapping, not text -> write its keys below it, or in `{...}`",
            "5:15 E022 `name` must be text, not a number -> put it in quotes",
        ],
    );
    check(
        "
network: { servers: [], clients: 7 }
services: { s: { provider: server1, tenants: [client1] } }
",
        &["1:34 E022 `clients` must be a mapping of names to entries, or a list, not a number"],
    );
}

#[test]
fn lists_are_written_as_lists() {
    check_service(
        "tenants: client1\n",
        &["5:14 E022 `tenants` must be a list, not text -> write it as a list: `[client1]`"],
    );
    check_service(
        "tenants: [client1, 7, ]\n",
        &["5:24 E022 an item of `tenants` must be text, not a number -> put it in quotes"],
    );
    check_service(
        "rpcs: { rpc1: {} }\n",
        &[
            "5:11 E022 `rpcs` must be a list, not a mapping -> write each entry as an item of a list: `- name: ...`",
        ],
    );
}

#[test]
fn procedures_are_mappings_with_a_name() {
    check_service(
        "
rpcs:
  - rpc1
  -
  - { doc: x }
  - { name: }
",
        &[
            "6:9 E022 a procedure must be a mapping, not text -> write its keys below it, or in `{...}`",
            "7:8 E022 a procedure must be a mapping, not an empty value",
            "8:9 E021 a procedure has no `name` -> add `name: rpc1`",
            "9:11 E021 `name` has no value -> write `name: rpc1`",
        ],
    );
    check_service(
        "
rpcs:
  - { name: rpc1, args: [int], timeout: 5s, native: yes, idempotent: 1 }
",
        &[
            "6:23 E020 unknown key `args` -> write `arguments`",
            "6:36 E020 unknown key `timeout` -> write `deadline`",
            "6:57 E022 `native` must be `true` or `false`, not text -> write `true`",
            "6:74 E022 `idempotent` must be `true` or `false`, not a number",
        ],
    );
}

#[test]
fn arguments_and_returns_are_types() {
    check_service(
        "
rpcs:
  - { name: rpc1, arguments: int }
  - { name: rpc2, arguments: { a: [int], b: }, returns: { a: int } }
  - { name: rpc3, arguments: [{ a: int }] }
",
        &[
            "6:34 E022 `arguments` must be a mapping of names to types, or a list of types, not text -> write it as a list: `[int]`",
            "7:39 E022 `a` must be text, not a list -> write a list as `List[int]`; declare an enumeration under `types`: `Level: [low, high]`",
            "7:46 E022 `b` must be text, not an empty value",
            "7:61 E022 `returns` must be a type or a list of types, not a mapping -> declare the record under `types`, and write its name here",
            "8:35 E022 an item of `arguments` must be text, not a mapping -> name all arguments in one mapping: `arguments: { a: int, b: str }`",
        ],
    );
    check_service(
        "
rpcs:
  - name: rpc1
    arguments: List[int]
    doc: 5
    path: true
    deadline: 5
",
        &[
            "7:20 E022 `arguments` must be a mapping of names to types, or a list of types, not text -> write it as a list: `[\"List[int]\"]`",
            "8:14 E022 `doc` must be text, not a number -> put it in quotes",
            "9:15 E022 `path` must be text, not true or false -> put it in quotes",
            "10:19 E063 `deadline` has no unit: `5` -> add a unit, as in `5s`",
        ],
    );
}

#[test]
fn the_other_keys_of_a_service_have_their_kinds() {
    check_service(
        "allow: { connect: [http], memory: 512, raed: [/srv] }\n",
        &[
            "5:24 E022 an item of `connect` must be an integer, not text",
            "5:39 E064 `memory` has no unit: `512` -> add a unit, as in `512MiB`",
            "5:44 E020 unknown key `raed` -> did you mean `read`?",
        ],
    );
    check_service(
        "concurrency: many\n",
        &["5:18 E022 `concurrency` must be an integer, not text"],
    );
    check_service(
        "
allow: true
modules: { a: b }
",
        &[
            "5:12 E022 `allow` must be a mapping, not true or false",
            "6:14 E022 `modules` must be a list, not a mapping",
        ],
    );
}

#[test]
fn the_hint_for_a_key_in_the_wrong_mapping_names_the_right_one() {
    check(
        "
network:
  servers: {}
  services: {}
tenants: []
x-a: {}
",
        &[
            "3:3 E020 unknown key `services` -> `services` belongs at the top of the file, beside `network`",
            "4:1 E020 unknown key `tenants` -> `tenants` is a key of a service; indent it, so that it belongs there",
        ],
    );
    check_service(
        "
deadline: 5s
rpcs: [{ name: rpc1, concurrency: 1, memory: 1MiB, port: 1 }]
",
        &[
            "5:5 E020 unknown key `deadline` -> `deadline` is a key of a procedure, an item of `rpcs`",
            "6:26 E020 unknown key `concurrency` -> `concurrency` is a key of a service",
            "6:42 E020 unknown key `memory` -> `memory` is a key of `allow`",
            "6:56 E020 unknown key `port` -> `port` is a key of a server",
        ],
    );
}

#[test]
fn a_text_in_a_hint_is_quoted_where_it_must_be() {
    check_service(
        "tenants: '*'\n",
        &["5:14 E022 `tenants` must be a list, not text -> write it as a list: `[\"*\"]`"],
    );
}

#[test]
fn a_base_must_be_readable() {
    check(
        "extends: none.yaml\n",
        &[
            "1:10 E024 cannot read `none.yaml`: there is no such file -> `extends` is relative to the folder of this file",
        ],
    );
}
