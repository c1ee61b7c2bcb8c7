//! Findings for every rule of `init.yaml`: their place, message and hint.

mod network;
mod services;
mod shapes;
mod signatures;
mod together;
mod types;
mod yaml;

use std::path::Path;

use rpc_schema::{Code, Report};

/// Two servers and two clients, on one line.
const NETWORK: &str = "network: { servers: { server1: { ip: 127.0.0.1, port: 7101 }, server2: { ip: 127.0.0.1, \
                       port: 7102 } }, clients: { client1: { ip: 127.0.0.1 }, client2: { ip: 127.0.0.2 } } }\n";

/// Checks the findings in a file; a line break at its beginning is ignored. Each finding is written
/// `line:column code message`, followed by ` @ line:column` if it has a related place, and by
/// ` -> hint` if it has a hint.
fn check(text: &str, expected: &[&str]) {
    let text = text.strip_prefix('\n').unwrap_or(text);
    let found = match rpc_schema::parse(Path::new("init.yaml"), text) {
        Ok(_) => Vec::new(),
        Err(report) => written(&report),
    };
    assert_eq!(found, expected, "{text}");
}

/// Checks services in a network. Their first line is line 2 of the file.
fn check_services(text: &str, expected: &[&str]) {
    check(
        &format!("{NETWORK}{}", text.trim_start_matches('\n')),
        expected,
    );
}

/// Checks the keys of a service that has a provider. Their first line is line 5 of the file.
fn check_service(text: &str, expected: &[&str]) {
    let keys = text.trim_matches('\n').replace('\n', "\n    ");
    check_services(
        &format!("services:\n  svc1:\n    provider: server1\n    {keys}\n"),
        expected,
    );
}

fn written(report: &Report) -> Vec<String> {
    let place = |at| {
        let (line, column) = report.position(at);
        format!("{line}:{column}")
    };
    let findings = report.findings.iter().map(|finding| {
        let related = finding
            .related
            .as_ref()
            .map(|(span, _)| format!(" @ {}", place(span.start)));
        let hint = finding.hint.as_ref().map(|hint| format!(" -> {hint}"));
        let related = related.unwrap_or_default();
        let hint = hint.unwrap_or_default();
        format!(
            "{} {} {}{related}{hint}",
            place(finding.span.start),
            finding.code,
            finding.message
        )
    });
    findings.collect()
}

/// The rules that need a file on disk, a very large file or a source. Their tests are in the
/// modules that check them.
const TESTED_ELSEWHERE: [Code; 12] = [
    Code::Unreadable,
    Code::FileTooLarge,
    Code::TooManyNodes,
    Code::SourceMissing,
    Code::SourceNotAFile,
    Code::SourceTooLarge,
    Code::SourceSyntax,
    Code::FunctionMissing,
    Code::WrongArity,
    Code::WrongParameterName,
    Code::WrongAnnotation,
    Code::ImportNotShipped,
];

#[test]
fn every_rule_has_a_case() {
    let cases = [
        include_str!("network.rs"),
        include_str!("services.rs"),
        include_str!("shapes.rs"),
        include_str!("signatures.rs"),
        include_str!("types.rs"),
        include_str!("yaml.rs"),
    ]
    .concat();
    for code in Code::ALL
        .iter()
        .filter(|code| !TESTED_ELSEWHERE.contains(code))
    {
        assert!(cases.contains(&format!(" {code} ")), "{code} has no case");
    }
}
