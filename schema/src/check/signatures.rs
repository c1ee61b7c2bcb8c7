//! Overloads: procedures of one name are told apart by the types of their arguments.

use std::collections::HashMap;

use super::rpcs::Placed;
use crate::diagnostic::{Code, Finding, Findings};
use crate::signature::Key;

/// Refuses two procedures with one key; returns those that are the first with theirs.
pub(super) fn check_signatures<'r, 'a>(
    service: &str,
    rpcs: &[&'r Placed<'a>],
    findings: &mut Findings,
) -> Vec<&'r Placed<'a>> {
    let mut first: HashMap<Key, &Placed<'_>> = HashMap::with_capacity(rpcs.len());
    let mut distinct = Vec::with_capacity(rpcs.len());
    for placed in rpcs {
        let key = placed.key(service);
        let Some(other) = first.get(&key) else {
            first.insert(key, placed);
            distinct.push(*placed);
            continue;
        };
        let message = format!("there are two procedures `{key}`");
        let finding = Finding::new(Code::DuplicateSignature, placed.at.head(), message);
        findings.push(
            finding.related(other.at.head(), "the first is here").hint(
                "procedures of one name differ in the types of their arguments, not in what they return",
            ),
        );
    }
    distinct
}

impl Placed<'_> {
    fn key(&self, service: &str) -> Key {
        let types: Vec<_> = self
            .rpc
            .parameters
            .iter()
            .map(|parameter| parameter.ty.clone())
            .collect();
        Key::new(service, self.rpc.name.as_str(), &types)
    }
}
