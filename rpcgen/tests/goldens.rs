//! What is generated, held against the files beside each `init.yaml`.
//!
//! `UPDATE_GOLDENS=1 cargo test -p rpcgen --test goldens` writes them anew. `goldens/lib.rs` compiles them.

use std::fs;
use std::path::{Path, PathBuf};

use rpcgen::{Difference, Folder, generate};

/// The cases, each with the tenant it is generated for.
const CASES: [(&str, Option<&str>); 6] = [
    ("names", None),
    ("overloads", None),
    ("records", None),
    ("tenant", Some("client1")),
    ("tutorial", None),
    ("types", None),
];

fn folder(case: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/goldens").join(case)
}

#[test]
fn every_golden_is_what_is_generated() {
    for (case, tenant) in CASES {
        let files = generate(folder(case).join("init.yaml"), tenant).expect(case);
        let golden = Folder::new(folder(case).join("gen"));
        if std::env::var_os("UPDATE_GOLDENS").is_some() {
            golden.update(&files).expect(case);
        }
        assert_eq!(golden.compare(&files).expect(case), Vec::<Difference>::new(), "see the top of this file");
    }
}

#[test]
fn the_same_file_gives_the_same_bytes() {
    for (case, tenant) in CASES {
        let init = folder(case).join("init.yaml");
        assert_eq!(generate(&init, tenant).expect(case), generate(&init, tenant).expect(case));
    }
}

#[test]
fn a_tenants_stubs_hold_only_what_it_may_call() {
    let names = |tenant: &str| -> Vec<String> {
        let files = generate(folder("tenant").join("init.yaml"), Some(tenant)).expect(tenant);
        files.into_iter().map(|file| file.name).collect()
    };
    assert_eq!(names("client1"), ["mod.rs", "svc1.rs"]);
    assert_eq!(names("client2"), ["mod.rs", "svc1.rs", "svc2.rs"]);
}

#[test]
fn an_unknown_tenant_is_an_error_that_names_the_nearest() {
    let error = generate(folder("tenant").join("init.yaml"), Some("clinet2")).expect_err("no such client");
    assert!(error.to_string().ends_with("tenant/init.yaml`: did you mean `client2`?"), "{error}");
}

#[test]
fn twenty_procedures_take_at_most_eight_hundred_lines() {
    let rpc = |n: usize| {
        format!("      - {{ name: rpc{n}, doc: does it, arguments: {{ a: int, b: str }}, path: {n}.py }}\n")
    };
    let rpcs: String = (0..17).map(rpc).collect();
    let folder = tempfile::tempdir().expect("a folder");
    let init = folder.path().join("init.yaml");
    let calc = fs::read_to_string(self::folder("overloads").join("init.yaml")).expect("a golden");
    let head = calc.lines().take_while(|line| !line.contains("rpcs:")).collect::<Vec<_>>().join("\n");
    let adds: String =
        calc.lines().filter(|line| line.contains("name: add")).take(3).map(|l| l.to_owned() + "\n").collect();
    fs::write(&init, format!("{head}\n    rpcs:\n{rpcs}{adds}")).expect("written");
    let files = generate(&init, None).expect("stubs");
    let lines: usize = files.iter().map(|file| file.text.lines().count()).sum();
    assert!(lines <= 800, "{lines} lines");
}
