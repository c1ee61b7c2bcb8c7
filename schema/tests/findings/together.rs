//! Many mistakes in one file, and how they look.

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
    client2: {}
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
            "5:20 E040 `localhost` is no IP address -> write `127.0.0.1`",
            "8:5 E021 `client2` has no `ip` -> add `ip: 127.0.0.1`",
            "11:15 E050 unknown provider `sever1` -> did you mean `server1`?",
            "12:5 E020 unknown key `tenant` -> did you mean `tenants`?",
            "13:15 E051 unknown tenant `clint1` -> did you mean `client1`?",
            "16:39 E070 bad type: there is no type `inte` -> did you mean `int`?",
            "17:19 E063 `deadline` has no unit: `5` -> write the unit as in `5s`",
            "18:46 E060 `../x.py` is no path for a file here: it leads out of a folder with `..` -> write it relative to the folder of this file, with `/` between its parts",
            "20:17 E071 there are two procedures `svc1.sub(int)` @ 19:17 -> procedures of one name differ in the types of their arguments, not in what they return",
        ],
    );
}

#[test]
fn a_report_is_read_like_one_of_rustc() {
    let text = "\
network:
  servers:
    - { name: server1, ip: 127.0.0.1, port: 7101 }
    - { name: server1, ip: 127.0.0.1, port: 7102 }
  clients: { client1: { ip: 127.0.0.1 } }
services:
  svc1: { provider: server1, tenants: [clint1] }
";
    let report = rpc_schema::parse(Path::new("demo/init.yaml"), text).expect_err("it has two mistakes");
    let expected = include_str!("rendered.txt");
    assert_eq!(report.to_string(), expected.trim_end());
    assert!(report.render(true).contains("\u{1b}["), "no colour");
    assert_eq!(written(&report).len(), 2);
}
