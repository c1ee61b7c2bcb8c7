//! Compares generated stubs with the files in `gen` beside each `init.yaml`.
//!
//! `UPDATE_GOLDENS=1 cargo test -p rpcgen --test goldens` updates the files. `goldens/lib.rs`
//! compiles them.

use std::fs;
use std::path::{Path, PathBuf};

use rpcgen::{OutdatedFile, OutputFolder, generate};

/// The cases, each with the tenant of its stubs.
const CASES: [(&str, Option<&str>); 8] = [
    ("names", None),
    ("native", None),
    ("overloads", None),
    ("readme", None),
    ("records", None),
    ("tenant", Some("client1")),
    ("tutorial", None),
    ("types", None),
];

fn folder(case: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/goldens")
        .join(case)
}

#[test]
fn every_golden_is_up_to_date() {
    for (case, tenant) in CASES {
        let files = generate(folder(case).join("init.yaml"), tenant).expect(case);
        let golden = OutputFolder::new(folder(case).join("gen"));
        if std::env::var_os("UPDATE_GOLDENS").is_some() {
            golden.update(&files).expect(case);
        }
        assert_eq!(
            golden.compare(&files).expect(case),
            Vec::<OutdatedFile>::new(),
            "see the top of this file"
        );
    }
}

#[test]
fn the_same_file_gives_the_same_bytes() {
    for (case, tenant) in CASES {
        let init = folder(case).join("init.yaml");
        assert_eq!(
            generate(&init, tenant).expect(case),
            generate(&init, tenant).expect(case)
        );
    }
}

#[test]
fn a_tenants_stubs_contain_only_what_it_may_call() {
    let names = |tenant: &str| -> Vec<String> {
        let files = generate(folder("tenant").join("init.yaml"), Some(tenant)).expect(tenant);
        files.into_iter().map(|file| file.name).collect()
    };
    assert_eq!(names("client1"), ["mod.rs", "svc1.rs"]);
    assert_eq!(names("client2"), ["mod.rs", "svc1.rs", "svc2.rs"]);
}

#[test]
fn an_unknown_tenant_is_an_error_that_names_the_nearest() {
    let error =
        generate(folder("tenant").join("init.yaml"), Some("clinet2")).expect_err("no such client");
    assert!(
        error
            .to_string()
            .ends_with("tenant/init.yaml`: did you mean `client2`?"),
        "{error}"
    );
}

/// Returns the number of lines of the stubs of a service with these procedures, with `mod.rs`.
fn lines_of(procedures: &[String], is_native: bool) -> usize {
    let folder = tempfile::tempdir().expect("a folder");
    let init = folder.path().join("init.yaml");
    let entry = |rpc: &String| format!("      - {{ {rpc}, native: {is_native} }}\n");
    let rpcs: String = procedures.iter().map(entry).collect();
    let head = "network: { servers: { a: { ip: '::1', port: 1 } }, clients: { c: { ip: '::1' } } }\n\
                services:\n  s:\n    provider: a\n    tenants: [c]\n    rpcs:\n";
    fs::write(&init, format!("{head}{rpcs}")).expect("written");
    generate(&init, None)
        .expect("stubs")
        .iter()
        .map(|file| file.text.lines().count())
        .sum()
}

#[test]
fn a_procedure_takes_a_bounded_number_of_lines() {
    let singles = |arguments: &str| -> Vec<String> {
        let rpc = |n| {
            format!(
                "name: rpc{n}, doc: does it, arguments: {{ {arguments} }}, returns: 'Dict[str, int]'"
            )
        };
        (0..20).map(rpc).collect()
    };
    let sets = |arity: usize| -> Vec<String> {
        let rpc = |n: usize| {
            let types = vec![["int", "float", "str", "'List[int]'"][n % 4]; arity].join(", ");
            format!(
                "name: rpc{}, doc: does it, arguments: [{types}], returns: str",
                n / 4
            )
        };
        (0..20).map(rpc).collect()
    };
    for procedures in [
        singles("a: int, b: str"),
        singles(
            "name: str, values: 'List[float]', limits: 'Dict[str, Optional[int]]', verbose: bool",
        ),
        sets(1),
        sets(2),
        sets(4),
    ] {
        let lines = lines_of(&procedures, false);
        assert!(lines <= 2400, "{lines} lines: {}", procedures[0]);
        let skeleton = lines_of(&procedures, true) - lines;
        assert!(
            skeleton <= 20 * 25 + 25,
            "{skeleton} lines of a skeleton: {}",
            procedures[0]
        );
    }
}
