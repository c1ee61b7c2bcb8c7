//! What an `init.yaml` says, before anybody asked whether it makes sense: the mirror that serde
//! fills.
//!
//! It mirrors the one form that [`crate::shape`] brings a file into. A `None` is something that is
//! not there, or a hole about which a finding has been made already; whoever reads it keeps silent
//! about it.

use serde::Deserialize;
use serde_yaml::Value;

use crate::diagnostic::{Code, Finding, Findings, Lines};
use crate::guard::SpanTable;
use crate::shape;

/// Entries with the names that they are declared under.
pub(crate) type Named<T> = Vec<(Option<String>, Option<T>)>;

/// Texts of a list.
pub(crate) type Texts = Vec<Option<String>>;

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RawFile {
    pub(crate) version: Option<i64>,
    pub(crate) network: Option<RawNetwork>,
    pub(crate) types: Option<Named<RawType>>,
    pub(crate) services: Option<Named<RawService>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RawNetwork {
    pub(crate) servers: Option<Named<RawServer>>,
    pub(crate) clients: Option<Named<RawClient>>,
    pub(crate) deployers: Option<Texts>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RawServer {
    pub(crate) ip: Option<String>,
    pub(crate) port: Option<i64>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RawClient {
    pub(crate) ip: Option<String>,
}

/// A record where `fields` are given, an enumeration where `items` are.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RawType {
    pub(crate) doc: Option<String>,
    pub(crate) fields: Option<Named<String>>,
    pub(crate) items: Option<Texts>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RawService {
    pub(crate) provider: Option<String>,
    pub(crate) tenants: Option<Texts>,
    pub(crate) modules: Option<Texts>,
    pub(crate) data: Option<Texts>,
    pub(crate) allow: Option<RawGrants>,
    pub(crate) concurrency: Option<i64>,
    pub(crate) rpcs: Option<Vec<Option<RawRpc>>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RawGrants {
    pub(crate) connect: Option<Vec<Option<i64>>>,
    pub(crate) read: Option<Texts>,
    pub(crate) write: Option<Texts>,
    pub(crate) memory: Option<String>,
    pub(crate) env: Option<Texts>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RawRpc {
    pub(crate) name: Option<String>,
    pub(crate) doc: Option<String>,
    /// Types, with their names where the file gives names.
    pub(crate) arguments: Option<Named<String>>,
    pub(crate) returns: Option<Texts>,
    pub(crate) path: Option<String>,
    pub(crate) native: Option<bool>,
    pub(crate) deadline: Option<String>,
    pub(crate) idempotent: Option<bool>,
}

/// Decodes a text that the guard has let through; `None` when there is nothing left to check.
pub(crate) fn decode(
    text: &str,
    table: &SpanTable<'_>,
    findings: &mut Findings,
) -> Option<RawFile> {
    let mut value: Value = match serde_yaml::from_str(text) {
        Ok(value) => value,
        Err(error) => {
            let at = error
                .location()
                .map_or(0, |at| Lines::new(text).offset(at.line(), at.column()));
            findings.push(undecodable(at, &error));
            return None;
        }
    };
    let Some(root) = table.root().filter(|_| !value.is_null()) else {
        let finding = Finding::new(Code::MissingKey, 0..0, "the file has no `network`");
        findings.push(finding.hint("add `network: { servers: ..., clients: ... }`"));
        return None;
    };
    shape::conform(root, &mut value, findings);
    match serde_yaml::from_value(value) {
        Ok(raw) => raw,
        Err(error) => {
            findings.push(undecodable(root.span().start, &error));
            None
        }
    }
}

/// For what the guard and the shapes let through and serde does not.
fn undecodable(at: usize, error: &serde_yaml::Error) -> Finding {
    Finding::new(
        Code::Undecodable,
        at..at,
        format!("this cannot be decoded: {error}"),
    )
    .hint("write it more plainly, with quotes around texts")
}
