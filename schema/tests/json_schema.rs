//! Checks that the JSON Schema and the check agree: the schema accepts every correct file, and
//! refuses every mistake that a schema can see.

#[allow(dead_code, reason = "only its cases are used here, not its checks")]
mod fuzzing;

use std::path::Path;

use boon::{Compiler, SchemaIndex, Schemas};
use rpc_schema::json_schema::{ID, json_schema};
use rpc_schema::{Code, Type};

/// A file with one service, to which a test adds a line.
const SERVICE: &str = "\
network: { servers: { server1: { ip: 127.0.0.1, port: 7101 } }, clients: { client1: { ip: 127.0.0.1 } } }
services:
  svc1:
    provider: server1
    ";

/// The first rule that a schema can check. Rules with smaller numbers are about YAML itself.
const FIRST_SEEN: u16 = Code::UnknownKey as u16;

/// The rules that a schema cannot check, because they compare several parts of a file. In a type, a
/// schema can only check the beginning and the end.
const UNSEEN: [Code; 14] = [
    Code::DuplicateName,
    Code::NamesDifferInCase,
    Code::TwoRoles,
    Code::DuplicateAddress,
    Code::UnknownProvider,
    Code::UnknownTenant,
    Code::TenantIsServer,
    Code::NativeWithPath,
    Code::SameFile,
    Code::BadType,
    Code::DuplicateSignature,
    Code::GeneratedName,
    Code::RecursiveType,
    Code::TypeTooLarge,
];

struct Validator {
    schemas: Schemas,
    root: SchemaIndex,
}

impl Validator {
    fn new() -> Self {
        let schema = serde_json::to_value(json_schema("")).expect("JSON");
        let mut compiler = Compiler::new();
        let mut schemas = Schemas::new();
        compiler.add_resource(ID, schema).expect("a schema");
        let root = compiler
            .compile(ID, &mut schemas)
            .expect("a schema of the draft");
        Self { schemas, root }
    }

    /// Returns why the schema refuses a text; `None` if it accepts the text.
    fn refusal(&self, text: &str) -> Option<String> {
        let file = serde_yaml::from_str(text).unwrap_or_else(|error| panic!("{error}:\n{text}"));
        self.schemas
            .validate(&file, self.root)
            .err()
            .map(|error| format!("{error}\n{text}"))
    }
}

/// Returns the codes of the findings of the check.
fn found(text: &str) -> Vec<Code> {
    let report = rpc_schema::parse(Path::new("init.yaml"), text).err();
    report
        .map(|report| report.findings.iter().map(|finding| finding.code).collect())
        .unwrap_or_default()
}

/// The corpus has the files of the reference, of the explanations and of the demo.
#[test]
fn a_file_is_refused_if_it_breaks_a_rule_that_a_schema_can_see() {
    let validator = Validator::new();
    let mut counts = [0, 0];
    for text in fuzzing::corpus() {
        let codes = found(&text);
        if codes.iter().any(|code| (*code as u16) < FIRST_SEEN) {
            continue;
        }
        let is_seen = codes.iter().any(|code| !UNSEEN.contains(code));
        let refusal = validator.refusal(&text);
        assert_eq!(
            refusal.is_some(),
            is_seen,
            "{codes:?} {}",
            refusal.unwrap_or(text)
        );
        counts[usize::from(is_seen)] += 1;
    }
    assert!(counts[0] > 40 && counts[1] > 15, "{counts:?}");
}

#[test]
fn the_schema_accepts_every_mutated_file_and_type_that_the_check_accepts() {
    const CASES: u64 = 3_000;
    let validator = Validator::new();
    let corpus = fuzzing::corpus();
    let mut counts = [0, 0];
    for fuzzing::Case { file, ty } in (0..CASES).map(|seed| fuzzing::Case::new(&corpus, seed)) {
        if found(&file).is_empty() {
            counts[0] += 1;
            assert_eq!(validator.refusal(file.trim_start_matches('\u{feff}')), None);
        }
        if let Ok(ty) = Type::parse(&ty) {
            counts[1] += 1;
            assert_eq!(
                validator.refusal(&format!(
                    "{SERVICE}rpcs: [{{ name: a, returns: \"{ty}\" }}]"
                )),
                None
            );
        }
    }
    assert!(counts[0] > 50 && counts[1] > 50, "{counts:?}");
}

#[test]
fn wrong_keys_kinds_and_texts_are_refused() {
    let validator = Validator::new();
    for (line, code) in [
        ("tenant: [client1]", Code::UnknownKey),
        ("name: svc1", Code::UnknownKey),
        ("allow: { exec: true }", Code::UnknownKey),
        ("rpcs: [{ doc: nameless }]", Code::MissingKey),
        ("tenants: client1", Code::WrongKind),
        ("concurrency: '4'", Code::WrongKind),
        ("concurrency: 0", Code::BadConcurrency),
        ("tenants: [client1, client1]", Code::DuplicateTenant),
        ("rpcs: [{ name: def }]", Code::BadName),
        (
            "rpcs: [{ name: rpc1, arguments: { a-b: int } }]",
            Code::BadName,
        ),
        ("rpcs: [{ name: serve }]", Code::ReservedName),
        ("rpcs: [{ name: rpc1, native: yes }]", Code::WrongKind),
        ("rpcs: [{ name: rpc1, deadline: 0s }]", Code::BadDuration),
        ("rpcs: [{ name: rpc1, deadline: 1.5s }]", Code::BadDuration),
        ("rpcs: [{ name: rpc1, path: /rpc1.py }]", Code::BadPath),
        ("rpcs: [{ name: rpc1, path: a/../rpc1.py }]", Code::BadPath),
        ("rpcs: [{ name: rpc1, path: a/ }]", Code::BadPath),
        ("rpcs: [{ name: rpc1, returns: 'Lis[int' }]", Code::BadType),
        ("rpcs: [{ name: rpc1, returns: 'Lis[int]' }]", Code::BadType),
        ("rpcs: [{ name: rpc1, returns: 'List[int' }]", Code::BadType),
        (
            "rpcs: [{ name: rpc1, returns: 'int | str' }]",
            Code::BadType,
        ),
        ("rpcs: [{ name: rpc1, returns: [1] }]", Code::WrongKind),
        ("allow: { memory: 512MB }", Code::BadSize),
        ("allow: { connect: [0] }", Code::BadGrant),
        ("allow: { read: [/srv/../etc] }", Code::BadGrant),
        ("allow: { env: ['A=1'] }", Code::BadGrant),
    ] {
        let text = format!("{SERVICE}{line}\n");
        assert_eq!(found(&text), [code], "{line}");
        assert!(validator.refusal(&text).is_some(), "{line}");
    }
}

#[test]
fn every_way_to_write_a_value_is_accepted() {
    let validator = Validator::new();
    for line in [
        "tenants:\n    rpcs:\n    allow:\n    concurrency:",
        "rpcs: [{ name: a, doc: ~, arguments: ~, returns: ~, path: ~, native: ~, deadline: ~, idempotent: ~ }]",
        "rpcs: [{ name: rpc1, arguments: {}, returns: [] }]",
        "rpcs: [{ name: rpc1, deadline: 05 ms, path: .//a/.b/..c }]",
        "rpcs: [{ name: rpc1, returns: ' list[ dict[string,Optional[T]] ] ' }]\ntypes: { T: [def] }",
        "allow: { read: [/, '//a//b/', /...], env: [a b] }",
        "data: [a b.csv]\ntypes: { T: { fields: { fields: str } }, U: { fields: str }, V: { doc: x, items: [a] } }",
        "data: []\ntypes: [{ name: T, doc: x, fields: { a: int } }, { name: U, items: [a] }]\nversion:\nx-: 1",
    ] {
        let text = format!("{SERVICE}{line}\n");
        assert_eq!(found(&text), [], "{line}");
        assert_eq!(validator.refusal(&text), None);
    }
}

#[test]
fn a_client_without_an_ip_is_accepted() {
    let validator = Validator::new();
    for clients in [
        "{ ci: {}, home: { ip: '::1' } }",
        "{ ci: , home: { ip: } }",
        "[{ name: ci }, { name: home, ip: }]",
    ] {
        let text = format!("network: {{ clients: {clients} }}\n");
        assert_eq!(found(&text), [], "{text}");
        assert_eq!(validator.refusal(&text), None);
    }
    for clients in ["{ ci: 127.0.0.1 }", "{ ci: { pi: '::1' } }", "[ci]", "[{}]"] {
        let text = format!("network: {{ clients: {clients} }}\n");
        assert!(validator.refusal(&text).is_some(), "{text}");
    }
}

#[test]
fn a_file_that_extends_another_may_leave_out_what_is_required() {
    let validator = Validator::new();
    let changes = "network: { servers: { server1: { ip: 10.0.0.1 }, server2: }, clients: [{ name: a }] }\n\
                   services: { svc1: { tenants: [client1] } }\n";
    assert!(validator.refusal(changes).is_some());
    let extending = format!("extends: ../base.yaml\n{changes}");
    assert_eq!(validator.refusal(&extending), None);
    for wrong in [
        "extends: [a.yaml]\n",
        "extends: ''\n",
        "extends: a\nnetwork: { servers: { s: { pot: 1 } } }\n",
    ] {
        assert!(validator.refusal(wrong).is_some(), "{wrong}");
    }
}
