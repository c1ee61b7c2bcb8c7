//! The unchecked content of an `init.yaml`, as serde decodes it.
//!
//! The types mirror the single form into which [`crate::shape`] brings a file. A `None` means that
//! a value is absent, or that it was removed because of a mistake. The mistake has its finding
//! already, so the code that reads a `None` must not report it again.

use serde::Deserialize;
use serde_yaml::Value;

use crate::diagnostic::{Code, Finding, Findings, Lines};
use crate::guard::SpanTable;
use crate::shape;

/// Entries, each with the name under which it is declared.
pub(crate) type NamedEntries<T> = Vec<(Option<String>, Option<T>)>;

/// The texts of a list.
pub(crate) type Texts = Vec<Option<String>>;

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RawFile {
    pub(crate) version: Option<i64>,
    pub(crate) name: Option<String>,
    pub(crate) doc: Option<String>,
    pub(crate) network: Option<RawNetwork>,
    pub(crate) types: Option<NamedEntries<RawType>>,
    pub(crate) services: Option<NamedEntries<RawService>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RawNetwork {
    pub(crate) servers: Option<NamedEntries<RawServer>>,
    pub(crate) clients: Option<NamedEntries<RawClient>>,
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

/// A record if `fields` are given, an enumeration if `items` are given.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RawType {
    pub(crate) doc: Option<String>,
    pub(crate) fields: Option<NamedEntries<String>>,
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
    /// The types of the arguments, with the names of those that the file names.
    pub(crate) arguments: Option<NamedEntries<String>>,
    pub(crate) returns: Option<Texts>,
    pub(crate) path: Option<String>,
    pub(crate) native: Option<bool>,
    pub(crate) deadline: Option<String>,
    pub(crate) idempotent: Option<bool>,
}

/// Decodes a text that the guard has accepted into a value.
pub(crate) fn value(text: &str) -> Result<Value, Findings> {
    serde_yaml::from_str(text).map_err(|error| {
        let at = error
            .location()
            .map_or(0, |at| Lines::new(text).offset(at.line(), at.column()));
        undecodable(at, &error).into()
    })
}

/// Decodes the value of a file. Returns `None` if nothing is left to check.
pub(crate) fn decode(
    mut value: Value,
    table: &SpanTable<'_>,
    findings: &mut Findings,
) -> Option<RawFile> {
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

/// Returns the finding for a text that the guard and the shapes accept, but serde does not.
fn undecodable(at: usize, error: &serde_yaml::Error) -> Finding {
    Finding::new(
        Code::Undecodable,
        at..at,
        format!("this cannot be decoded: {error}"),
    )
    .hint("write it in a simpler way, with quotes around texts")
}
