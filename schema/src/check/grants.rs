//! Grants: what the code of a service may use on the server's machine.

use std::num::NonZeroU64;

use super::all_or_none;
use super::network::check_port;
use super::units::check_size;
use crate::diagnostic::{Code, Finding, Findings};
use crate::guard::Place;
use crate::model::Grants;
use crate::raw::{RawGrants, Texts};

pub(super) fn check_grants(
    raw: RawGrants,
    at: Place<'_>,
    findings: &mut Findings,
) -> Option<Grants> {
    let connect = check_connect(
        raw.connect.unwrap_or_default(),
        at.field("connect"),
        findings,
    );
    let read = check_all(raw.read, at.field("read"), findings, check_absolute);
    let write = check_all(raw.write, at.field("write"), findings, check_absolute);
    let env = check_all(raw.env, at.field("env"), findings, check_variable);
    let memory = check_memory(raw.memory.as_deref(), at.field("memory"), findings);
    Some(Grants {
        connect: connect?,
        read: read?,
        write: write?,
        memory: memory?,
        env: env?,
    })
}

fn check_connect(
    raw: Vec<Option<i64>>,
    at: Place<'_>,
    findings: &mut Findings,
) -> Option<Vec<u16>> {
    let ports = at
        .children()
        .zip(raw)
        .map(|(at, port)| check_port(port?, at, Code::BadGrant, findings));
    all_or_none(ports.collect())
}

fn check_all(
    raw: Option<Texts>,
    at: Place<'_>,
    findings: &mut Findings,
    check: fn(String) -> Result<String, (String, &'static str)>,
) -> Option<Vec<String>> {
    let texts = at
        .children()
        .zip(raw.unwrap_or_default())
        .map(|(at, text)| match check(text?) {
            Ok(text) => Some(text),
            Err((message, hint)) => {
                findings.push(Finding::new(Code::BadGrant, at.span(), message).hint(hint));
                None
            }
        });
    all_or_none(texts.collect())
}

fn check_absolute(path: String) -> Result<String, (String, &'static str)> {
    let leads_up = path.split('/').any(|part| part == "..");
    if path.starts_with('/') && !leads_up && !path.contains('\0') {
        return Ok(path);
    }
    let message = format!(
        "invalid granted path `{}`; expected an absolute path without `..`",
        path.escape_debug()
    );
    Err((
        message,
        "write the path on the server, such as `/srv/data`; list files of the project under `data`",
    ))
}

fn check_variable(name: String) -> Result<String, (String, &'static str)> {
    if !name.is_empty() && !name.contains(['=', '\0']) {
        return Ok(name);
    }
    let message = format!(
        "invalid name of an environment variable: `{}`",
        name.escape_debug()
    );
    Err((
        message,
        "write only the name; the value comes from the server's own environment",
    ))
}

/// Returns the outer `None` for an invalid value, and the inner `None` if there is no value.
#[allow(clippy::option_option)]
fn check_memory(
    raw: Option<&str>,
    at: Place<'_>,
    findings: &mut Findings,
) -> Option<Option<NonZeroU64>> {
    match raw {
        Some(text) => check_size(text, at, findings).map(Some),
        None => Some(None),
    }
}
