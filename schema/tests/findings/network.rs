//! Servers, clients and deployers.

use super::check;

#[test]
fn addresses_are_literal_and_not_shared() {
    check(
        "
network:
  servers:
    server1: { ip: localhost, port: 0 }
    server2: { ip: '127.0.0.1:80', port: 65536 }
    server3: { ip: 127.0.0.300, port: -1 }
  clients:
    client1: { ip: example.org }
",
        &[
            "3:20 E040 invalid IP address `localhost` -> write `127.0.0.1`",
            "3:37 E041 a port is between 1 and 65535, not 0",
            "4:20 E040 invalid IP address `127.0.0.1:80` -> write the port under its own key, `port`",
            "4:42 E041 a port is between 1 and 65535, not 65536",
            "5:20 E040 invalid IP address `127.0.0.300` -> write four numbers as in `127.0.0.1`, or an IPv6 address as in `\"::1\"`; host names are not looked up",
            "5:39 E041 a port is between 1 and 65535, not -1",
            "7:20 E040 invalid IP address `example.org` -> write four numbers as in `127.0.0.1`, or an IPv6 address as in `\"::1\"`; host names are not looked up",
        ],
    );
    check(
        "
network:
  servers:
    server1: { ip: 127.0.0.1, port: 7101 }
    server2: { ip: '::ffff:127.0.0.1', port: 7101 }
",
        &[
            "4:46 E042 two servers listen on `[::ffff:127.0.0.1]:7101` @ 3:37 -> give one of them another port",
        ],
    );
}

#[test]
fn an_address_that_nobody_can_call_is_refused() {
    for (ip, what) in [
        ("0.0.0.0", "the address of no machine"),
        ("::", "the address of no machine"),
        ("::ffff:0.0.0.0", "the address of no machine"),
        ("224.0.0.1", "a multicast address"),
        ("ff02::1", "a multicast address"),
        ("255.255.255.255", "the broadcast address"),
        ("fe80::1", "an address of each interface"),
    ] {
        check(
            &format!(
                "network:\n  servers: {{ s: {{ ip: '{ip}', port: 1 }} }}\n  clients: {{ c: {{ ip: '{ip}' }} }}\n"
            ),
            &[
                &format!(
                    "2:23 E040 `{ip}` is {what}, which nobody can call -> write the address of one machine, such as `127.0.0.1`"
                ),
                &format!(
                    "3:23 E040 `{ip}` is {what}, which nobody can call -> write the address of one machine, such as `127.0.0.1`"
                ),
            ],
        );
    }
}

#[test]
fn a_client_needs_no_ip() {
    for clients in [
        "{ ci: {}, home: { ip: 127.0.0.1 } }",
        "{ ci: , home: { ip: }, work: { ip: ~ } }",
        "[{ name: ci }, { name: home, ip: }]",
    ] {
        check(&format!("network: {{ clients: {clients} }}\n"), &[]);
    }
    check(
        "network: { clients: { a: { ip: x }, b: 127.0.0.1, c: { ip: 7 }, d: { pi: 127.0.0.1 } } }\n",
        &[
            "1:32 E040 invalid IP address `x` -> write four numbers as in `127.0.0.1`, or an IPv6 address as in `\"::1\"`; host names are not looked up",
            "1:40 E022 `b` must be a mapping, not text -> write its keys below it, or in `{...}`",
            "1:60 E022 `ip` must be text, not a number -> put it in quotes",
            "1:70 E020 unknown key `pi` -> did you mean `ip`?",
        ],
    );
}

#[test]
fn a_name_has_at_most_200_characters() {
    let client = |length: usize| {
        format!(
            "network: {{ clients: {{ {}: {{ ip: 127.0.0.1 }} }} }}\n",
            "c".repeat(length)
        )
    };
    check(&client(200), &[]);
    check(
        &client(201),
        &["1:23 E030 a name may have at most 200 characters, not 201"],
    );
}

#[test]
fn a_network_has_a_name_and_a_doc() {
    check("name: home\ndoc: all at home\nnetwork: {}\n", &[]);
    check("name:\ndoc:\nnetwork: {}\n", &[]);
    check(
        "name: my-home\ndoc: [a]\nnetwork: {}\n",
        &[
            "1:7 E030 invalid name `my-home`: a name may have only letters, digits and `_`, not `-` -> write `my_home`, for example",
            "2:6 E022 `doc` must be text, not a list",
        ],
    );
}

#[test]
fn the_name_and_the_doc_of_a_network_stand_at_the_top_of_the_file() {
    check(
        "network: { name: home, doc: all at home }\n",
        &[
            "1:12 E020 unknown key `name` -> `name` belongs at the top of the file, beside `network`",
            "1:24 E020 unknown key `doc` -> `doc` belongs at the top of the file, beside `network`",
        ],
    );
    check(
        "network: { servers: { a: { ip: 127.0.0.1, port: 1, doc: x } } }\n",
        &["1:52 E020 unknown key `doc` -> `doc` is a key of a procedure, an item of `rpcs`"],
    );
}

#[test]
fn names_are_declared_once_and_follow_their_rule() {
    check(
        "
network:
  servers:
    - { name: server1, ip: 127.0.0.1, port: 1 }
    - { name: server1, ip: 127.0.0.1, port: 2 }
  clients:
    - { name: client1, ip: 127.0.0.1 }
    - { name: client1, ip: 127.0.0.1 }
",
        &[
            "4:15 E031 there are two servers called `server1` @ 3:15",
            "7:15 E031 there are two clients called `client1` @ 6:15",
        ],
    );
    check(
        "
network:
  servers:
    server1: { ip: 127.0.0.1, port: 1 }
    Server1: { ip: 127.0.0.1, port: 2 }
  clients:
    client1: { ip: 127.0.0.1 }
    cliENT1: { ip: 127.0.0.1 }
    server1: { ip: 127.0.0.1 }
  deployers: [ops, server1, ops, OPS, client1]
",
        &[
            "4:5 E032 the server `Server1` differs from `server1` only in upper and lower case @ 3:5 -> rename one of the two",
            "7:5 E032 the client `cliENT1` differs from `client1` only in upper and lower case @ 6:5 -> rename one of the two",
            "8:5 E033 `server1` is a server and a client @ 3:5 -> give them different names",
            "9:20 E033 `server1` is a server and a deployer @ 3:5 -> give them different names",
            "9:29 E031 there are two deployers called `ops` @ 9:15",
            "9:34 E032 the deployer `OPS` differs from `ops` only in upper and lower case @ 9:15 -> rename one of the two",
        ],
    );
    check(
        "
network:
  servers: { server-1: { ip: 127.0.0.1, port: 1 } }
  clients: { 9a: { ip: 127.0.0.1 }, self: { ip: 127.0.0.1 }, None: { ip: 127.0.0.1 }, é: { ip: 127.0.0.1 } }
  deployers: ['']
services: { def: { provider: server-1 }, main: { provider: server-1 } }
",
        &[
            "2:14 E030 invalid name `server-1`: a name may have only letters, digits and `_`, not `-` -> write `server_1`, for example",
            "3:14 E030 invalid name `9a`: a name must begin with a letter from A to Z, not with `9` -> write `a`, for example",
            "3:37 E030 invalid name `self`: `self` cannot be an identifier in Rust -> write `self_`, for example",
            "3:62 E030 invalid name `None`: `None` is a keyword in Python -> write `None_`, for example",
            "3:87 E030 invalid name `é`: a name must begin with a letter from A to Z, not with `é`",
            "4:15 E030 a name must not be empty",
            "5:13 E030 invalid name `def`: `def` is a keyword in Python -> write `def_`, for example",
            "5:42 E034 a service cannot be called `main` -> the name is reserved for a generated file; rename the service",
        ],
    );
}
