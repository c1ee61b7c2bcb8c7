//! Checks what a file that extends another one means, and where its findings are.

use std::collections::HashMap;
use std::path::Path;

use rpc_schema::{Code, Document, MAX_FILES, Report, load, parse_with};

const BASE: &str = "\
version: 1
name: shop
doc: sells things
network:
  servers:
    server1: { ip: 127.0.0.1, port: 7101 }
    server2: { ip: 127.0.0.1, port: 7102 }
  clients:
    client1: { ip: 127.0.0.1 }
  deployers: [ops, night]
types:
  Level: [low, high]
  Tally: { votes: int }
services:
  svc1:
    provider: server1
    tenants: [client1]
    concurrency: 4
    allow: { connect: [5432], env: [TZ] }
    rpcs:
      - { name: rpc1, arguments: { level: Level }, returns: int }
      - { name: rpc2, returns: Tally }
";

/// Checks `main.yaml` among other files, each with its path.
fn read(main: &str, others: &[(&str, &str)]) -> Result<Document, Report> {
    let others: HashMap<&str, &str> = others.iter().copied().collect();
    parse_with(Path::new("main.yaml"), main, |path| {
        let text = path.to_str().and_then(|path| others.get(path));
        text.map(|text| (*text).to_owned())
            .ok_or_else(|| format!("cannot read `{}`", path.display()))
    })
}

/// Returns each finding as `file:line:column code message`, with ` @ file:line:column` for its
/// related place.
fn findings(main: &str, others: &[(&str, &str)]) -> Vec<String> {
    let report = read(main, others).expect_err("a wrong file");
    let places = report.places();
    let at = |offset| {
        let found = places.locate(offset);
        format!("{}:{}:{}", found.path.display(), found.line, found.column)
    };
    let written = report.findings.iter().map(|finding| {
        let related = finding.related.as_ref();
        let related =
            related.map_or_else(String::new, |(span, _)| format!(" @ {}", at(span.start)));
        let (at, code, message) = (at(finding.span.start), finding.code, &finding.message);
        format!("{at} {code} {message}{related}")
    });
    written.collect()
}

#[test]
fn keys_are_merged_by_name_and_everything_else_is_replaced() {
    let main = "\
extends: base.yaml
name: market
doc:
network:
  servers:
    server2: { ip: 10.0.0.2 }
    server3: { ip: 10.0.0.3, port: 7101 }
  clients:
  deployers: [ops]
types:
  Tally: { votes: int, level: Level }
services:
  svc1:
    provider: server3
    concurrency: 2
    allow: { env: [] }
  svc2: { provider: server1, rpcs: [{ name: rpc3, path: other/rpc3.py }] }
";
    let changed = "\
name: market
doc: sells things
network:
  servers:
    server1: { ip: 127.0.0.1, port: 7101 }
    server2: { ip: 10.0.0.2, port: 7102 }
    server3: { ip: 10.0.0.3, port: 7101 }
  clients: { client1: { ip: 127.0.0.1 } }
  deployers: [ops]
types:
  Level: [low, high]
  Tally: { votes: int, level: Level }
services:
  svc1:
    provider: server3
    tenants: [client1]
    concurrency: 2
    allow: { connect: [5432], env: [] }
    rpcs:
      - { name: rpc1, arguments: { level: Level }, returns: int }
      - { name: rpc2, returns: Tally }
  svc2: { provider: server1, rpcs: [{ name: rpc3, path: other/rpc3.py }] }
";
    let merged = read(main, &[("base.yaml", BASE)]).expect("a good file");
    let mut written = read(changed, &[]).expect("a good file").schema;
    assert_ne!(merged.schema.sha256, written.sha256);
    written.sha256.clone_from(&merged.schema.sha256);
    assert_eq!(merged.schema, written);
    let paths: Vec<_> = merged.paths().collect();
    assert_eq!(paths, [Path::new("main.yaml"), Path::new("base.yaml")]);
}

#[test]
fn a_file_may_give_an_ip_to_a_client_of_its_base() {
    let base = "network: { clients: { ci: , home: {}, work: { ip: 10.0.0.1 } } }\n";
    let main = "extends: base.yaml\nnetwork: { clients: { ci: { ip: 10.0.0.9 }, work: , new: } }\n";
    let document = read(main, &[("base.yaml", base)]).expect("a good file");
    let addresses: Vec<String> = document
        .schema
        .network
        .clients
        .iter()
        .map(|client| format!("{} {:?}", client.name, client.ip))
        .collect();
    assert_eq!(
        addresses,
        [
            "ci Some(10.0.0.9)",
            "home None",
            "work Some(10.0.0.1)",
            "new None"
        ]
    );
}

#[test]
fn aliases_of_both_files_keep_their_meaning() {
    let base = "\
x-machine: &machine { ip: 127.0.0.1, port: 1 }
network:
  servers:
    a: *machine
    b: { ip: *address, port: 2 }
";
    let base = base.replace("ip: 127.0.0.1, port: 1", "ip: &address 127.0.0.1, port: 1");
    let main = "\
extends: base.yaml
x-other: &other { port: 3 }
network: { servers: { a: *other, c: { ip: '::1', port: 3 } } }
";
    let document = read(main, &[("base.yaml", &base)]).expect("a good file");
    let addresses: Vec<String> = document
        .schema
        .network
        .servers
        .iter()
        .map(|server| format!("{} {}", server.name, server.address))
        .collect();
    assert_eq!(addresses, ["a 127.0.0.1:3", "b 127.0.0.1:2", "c [::1]:3"]);
}

#[test]
fn findings_are_in_the_file_in_which_the_mistake_is() {
    let main = "extends: base.yaml\nnetwork:\n  servers:\n    server2: { port: 7101 }\n    server4: { ip: 10.0.0.1 }\n";
    let base = BASE.replace("tenants: [client1]", "tenants: [clint1]");
    let found = findings(main, &[("base.yaml", &base)]);
    assert_eq!(
        found,
        [
            "main.yaml:4:22 E042 two servers listen on `127.0.0.1:7101` @ base.yaml:6:37",
            "main.yaml:5:5 E021 `server4` has no `port`",
            "base.yaml:17:15 E051 unknown tenant `clint1`",
        ]
    );
    let main = "extends: base.yaml\nnetwork:\n  servers:\n    server2: { port: 7101 }\n";
    let report = read(main, &[("base.yaml", BASE)]).expect_err("two servers on one address");
    let rendered = report.to_string();
    assert!(rendered.contains("main.yaml:4:"), "{rendered}");
    assert!(rendered.contains("base.yaml:6:"), "{rendered}");
    let both = read(
        "extends: base.yaml\nnetwork: { ports: x }\n",
        &[("base.yaml", &base)],
    );
    let rendered = both.expect_err("a mistake in each").to_string();
    assert!(
        rendered.ends_with("2 errors in main.yaml and base.yaml"),
        "{rendered}"
    );
}

#[test]
fn mistakes_in_the_yaml_of_a_base_are_in_the_base() {
    for (base, expected) in [
        ("a: {\n", "base.yaml:2:1 E003"),
        ("network: {}\nnetwork: {}\n", "base.yaml:2:1 E007"),
        ("extends: [x]\n", "base.yaml:1:10 E022"),
        ("- a\n- b\n", "base.yaml:1:3 E022"),
        ("\u{feff}netwrk: {}\n", "base.yaml:1:1 E020"),
    ] {
        let found = findings("extends: base.yaml\n", &[("base.yaml", base)]);
        assert!(
            found.iter().any(|found| found.starts_with(expected)),
            "{found:?}"
        );
    }
}

#[test]
fn a_list_of_entries_cannot_be_merged_with_entries_by_name() {
    let main = "extends: base.yaml\nnetwork:\n  servers:\n    - { name: server1, ip: 10.0.0.1, port: 1 }\n";
    let found = findings(main, &[("base.yaml", BASE)]);
    let expected = "main.yaml:3:3 E024 `servers` cannot be merged with that of the base: only entries by name can \
                    @ base.yaml:5:3";
    assert!(found.contains(&expected.to_owned()), "{found:?}");
}

#[test]
fn several_files_may_extend_each_other_in_a_row() {
    let middle = "extends: ../base.yaml\nnetwork: { servers: { server1: { port: 9 } } }\n";
    let main = "extends: sub/middle.yaml\nnetwork: { servers: { server1: { ip: 10.0.0.9 } } }\n";
    let document = read(
        main,
        &[("sub/middle.yaml", middle), ("sub/../base.yaml", BASE)],
    )
    .expect("good files");
    assert_eq!(
        document.schema.network.servers[0].address.to_string(),
        "10.0.0.9:9"
    );
    assert_eq!(document.folder(), Path::new("sub/.."));
    let chain: Vec<(String, String)> = (0..MAX_FILES)
        .map(|at| (format!("{at}.yaml"), format!("extends: {}.yaml\n", at + 1)))
        .collect();
    let mut files: Vec<(&str, &str)> = chain
        .iter()
        .map(|(path, text)| (path.as_str(), text.as_str()))
        .collect();
    let found = findings("extends: 0.yaml\n", &files);
    assert_eq!(
        found,
        ["6.yaml:1:10 E024 more than 8 files extend each other in a row"]
    );
    files[MAX_FILES - 2].1 = BASE;
    read("extends: 0.yaml\n", &files).expect("as many as are allowed");
}

#[test]
fn what_cannot_be_extended_is_named_with_the_reason() {
    for (main, others, expected) in [
        (
            "extends: none.yaml\n",
            &[][..],
            "main.yaml:1:10 E024 cannot read `none.yaml`",
        ),
        (
            "extends: ./x/../main.yaml\n",
            &[],
            "main.yaml:1:10 E024 `./x/../main.yaml` is extended by itself",
        ),
        (
            "extends: a.yaml\n",
            &[("a.yaml", "extends: main.yaml\n")],
            "a.yaml:1:10 E024 `main.yaml` is extended by itself",
        ),
        (
            "extends: https://example.org/init.yaml\n",
            &[],
            "main.yaml:1:10 E024 `https://example.org/init.yaml` is not the path of a file",
        ),
        (
            "extends: ''\n",
            &[],
            "main.yaml:1:10 E024 `` is not the path of a file",
        ),
        (
            "extends: 7\n",
            &[],
            "main.yaml:1:10 E022 `extends` must be the path of one file",
        ),
        (
            "extends:\n",
            &[],
            "main.yaml:1:1 E022 `extends` must be the path of one file",
        ),
    ] {
        assert_eq!(findings(main, others), [expected]);
    }
}

#[test]
fn a_base_is_read_beside_the_file_that_extends_it() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = |name: &str| folder.path().join(name);
    std::fs::create_dir_all(file("sites")).expect("created");
    std::fs::create_dir_all(file("services/svc1")).expect("created");
    std::fs::write(file("init.yaml"), BASE).expect("written");
    std::fs::write(file("services/svc1/rpc1.py"), "").expect("written");
    std::fs::write(file("sites/test.yaml"), "extends: ../init.yaml\n").expect("written");
    let document = load(&file("sites/test.yaml")).expect("a good file");
    assert_eq!(document.folder(), file("sites/.."));
    let report = document.check_files().expect_err("rpc2.py is missing");
    assert_eq!(report.findings[0].code, Code::SourceMissing);
    assert_eq!(report.position(report.findings[0].span.start), (22, 17));
    assert!(report.to_string().contains("init.yaml:22:17"), "{report}");
    std::fs::remove_file(file("init.yaml")).expect("removed");
    let report = load(&file("sites/test.yaml")).expect_err("the base is missing");
    let message = &report.findings[0].message;
    assert!(
        message.ends_with("init.yaml`: there is no such file"),
        "{message}"
    );
    assert!(report.has_text());
}
