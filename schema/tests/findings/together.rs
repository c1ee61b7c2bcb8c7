//! Many mistakes in one file, and the look of a report.

use std::path::Path;

use super::{check, written};

const TEN: &str = "
version: 2
network:
  servers:
    server1: { ip: 127.0.0.1, port: 7101 }
    server2: { ip: localhost, port: 7102 }
  clients:
    client1: { ip: 127.0.0.1 }
    client2: { port: 1 }
services:
  svc1:
    provider: sever1
    tenant: [client1]
    tenants: [clint1]
    rpcs:
      - name: rpc1
        arguments: { a: int, b: \"List[inte]\" }
        deadline: 5
      - { name: add, arguments: [int], path: ../x.py }
      - { name: sub, arguments: [int] }
      - { name: sub, arguments: [int] }
";

#[test]
fn ten_mistakes_are_ten_findings_in_source_order() {
    check(
        TEN,
        &[
            "1:10 E023 there is no version 2 of this format -> write `version: 1`",
            "5:20 E040 invalid IP address `localhost` -> write `127.0.0.1`",
            "8:16 E020 unknown key `port` -> `port` is a key of a server",
            "11:15 E050 unknown provider `sever1` -> did you mean `server1`?",
            "12:5 E020 unknown key `tenant` -> did you mean `tenants`?",
            "13:15 E051 unknown tenant `clint1` -> did you mean `client1`?",
            "16:39 E070 bad type: there is no type `inte` -> did you mean `int`?",
            "17:19 E063 `deadline` has no unit: `5` -> add a unit, as in `5s`",
            "18:46 E060 invalid path `../x.py`: it contains `..` -> write it relative to the folder of this file, with `/` between its parts",
            "20:17 E071 there are two procedures `svc1.sub(int)` @ 19:17 -> procedures with the same name must differ in the types of their arguments; return types do not count",
        ],
    );
}

const EVERY_SECTION: &str = "
version: 0
x-tenants: &tenants [clint1]
network:
  servers: { server1: { ip: 127.0.0.1, port: 0 } }
  clients: { client-1: { ip: 127.0.0.1 } }
  deployers: [server1]
services:
  main:
    provider: [server1]
    tenants: *tenants
    modules: [a/words.py, b/words.py]
    data: [/roll.csv]
    allow: { read: [srv], memory: 512 }
    concurrency: 0
  svc2:
    provider: sever1
    tenants: *tenants
    rpcs:
      - { doc: 5, native: yes }
      - { name: new, native: true, path: new.py }
      - { name: add, arguments: { a: long }, deadline: 5sec }
";

#[test]
fn mistakes_in_every_section_are_found_in_one_run_and_reported_once() {
    check(
        EVERY_SECTION,
        &[
            "1:10 E023 there is no version 0 of this format -> write `version: 1`",
            "2:22 E051 unknown tenant `clint1` -> did you mean `client-1`?",
            "4:46 E041 a port is between 1 and 65535, not 0",
            "5:14 E030 invalid name `client-1`: a name may have only letters, digits and `_`, not `-` -> write `client_1`, for example",
            "6:15 E033 `server1` is a server and a deployer @ 4:14 -> give them different names",
            "8:3 E034 a service cannot be called `main` -> the name is reserved for a generated file; rename the service",
            "9:15 E054 a service has one provider; a list of them is reserved for a later version -> name one server: `provider: server1`",
            "11:27 E062 two modules are imported as `words` @ 11:15",
            "12:12 E060 invalid path `/roll.csv`: it is absolute -> write it relative to the folder of this file, with `/` between its parts",
            "13:21 E066 invalid granted path `srv`; expected an absolute path without `..` -> write the path on the server, such as `/srv/data`; list files of the project under `data`",
            "13:35 E064 `memory` has no unit: `512` -> add a unit, as in `512MiB`",
            "14:18 E065 `concurrency` is between 1 and 4294967295, not 0 -> 1 allows one call at a time; leave the key out to let the server decide",
            "16:15 E050 unknown provider `sever1` -> did you mean `server1`?",
            "19:9 E021 a procedure has no `name` -> add `name: rpc1`",
            "19:16 E022 `doc` must be text, not a number -> put it in quotes",
            "19:27 E022 `native` must be `true` or `false`, not text -> write `true`",
            "20:17 E034 a procedure cannot be called `new` -> the generated client has a function of that name; rename the procedure",
            "20:42 E061 a native procedure has no `path` -> it is compiled into the provider's own binary; remove `path` or `native: true`",
            "21:38 E070 bad type: there is no type `long` -> write `int`",
            "21:56 E063 invalid duration `5sec` -> write a whole number above 0 with its unit: `250ms`, `5s`, `2m`, `1h`",
        ],
    );
    let report =
        rpc_schema::parse(Path::new("init.yaml"), EVERY_SECTION).expect_err("it has many mistakes");
    let places: Vec<_> = report
        .findings
        .iter()
        .map(|finding| (finding.code, &finding.span))
        .collect();
    assert!(
        places.windows(2).all(|pair| pair[0] != pair[1]),
        "{places:?}"
    );
}

#[test]
fn a_report_looks_like_a_report_of_rustc() {
    let text = "\
network:
  servers:
    - { name: server1, ip: 127.0.0.1, port: 7101 }
    - { name: server1, ip: 127.0.0.1, port: 7102 }
  clients: { client1: { ip: 127.0.0.1 } }
services:
  svc1: { provider: server1, tenants: [clint1] }
";
    let report =
        rpc_schema::parse(Path::new("demo/init.yaml"), text).expect_err("it has two mistakes");
    let expected = include_str!("rendered.txt");
    assert_eq!(report.to_string(), expected.trim_end());
    assert!(report.render(true).contains("\u{1b}["), "no colour");
    assert_eq!(written(&report).len(), 2);
}
